"""Bills on the running stack: each surface as one of its clients would speak it, then Temporal."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain import naming
from services.adapters.sandbox_gateway import PAYS
from services.embedded.programs import program
from tests.fixtures.waiting import until
from tests.fixtures.whole_stack import WholeStack, daybook


def client_of(stack: WholeStack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=stack.addresses.api_url or "", timeout=30)


async def test_a_customer_is_billed_by_the_month(whole_stack: WholeStack) -> None:
    async with client_of(whole_stack) as client:
        bills = "/api/v1/customers/cust-1/bills"
        made = await client.post(bills, json={"currency": "USD", "billingPeriod": "2025-09"})
        assert made.status_code == 201, made.text
        item = {"description": "api fee", "amount": "2.50", "IdempotencyKey": "li-1"}
        for _ in range(2):
            added = await client.post(f"{bills}/2025-09/items", json=item)
            assert (added.status_code, added.json()["total"]) == (200, "2.50")
        listed = await client.get(f"{bills}?status=OPEN&from=2025-01&to=2025-12")
        assert [bill["id"] for bill in listed.json()["bills"]] == ["bill/cust-1/2025-09"]
        await _found(whole_stack, 'CustomerID="cust-1" AND BillStatus="OPEN"', "2025-09 open")
        closed = await client.post(f"{bills}/2025-09/close")
        assert (closed.status_code, closed.json()["status"]) == (200, "CLOSED")
        query = 'CustomerID="cust-1" AND BillStatus="CLOSED" AND BillTotalCents=250'
        query = f'{query} AND BillCurrency="USD" AND BillItemCount=1'
        await _found(whole_stack, f"{query} AND BillingPeriodNum=202509", "2025-09 closed")


async def test_a_saved_card_is_charged_when_a_period_is_closed(whole_stack: WholeStack) -> None:
    async with client_of(whole_stack) as client:
        start = {"customer_id": "cust-3", "currency": "USD", "billing_period_days": 30}
        await client.post("/bills/startbillingperiod", json=start)
        wanted = {"customer_id": "cust-3", "currency": "USD"}
        ids = [
            (await client.post("/bills/createbill", json=wanted)).json()["bill_id"]
            for _ in range(3)
        ]
        item = {"description": "compute", "amount": 2.5, "quantity": 1, "currency": "USD"}
        for bill_id in ids:
            await client.post(f"/bills/addItem/cust-3/{bill_id}", json=item)
        account = naming.bill_account_id("demo", "cust-3", "USD")
        saved = await client.post(
            f"/v1/accounts/{account}/payment-methods",
            json={"setup": PAYS},
            headers={"Idempotency-Key": "card"},
        )
        assert saved.status_code == 201, saved.text
        assert (await client.post("/bills/closeBillingPeriod/cust-3")).status_code == 200

        async def are_closed() -> bool:
            read = [(await client.get(f"/v1/bills/{each}")).json()["bill"] for each in ids]
            assert "attention_required" not in {bill["status"] for bill in read}
            return {bill["status"] for bill in read} == {"closed"}

        await until(are_closed)


async def _found(stack: WholeStack, query: str, what: str) -> None:
    """Wait until `temporal workflow list` finds a bill."""
    arguments = ("workflow", "list", "--address", stack.addresses.temporal_address or "")

    async def is_listed() -> bool:
        done = await asyncio.to_thread(
            subprocess.run,
            [str(program("temporal")), *arguments, "--query", query],
            capture_output=True,
            text=True,
            check=False,
        )
        return "BillLifecycle" in done.stdout

    try:
        await until(is_listed)
    except TimeoutError:
        raise AssertionError(f"not found: {what} by {query}") from None


async def test_a_customer_has_a_period_with_bills_in_it(whole_stack: WholeStack) -> None:
    async with client_of(whole_stack) as client:
        start = {"customer_id": "cust-2", "currency": "USD", "billing_period_days": 30}
        assert (await client.post("/bills/startbillingperiod", json=start)).status_code == 200
        made = await client.post(
            "/bills/createbill", json={"customer_id": "cust-2", "currency": "GEL"}
        )
        bill_id = made.json()["bill_id"]
        item = {"description": "compute", "amount": 10.5, "quantity": 2, "currency": "USD"}
        added = await client.post(f"/bills/addItem/cust-2/{bill_id}", json=item)
        assert added.json()["bill"]["total_amount"] == 52.5
        assert (await client.get("/bills/health")).json()["status"] == "ok"
        assert (await client.post("/bills/closeBillingPeriod/cust-2")).status_code == 200
        read = await client.get(f"/bills/getBill/cust-2/{bill_id}")
        assert read.json()["bill"]["status"] == "CLOSED"
        listed = await client.post("/bills/listBills/cust-2", json={"status": "CLOSED"})
        assert listed.json()["total"] == 52.5


async def test_a_bill_runs_from_its_start_to_its_end(whole_stack: WholeStack) -> None:
    async with client_of(whole_stack) as client:

        async def post(path: str, key: str, body: Any) -> httpx.Response:
            return await client.post(path, json=body, headers={"X-Idempotency-Key": key})

        ends = datetime.now(UTC) + timedelta(seconds=8)
        wanted = {"currency": "USD", "start_time": None, "end_time": ends.isoformat()}
        made = await post("/v1/bills", "journey", wanted)
        bill = made.json()["bill"]
        assert (made.status_code, bill["status"]) == (201, "pending")
        path = f"/v1/bills/{bill['id']}"

        async def is_(status: str) -> bool:
            return bool((await client.get(path)).json()["bill"]["status"] == status)

        async with asyncio.timeout(2):  # as the surface promises
            await until(lambda: is_("active"))
        fee = {"currency": "USD", "amount_cents": 250, "description": "api fee"}
        assert (await post(f"{path}/line_items", "li-1", fee)).status_code == 201
        await until(lambda: is_("closed"))
        closed = (await client.get(path)).json()["bill"]
        assert (closed["total_amount_cents"], len(closed["line_items"])) == (250, 1)
        assert (await post(f"{path}/line_items", "li-2", fee)).status_code == 409
        await whole_stack.caught_up()
        shown = daybook("bill", "show", bill["id"], "--data-dir", str(whole_stack.data_dir))
        assert "closed" in shown.stdout, shown.stderr
        listed = daybook(
            "bill", "list", "--surface", "dated", "--data-dir", str(whole_stack.data_dir)
        )
        assert bill["id"] in listed.stdout, listed.stderr
        trial = (await client.get("/v1/reports/trial-balance")).json()
        assert any(row["gl_account"] == "4100" for row in trial["rows"])


async def test_bills_go_on_without_temporal_and_close_when_it_is_back(
    whole_stack: WholeStack,
) -> None:
    """It is stopped, so that it neither takes nor refuses what it is asked."""
    temporal = whole_stack.find("temporal")
    assert temporal is not None
    async with client_of(whole_stack) as client:

        async def post(path: str, key: str, body: Any) -> httpx.Response:
            return await client.post(path, json=body, headers={"X-Idempotency-Key": key})

        temporal.suspend()
        try:
            ends = datetime.now(UTC) + timedelta(seconds=2)
            wanted = {"currency": "USD", "start_time": None, "end_time": ends.isoformat()}
            made = (await post("/v1/bills", "without", wanted)).json()["bill"]
            path = f"/v1/bills/{made['id']}"
            fee = {"currency": "USD", "amount_cents": 250, "description": "api fee"}
            added = await post(f"{path}/line_items", "li-1", fee)
            assert added.status_code == 201, added.text

            async def has_ended() -> bool:
                return datetime.now(UTC) > ends

            await until(has_ended)
            found = (await client.get(path)).json()["bill"]
            assert (found["status"], found["total_amount_cents"]) == ("active", 250)
            health = (await client.get("/bills/health")).json()
            assert health["status"] == "degraded"
            assert "Temporal" in health["error"]
        finally:
            temporal.resume()

        async def is_closed() -> bool:
            return bool((await client.get(path)).json()["bill"]["status"] == "closed")

        await until(is_closed)
