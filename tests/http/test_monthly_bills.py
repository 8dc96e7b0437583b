"""The monthly surface of bills, as its clients speak it."""

from typing import Any
from urllib.parse import quote

import pytest

from services.bills.reading import NEWEST
from tests.fixtures import bill_commands as bills
from tests.fixtures.http_api import Api
from tests.fixtures.tenants import envelope

BILLS = "/api/v1/customers/cust-1/bills"


async def make(api: Api, period: str = "2025-09", **body: Any) -> Any:
    return await api.post(BILLS, {"currency": "USD", "billingPeriod": period, **body})


async def add(api: Api, key: str = "li-1", amount: str = "2.50", period: str = "2025-09") -> Any:
    body = {"description": "api fee", "amount": amount, "IdempotencyKey": key}
    return await api.post(f"{BILLS}/{period}/items", body)


async def test_the_examples_of_the_source_are_answered_as_it_says(api: Api) -> None:
    made = await make(api)
    assert (made.status_code, made.headers["location"]) == (201, f"{BILLS}/2025-09")
    assert made.json()["id"] == "bill/cust-1/2025-09"
    added = await add(api)
    assert added.status_code == 200
    bill = added.json()
    assert bill["items"] == [
        {
            "idempotencyKey": "li-1",
            "description": "api fee",
            "amount": {"Value": "2.50", "Currency": "USD"},
            "addedAt": bill["items"][0]["addedAt"],
        }
    ]
    assert {
        name: bill[name] for name in ("customerId", "currency", "billingPeriod", "status", "total")
    } == {
        "customerId": "cust-1",
        "currency": "USD",
        "billingPeriod": "2025-09",
        "status": "OPEN",
        "total": "2.50",
    }
    assert bill.keys() == {
        *("id", "customerId", "currency", "billingPeriod", "status", "items", "total"),
        *("createdAt", "updatedAt"),
    }
    assert (await api.client.get(f"{BILLS}/2025-09")).json() == bill
    listed = await api.client.get(f"{BILLS}?status=OPEN&from=2025-01&to=2025-12")
    assert listed.json() == {
        "bills": [
            {
                "id": "bill/cust-1/2025-09",
                "customerId": "cust-1",
                "currency": "USD",
                "billingPeriod": "2025-09",
                "status": "OPEN",
                "itemCount": 1,
                "total": "2.50",
            }
        ]
    }
    closed = await api.client.post(f"{BILLS}/2025-09/close")
    assert closed.status_code == 200
    assert (closed.json()["status"], "closedAt" in closed.json()) == ("CLOSED", True)


