"""Billing periods and their bills, as clients of that surface speak it."""

from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from services.api import period_bills
from tests.fixtures.http_api import Api

exact = msgspec.json.Decoder(
    dict[str, Any], float_hook=Decimal
).decode  # numbers of this surface never are floats


async def start(api: Api, customer: str = "cust-1", days: int = 30, key: str | None = None) -> Any:
    body = {"customer_id": customer, "currency": "USD", "billing_period_days": days}
    return await api.post("/bills/startbillingperiod", body, key)


async def make(api: Api, customer: str = "cust-1", currency: str = "USD") -> Any:
    return await api.post("/bills/createbill", {"customer_id": customer, "currency": currency})


async def add(api: Api, bill_id: str, amount: str = "10.5", **body: Any) -> httpx.Response:
    key = body.pop("key", None)
    rest = {"description": "compute", "quantity": 1, "currency": "USD", **body}
    content = msgspec.json.encode({"amount": msgspec.Raw(amount.encode()), **rest})
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    return await api.client.post(
        f"/bills/addItem/cust-1/{bill_id}", content=content, headers=headers
    )


async def bill_of(api: Api, **fields: Any) -> str:
    assert (await start(api)).status_code == 200
    made = await make(api, **fields)
    assert made.status_code == 200, made.text
    bill_id: str = made.json()["bill_id"]
    assert made.json()["workflow_id"] == f"bill/demo/{bill_id}"
    return bill_id


async def test_a_period_with_its_bills_from_start_to_end(api: Api) -> None:
    bill_id = await bill_of(api)
    added = exact((await add(api, bill_id, quantity=3)).content)
    assert added["line_item"] == {
        "id": added["line_item"]["id"],
        "description": "compute",
        "amount": Decimal("10.5"),
        "quantity": 3,
        "currency": "USD",
        "converted_amount": Decimal("31.50"),
        "exchange_rate": 1,
        "accrual_factor": Decimal("1.0"),
        "added_at": added["line_item"]["added_at"],
    }
    assert added["bill"]["items"] == [added["line_item"]]
    assert added["bill"]["total_amount"] == Decimal("31.50")
    read = exact((await api.client.get(f"/bills/getBill/cust-1/{bill_id}")).content)
    assert read["bill"] == added["bill"]
    closed = await api.post(f"/bills/close/cust-1/{bill_id}", {"reason": "asked"})
    assert closed.status_code == 200
    answer = exact(closed.content)
    assert (answer["total_amount"], answer["total_items"]) == (Decimal("31.50"), 1)
    assert (answer["bill"]["status"], answer["bill"]["close_reason"]) == ("CLOSED", "asked")
    assert answer["closed_at"] == answer["bill"]["closed_at"]
    await make(api)
    listed = exact((await api.post("/bills/listBills/cust-1", {})).content)
    assert (len(listed["bills"]), listed["total"]) == (2, Decimal("31.50"))
    open_ = exact((await api.post("/bills/listBills/cust-1", {"status": "OPEN"})).content)
    assert [bill["status"] for bill in open_["bills"]] == ["OPEN"]
    assert (await api.client.post("/bills/closeBillingPeriod/cust-1")).status_code == 200
    left = exact((await api.post("/bills/listBills/cust-1", {"status": "OPEN"})).content)
    assert left["bills"] == []


async def test_amounts_are_exact_both_ways(api: Api) -> None:
    bill_id = await bill_of(api)
    huge = "89999999999999.99"  # no float has it
    assert huge.encode() in (await add(api, bill_id, huge)).content
    many = exact((await add(api, bill_id, "0.333", quantity=3, currency="GEL")).content)
    assert many["line_item"]["converted_amount"] == Decimal("0.40")  # 0.999 x 0.4, rounded once
    assert many["line_item"]["exchange_rate"] == Decimal("0.4")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "0", '"1"', "null", "1e400", "true"])
