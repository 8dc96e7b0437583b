"""Many clients of one bill at once: nothing is lost or doubled, and one order wins."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx

from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, another_process, api_over

BILL = "/api/v1/customers/cust-1/bills/2025-09"
CLIENTS, EACH = 64, 3


async def make(api: Api) -> None:
    wanted = {"currency": "USD", "billingPeriod": "2025-09"}
    made = await api.post("/api/v1/customers/cust-1/bills", wanted)
    assert made.status_code == 201


async def add(client: httpx.AsyncClient, key: str, minor: int = 100) -> httpx.Response:
    amount = f"{minor // 100}.{minor % 100:02d}"
    body = {"description": "a fee", "amount": amount, "IdempotencyKey": key}
    return await client.post(f"{BILL}/items", json=body)


async def adding(
    client: httpx.AsyncClient, name: int, accepted: dict[str, int], enough: asyncio.Event
) -> set[str]:
    """A client that adds, and repeats what it is not sure of; the codes that it met."""
    codes: set[str] = set()
    for number in range(EACH):
        key, minor = f"{name}-{number}", name * EACH + number + 1
        first, again = await asyncio.gather(add(client, key, minor), add(client, key, minor))
        for answer in (first, again):
            if answer.status_code == 200:
                accepted[key] = minor
                if len(accepted) == CLIENTS:
                    enough.set()
            else:
                codes.add(answer.json()["code"])
    return codes


async def test_every_accepted_item_is_on_the_bill_once_and_no_refused_one_is(api: Api) -> None:
    await make(api)
    async with another_process(api) as other:
        accepted: dict[str, int] = {}
        clients = (api.client, other.client)
        enough = asyncio.Event()

        async def closing(client: httpx.AsyncClient) -> int:
            await enough.wait()
            return (await client.post(f"{BILL}/close")).status_code

        async with asyncio.timeout(120):
            closed, codes = await asyncio.gather(
                asyncio.gather(*(closing(client) for client in clients * 2)),
                asyncio.gather(
                    *(adding(clients[name % 2], name, accepted, enough) for name in range(CLIENTS))
                ),
            )
        assert sorted(closed) == [200, 409, 409, 409]
        assert set().union(*codes) <= {"STATE_CONFLICT", "IDEMPOTENCY_IN_FLIGHT"}
        bill: Any = (await api.client.get(BILL)).json()
    assert sorted(item["idempotencyKey"] for item in bill["items"]) == sorted(accepted)
    assert bill["total"] == f"{sum(accepted.values()) / 100:.2f}"
    assert bill["status"] == "CLOSED"
    assert len(accepted) < CLIENTS * EACH, "the bill was closed behind all of them"


async def test_a_lock_that_is_not_had_in_time_is_a_timeout_and_the_key_may_come_again(
    database: Database,
) -> None:
    writer = await database.pool("daybook_writer", 4)
    async with (
        Executor(writer, lock_timeout_seconds=0.2) as executor,
        api_over(database, executor=executor) as api,
    ):
        await make(api)
        admin = await database.admin()
        async with admin.acquire() as holder, holder.transaction():
            await holder.execute("SELECT FROM account_heads FOR UPDATE")
            refused = await add(api.client, "li-1")
        assert (refused.status_code, refused.json()["code"]) == (409, "LOCK_TIMEOUT")
        assert refused.json()["detail"].startswith("operation timed out")
        assert refused.headers["retry-after"] == "1"
        assert (await add(api.client, "li-1")).json()["total"] == "1.00"


async def test_a_period_whose_bills_cannot_be_closed_in_time_is_over_and_says_so(
    database: Database,
) -> None:
    writer = await database.pool("daybook_writer", 4)
    async with (
        Executor(writer, lock_timeout_seconds=0.2) as executor,
        api_over(database, executor=executor) as api,
    ):
        period = {"customer_id": "cust-2", "currency": "USD", "billing_period_days": 3}
        await api.post("/bills/startbillingperiod", period)
        await api.post("/bills/createbill", {"customer_id": "cust-2", "currency": "USD"})
        admin, close = await database.admin(), "/bills/closeBillingPeriod/cust-2"
        key = {"X-Idempotency-Key": "k"}
        async with admin.acquire() as holder, holder.transaction():
            await holder.execute("SELECT FROM account_heads FOR UPDATE")
            refused = await api.client.post(close, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (409, "LOCK_TIMEOUT")
        assert "the period is over" in refused.json()["detail"]
        assert (await api.client.post(close, headers=key)).status_code == 200
        listed = await api.post("/bills/listBills/cust-2", {"status": "CLOSED"})
        assert len(listed.json()["bills"]) == 1


async def test_what_is_read_of_a_bill_while_it_grows_is_of_one_moment(api: Api) -> None:
    wanted = {"customer_id": "cust-1", "currency": "USD"}
    await api.post("/bills/startbillingperiod", wanted | {"billing_period_days": 30})
    bill_id = (await api.post("/bills/createbill", wanted)).json()["bill_id"]
    await make(api)
    left = asyncio.Event()

    async def adding(name: int) -> None:
        item = {"currency": "USD", "amount_cents": 100}
        for number in range(12):
            key = f"{name}-{number}"
            added = (await add(api.client, key)).json()
            assert total_of(added["items"], "amount", "Value") == Decimal(added["total"])
            place = f"/v1/bills/{bill_id}/line_items"
            answer = await api.post(place, item, key)
            assert answer.status_code == 201, answer.text

    async def reading() -> None:
        while not left.is_set():
            monthly = (await api.client.get(BILL)).json()
            assert total_of(monthly["items"], "amount", "Value") == Decimal(monthly["total"])
            dated = (await api.client.get(f"/v1/bills/{bill_id}")).json()["bill"]
            cents = sum(line["amount_cents"] for line in dated["line_items"])
            assert cents == dated["total_amount_cents"]
            own = (await api.client.get(f"/bills/getBill/cust-1/{bill_id}")).json()["bill"]
            assert sum(line["converted_amount"] for line in own["items"]) == own["total_amount"]

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        readers = [group.create_task(reading()) for _ in range(4)]
        await asyncio.gather(*(adding(name) for name in range(4)))
        left.set()
    assert all(reader.done() for reader in readers)


def total_of(items: list[Any], *place: str) -> Decimal:
    """What the amounts at this place come to."""
    found = items
    for name in place:
        found = [each[name] for each in found]
    return sum(map(Decimal, found), Decimal(0))