async def test_a_key_is_taken_once_and_is_the_bills_own(api: Api) -> None:
    await make(api)
    await make(api, "2025-10")
    first = await add(api)
    assert (await add(api)).json() == first.json()
    again = await add(api, amount="3.00")
    assert (again.status_code, again.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert (await add(api, period="2025-10")).json()["total"] == "2.50"


async def test_what_is_closed_stays_as_it_is(api: Api) -> None:
    await make(api)
    await add(api)
    closed = (await api.client.post(f"{BILLS}/2025-09/close")).json()
    for refused in (await api.client.post(f"{BILLS}/2025-09/close"), await add(api, "li-2")):
        assert (refused.status_code, refused.json()["code"]) == (409, "STATE_CONFLICT")
    assert (await add(api)).json()["total"] == "2.50"  # a repeat is answered still
    assert (await api.client.get(f"{BILLS}/2025-09")).json() == closed
    trial = "SELECT gl_account, sum(amount_minor)::int FROM ledger_entries GROUP BY 1"
    rows = await (await api.database.admin()).fetch(trial)
    assert {row[0]: row[1] for row in rows} == {"1100": 250, "4100": -250}


async def test_a_month_is_billed_once(api: Api) -> None:
    await make(api)
    again = await make(api)
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")
    assert again.json()["detail"] == "the bill is there already: bill/cust-1/2025-09"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"description": "a", "amount": "1", "IdempotencyKey": "k"}, 400, "VALIDATION_FAILED"),
        ({"description": "ab", "amount": "1.001", "IdempotencyKey": "k"}, 400, "VALIDATION_FAILED"),
        ({"description": "ab", "amount": "0", "IdempotencyKey": "k"}, 400, "VALIDATION_FAILED"),
        ({"description": "ab", "amount": "-1", "IdempotencyKey": "k"}, 400, "VALIDATION_FAILED"),
        ({"description": "ab", "amount": 1, "IdempotencyKey": "k"}, 400, "VALIDATION_FAILED"),
        ({"description": "ab", "amount": "1"}, 400, "IDEMPOTENCY_KEY_REQUIRED"),
    ],
)
async def test_what_is_no_item_is_refused(api: Api, body: Any, status: int, code: str) -> None:
    await make(api)
    refused = await api.post(f"{BILLS}/2025-09/items", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.parametrize("period", ["2025-13", "2025-9", "2025-09-01", "soon"])
async def test_a_period_is_a_month(api: Api, period: str) -> None:
    assert (await make(api, period)).status_code == 400
    assert (await api.client.get(f"{BILLS}/{period}")).status_code == 400


@pytest.mark.parametrize("customer", ["%FF", "%ED%A0%80", "%EF%BF%BD"])
async def test_what_is_no_text_names_no_customer(api: Api, customer: str) -> None:
    refused = await api.client.get(f"/api/v1/customers/{customer}/bills")
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    assert (await api.client.get(f"{BILLS}/2025-09")).status_code == 404
    assert (await add(api)).status_code == 404
    assert (await api.client.post(f"{BILLS}/2025-09/close")).status_code == 404


async def test_a_currency_that_nobody_knows_is_refused(api: Api) -> None:
    refused = await make(api, currency="LEK")
    assert (refused.status_code, refused.json()["code"]) == (400, "CURRENCY_UNSUPPORTED")


async def test_a_customer_is_named_by_whatever_can_be_printed(api: Api) -> None:
    for customer in ("ж" * 1_024, "a b?#%&", "ŋ 1"):
        path = f"/api/v1/customers/{quote(customer, safe='')}/bills"
        made = await api.post(path, {"currency": "GEL", "billingPeriod": "2025-09"})
        assert made.status_code == 201, made.text
        assert made.json()["customerId"] == customer
        assert (await api.client.get(made.headers["location"])).json() == made.json()
    await api.catch_up()
    for customer in ("x" * 1_025, "a\tb"):
        path = f"/api/v1/customers/{quote(customer, safe='')}/bills"
        refused = await api.post(path, {"currency": "GEL", "billingPeriod": "2025-09"})
        assert refused.status_code == 400


async def test_the_answer_to_an_addition_has_the_newest_items_of_very_many(api: Api) -> None:
    await make(api)
    for number in range(102):
        added = (await add(api, f"li-{number}", "1.00")).json()
    assert (len(added["items"]), added["itemCount"], added["total"]) == (100, 102, "102.00")
    assert added["items"][-1]["idempotencyKey"] == "li-101"
    whole = (await api.client.get(f"{BILLS}/2025-09")).json()
    assert len(whole["items"]) == 102
    assert "itemCount" not in whole


async def test_a_key_in_the_body_and_another_in_the_header_are_refused(api: Api) -> None:
    await make(api)
    body = {"description": "api fee", "amount": "2.50", "IdempotencyKey": "a"}
    two, one = {"X-Idempotency-Key": "b"}, {"X-Idempotency-Key": "a"}
    refused = await api.client.post(f"{BILLS}/2025-09/items", json=body, headers=two)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "$.IdempotencyKey")
    taken = await api.client.post(f"{BILLS}/2025-09/items", json=body, headers=one)
    assert taken.status_code == 200


async def test_a_refusal_names_the_bill_as_this_surface_does(api: Api) -> None:
    await make(api)
    await api.client.post(f"{BILLS}/2025-09/close")
    for refused in (await add(api), await api.client.post(f"{BILLS}/2025-09/close")):
        assert refused.json()["detail"].startswith("bill/cust-1/2025-09 is closed")


async def test_a_bill_of_many_items_says_how_many_where_it_does_not_show_all(api: Api) -> None:
    await make(api)
    made = bills.monthly(month="2025-09")
    adding = [envelope("demo", bills.add(made, f"li-{n}", "0.01")) for n in range(NEWEST)]
    await api.dependencies.executor.execute_all(adding)
    added = (await add(api, "last")).json()
    assert (len(added["items"]), added["itemCount"]) == (NEWEST, NEWEST + 1)
    closed = (await api.client.post(f"{BILLS}/2025-09/close")).json()
    assert (len(closed["items"]), closed["itemCount"]) == (NEWEST, NEWEST + 1)
    read = (await api.client.get(f"{BILLS}/2025-09")).json()
    assert (len(read["items"]), "itemCount" in read) == (NEWEST + 1, False)
