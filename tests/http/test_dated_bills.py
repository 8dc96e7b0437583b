"""Bills with a start and an end, as clients of `/v1/bills` speak it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain import naming
from services.bills.reading import NEWEST
from tests.fixtures import bill_commands as bills
from tests.fixtures.http_api import Api
from tests.fixtures.tenants import envelope


def at(**after: int) -> str:
    return (datetime.now(UTC) + timedelta(**after)).isoformat()


async def make(api: Api, key: str = "b-1", **body: Any) -> Any:
    wanted = {"currency": "USD", "start_time": None, "end_time": at(days=30), **body}
    return await api.client.post("/v1/bills", json=wanted, headers={"X-Idempotency-Key": key})


async def add(api: Api, bill_id: str, key: str = "li-1", **body: Any) -> Any:
    item = {"currency": "USD", "amount_cents": 250, "description": "api fee", **body}
    headers = {"X-Idempotency-Key": key}
    return await api.client.post(f"/v1/bills/{bill_id}/line_items", json=item, headers=headers)


async def close(api: Api, bill_id: str, key: str = "c-1", reason: str = "done") -> Any:
    headers = {"X-Idempotency-Key": key}
    return await api.client.post(
        f"/v1/bills/{bill_id}/close", json={"reason": reason}, headers=headers
    )


async def bill_of(api: Api, **fields: Any) -> str:
    made = await make(api, **fields)
    assert made.status_code == 201, made.text
    bill_id: str = made.json()["bill"]["id"]
    return bill_id


async def test_a_bill_from_its_making_to_its_end(api: Api) -> None:
    made = await make(api)
    bill = made.json()["bill"]
    assert made.headers["location"] == f"/v1/bills/{bill['id']}"
    assert bill.keys() == {
        *("id", "currency", "status", "close_reason", "error_message", "total_amount_cents"),
        *("start_time", "end_time", "billed_at", "idempotency_key", "workflow_id"),
        *("line_items", "created_at", "updated_at"),
    }
    assert (bill["status"], bill["idempotency_key"]) == ("pending", "b-1")
    assert bill["workflow_id"] == f"bill/demo/{bill['id']}"
    added = await add(api, bill["id"], reference_id="meter-7")
    item = added.json()["line_item"]
    assert added.status_code == 201
    assert item | {"id": "", "created_at": "", "updated_at": "", "incurred_at": ""} == {
        "id": "",
        "bill_id": bill["id"],
        "amount_cents": 250,
        "currency": "USD",
        "description": "api fee",
        "incurred_at": "",
        "reference_id": "meter-7",
        "metadata": None,
        "idempotency_key": "li-1",
        "created_at": "",
        "updated_at": "",
    }
    closed = (await close(api, bill["id"])).json()["bill"]
    assert (closed["status"], closed["close_reason"]) == ("closed", "done")
    assert (closed["total_amount_cents"], closed["line_items"]) == (250, [item])
    assert closed["billed_at"] is not None
    assert (await api.client.get(f"/v1/bills/{bill['id']}")).json() == {"bill": closed}


async def test_a_key_is_required_and_repeats_change_nothing(api: Api) -> None:
    missing = await api.client.post("/v1/bills", json={"currency": "USD", "end_time": at(days=1)})
    assert (missing.status_code, missing.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    ends = at(days=30)
    first = await make(api, end_time=ends)
    assert (await make(api, end_time=ends)).json() == first.json()
    assert (await make(api, end_time=ends, currency="GEL")).status_code == 409
    bill_id = first.json()["bill"]["id"]
    item = await add(api, bill_id)
    assert (await add(api, bill_id)).json() == item.json()
    other = await add(api, bill_id, amount_cents=1)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert (await close(api, bill_id)).json() == (await close(api, bill_id)).json()
    again = await close(api, bill_id, "c-2")
    assert (again.status_code, again.json()["code"]) == (409, "STATE_CONFLICT")
    second = await bill_of(api, key="b-2")
    assert (await add(api, second)).status_code == 201  # a key is one bill's own


async def test_a_pending_bill_refuses_items_until_its_start(api: Api) -> None:
    bill_id = await bill_of(api, start_time=at(hours=1))
    refused = await add(api, bill_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "STATE_CONFLICT")
    assert (await close(api, bill_id)).json()["bill"]["status"] == "closed"


async def test_an_item_in_another_currency_is_converted(api: Api) -> None:
    bill_id = await bill_of(api, currency="GEL")
    item = (await add(api, bill_id, amount_cents=100)).json()["line_item"]
    assert (item["amount_cents"], item["currency"]) == (265, "GEL")
    assert item["metadata"] == {
        "original_amount_cents": 100,
        "original_currency": "USD",
        "exchange_rate": 2.65,
    }
    assert (await add(api, bill_id, "li-2", currency="JPY")).json()["code"] == (
        "CURRENCY_UNSUPPORTED"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"start_time": "2020-01-01T00:00:00Z"},
        {"end_time": "2020-01-01T00:00:00Z"},
        {"end_time": "2030-01-01"},
        {"end_time": "9999-12-31T23:59:59-14:00"},
        {"start_time": "0001-01-01T00:00:00+14:00"},
        {"end_time": None},
        {"currency": "LEK"},
    ],
)
async def test_what_is_no_bill_is_refused(api: Api, body: Any) -> None:
    assert (await make(api, **body)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"amount_cents": 0},
        {"amount_cents": 1.5},
        {"description": "x" * 256},
        {"reference_id": "x" * 101},
    ],
)
async def test_what_is_no_item_is_refused(api: Api, body: Any) -> None:
    bill_id = await bill_of(api)
    assert (await add(api, bill_id, **body)).status_code == 400


async def test_bills_are_listed_the_newest_first(api: Api) -> None:
    made = [await bill_of(api, key=f"b-{number}") for number in range(12)]
    first = (await api.client.get("/v1/bills")).json()
    assert (first["total_count"], first["limit"], first["offset"]) == (12, 10, 0)
    assert [bill["id"] for bill in first["bills"]] == made[:1:-1]
    rest = (await api.client.get("/v1/bills?limit=100&offset=10")).json()
    assert [bill["id"] for bill in rest["bills"]] == [made[1], made[0]]
    assert (await api.client.get("/v1/bills?limit=101")).status_code == 400


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    bill_id = (await bill_of(api))[:-1] + "0"
    assert (await api.client.get(f"/v1/bills/{bill_id}")).status_code == 404
    assert (await add(api, bill_id)).status_code == 404
    assert (await close(api, bill_id)).status_code == 404


async def test_a_bill_is_closed_without_a_body_and_its_newest_items_are_counted(api: Api) -> None:
    bill_id = await bill_of(api)
    made = bills.dated()
    rename = {"bill_id": bill_id, "account_id": naming.bill_account_id("demo", bill_id, "USD")}
    adding = [
        envelope("demo", replace(bills.add(made, f"li-{n}", "0.01"), **rename))
        for n in range(NEWEST + 1)
    ]
    await api.dependencies.executor.execute_all(adding)
    (listed,) = (await api.client.get("/v1/bills")).json()["bills"]
    assert (len(listed["line_items"]), listed["item_count"]) == (NEWEST, NEWEST + 1)
    headers = {"X-Idempotency-Key": "c-1"}
    closed = await api.client.post(f"/v1/bills/{bill_id}/close", headers=headers)
    assert (closed.status_code, closed.json()["bill"]["status"]) == (200, "closed")
    assert len(closed.json()["bill"]["line_items"]) == NEWEST + 1