async def test_an_amount_is_a_positive_number(api: Api, amount: str) -> None:
    bill_id = await bill_of(api)
    refused = await add(api, bill_id, amount)
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_one_period_runs_at_a_time_and_a_bill_needs_one(api: Api) -> None:
    assert (await make(api)).status_code == 404
    first = await start(api, key="k")
    assert (await start(api, key="k")).json() == first.json()
    again = await start(api)
    assert (again.status_code, again.json()["code"]) == (409, "STATE_CONFLICT")
    assert (await start(api, "cust-2")).status_code == 200
    await api.client.post("/bills/closeBillingPeriod/cust-1")
    assert (await make(api)).status_code == 404
    assert (await api.client.post("/bills/closeBillingPeriod/cust-1")).status_code == 409
    assert (await start(api)).json()["period_id"] != first.json()["period_id"]


async def test_a_bill_is_its_customers_alone(api: Api) -> None:
    bill_id = await bill_of(api)
    assert (await api.client.get(f"/bills/getBill/cust-2/{bill_id}")).status_code == 404
    refused = await api.post(f"/bills/close/cust-2/{bill_id}", {"reason": "mine"})
    assert refused.status_code == 404


async def test_a_key_adds_once_and_without_one_each_request_adds(api: Api) -> None:
    bill_id = await bill_of(api)
    first = await add(api, bill_id, key="k")
    assert (await add(api, bill_id, key="k")).content == first.content
    assert (await add(api, bill_id, "11", key="k")).status_code == 409
    await add(api, bill_id)
    last = exact((await add(api, bill_id)).content)
    assert last["bill"]["total_amount"] == Decimal("31.50")


async def test_no_rate_and_no_quantity_are_refused(api: Api) -> None:
    bill_id = await bill_of(api)
    assert (await add(api, bill_id, currency="JPY")).json()["code"] == "CURRENCY_UNSUPPORTED"
    assert (await add(api, bill_id, quantity=0)).status_code == 400
    assert (await start(api, "cust-3", days=0)).status_code == 400


async def test_the_health_of_bills_says_what_is_wrong(api: Api) -> None:
    healthy = await api.client.get("/bills/health")
    assert healthy.json() == {"status": "ok", "service": "daybook", "task_queue": "daybook"}


async def test_what_was_converted_from_parts_of_cents_is_read_by_every_surface(api: Api) -> None:
    bill_id = await bill_of(api)
    await add(api, bill_id, "0.335", currency="GEL")
    read = await api.client.get(f"/v1/bills/{bill_id}")
    assert read.status_code == 200
    (line,) = read.json()["bill"]["line_items"]
    assert line["metadata"]["original_amount_cents"] == 34  # half-even, to be shown


async def test_a_customers_bills_are_listed_without_a_body(api: Api) -> None:
    bill_id = await bill_of(api)
    listed = await api.client.post("/bills/listBills/cust-1")
    assert [bill["id"] for bill in listed.json()["bills"]] == [bill_id]


async def test_a_list_shows_so_many_items_at_most_and_counts_all(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(period_bills, "_LISTED_ITEMS_MAX", 4)
    ids = [await bill_of(api), (await make(api)).json()["bill_id"]]
    for bill_id in ids:
        for _ in range(3):
            assert (await add(api, bill_id)).status_code == 200
    listed = (await api.client.post("/bills/listBills/cust-1")).json()
    assert [len(bill["items"]) for bill in listed["bills"]] == [2, 2]
    assert [bill["item_count"] for bill in listed["bills"]] == [3, 3]
    assert listed["total"] == 63


async def test_a_key_names_an_amount_however_it_is_written(api: Api) -> None:
    bill_id = await bill_of(api)
    first = await add(api, bill_id, "10.5", key="k")
    assert (await add(api, bill_id, "10.50", key="k")).json() == first.json()
    other = await add(api, bill_id, "10.51", key="k")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
