"""Bills whose customer has a saved card, and callers who may not touch bills."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.ids import AccountId, BillId, PaymentMethodId, derive
from contracts.private import Private
from domain import naming
from domain.bill import FinishBill
from domain.card import CompleteCardPayment, FailCardPayment
from domain.payment_method import RemovePaymentMethod, SavePaymentMethod
from services.audit.verify import verify
from services.execute.envelope import Done
from tests.fixtures.http_api import Api
from tests.fixtures.tenants import envelope

BILLS = "/api/v1/customers/cust-1/bills"


async def execute(api: Api, *commands: Any) -> None:
    for command in commands:
        outcome = await api.dependencies.executor.execute(envelope("demo", command))
        assert isinstance(outcome, Done), outcome


async def save_card(api: Api, account_id: AccountId) -> None:
    sealed = Private(subject="cust-1", sealed="q83v")
    await execute(
        api,
        SavePaymentMethod(
            payment_method_id=PaymentMethodId(derive("pmt", account_id)),
            account_id=account_id,
            reference=sealed,
            brand="visa",
            last4=sealed,
            expires="2031-04",
        ),
    )


async def charged_bill(api: Api) -> tuple[BillId, AccountId]:
    """A monthly bill that was asked to close, and whose card the gateway has not charged yet."""
    await api.post(BILLS, {"currency": "USD", "billingPeriod": "2025-09"})
    account_id = naming.bill_account_id("demo", "cust-1", "USD")
    await save_card(api, account_id)
    item = {"description": "api fee", "amount": "2.50", "IdempotencyKey": "li-1"}
    await api.post(f"{BILLS}/2025-09/items", item)
    closing = await api.client.post(f"{BILLS}/2025-09/close")
    assert (closing.status_code, closing.json()["status"]) == (200, "PENDING")
    assert "closedAt" not in closing.json()
    return naming.monthly_bill_id("demo", "cust-1", "2025-09"), account_id


async def test_a_close_answers_closing_while_the_card_is_not_charged(api: Api) -> None:
    bill_id, account_id = await charged_bill(api)
    await api.catch_up()
    trial = (await api.client.get("/v1/reports/trial-balance")).json()
    booked = {row["gl_account"]: row["balance"] for row in trial["rows"]}
    assert (booked["1100"], booked["4100"]) == ("2.50", "-2.50")  # its invoice is out
    aging = (await api.client.get(f"/v1/accounts/{account_id}")).json()["aging"]
    assert (aging["unbilled"]["amount"], aging["unallocated"]["amount"]) == ("0.00", "0.00")
    report = await verify(await api.database.pool("daybook_auditor", 2))
    assert report.findings == ()
    shown = (await api.client.get(f"/v1/bills/{bill_id}")).json()["bill"]
    assert (shown["status"], shown["billed_at"]) == ("closing", None)
    payment_id = naming.bill_payment_id(bill_id, 1)
    pay = CompleteCardPayment(payment_id=payment_id, payment_ref="ch_1", account_id=account_id)
    finish = FinishBill(bill_id=bill_id, account_id=account_id, payment_id=payment_id)
    await execute(api, pay, finish)
    assert (await api.client.get(f"{BILLS}/2025-09")).json()["status"] == "CLOSED"
    rows = await (await api.database.admin()).fetch(
        "SELECT gl_account, sum(amount_minor)::int FROM ledger_entries GROUP BY 1"
    )
    assert {row[0]: row[1] for row in rows} == {"1020": 250, "1100": 0, "4100": -250}
    await api.catch_up()
    trial = (await api.client.get("/v1/reports/trial-balance")).json()
    assert {row["gl_account"]: row["balance"] for row in trial["rows"]}["4100"] == "-2.50"


async def test_a_declined_card_is_an_error_that_a_retry_mends(api: Api) -> None:
    bill_id, account_id = await charged_bill(api)
    payment_id = naming.bill_payment_id(bill_id, 1)
    fail = FailCardPayment(payment_id=payment_id, code="card_declined", account_id=account_id)
    finish = FinishBill(bill_id=bill_id, account_id=account_id, payment_id=payment_id)
    await execute(api, fail, finish)
    assert (await api.client.get(f"{BILLS}/2025-09")).json()["status"] == "ERROR"
    shown = (await api.client.get(f"/v1/bills/{bill_id}")).json()["bill"]
    assert shown["status"] == "attention_required"
    assert "card_declined" in shown["error_message"]
    headers = {"X-Idempotency-Key": "r-1"}
    retried = await api.client.post(f"/v1/bills/{bill_id}/retry", headers=headers)
    assert (retried.status_code, retried.json()["bill"]["status"]) == (200, "closing")
    missing = await api.client.post(f"/v1/bills/{bill_id}/retry")
    assert missing.json()["code"] == "IDEMPOTENCY_KEY_REQUIRED"


async def test_the_audit_agrees_with_a_bill_that_is_closed_without_its_card(api: Api) -> None:
    bill_id, account_id = await charged_bill(api)
    payment_id = naming.bill_payment_id(bill_id, 1)
    fail = FailCardPayment(payment_id=payment_id, code="card_declined", account_id=account_id)
    finish = FinishBill(bill_id=bill_id, account_id=account_id, payment_id=payment_id)
    await execute(api, fail, finish)
    await api.catch_up()
    card = PaymentMethodId(derive("pmt", account_id))
    await execute(api, RemovePaymentMethod(payment_method_id=card, account_id=account_id))
    retried = await api.post(f"/v1/bills/{bill_id}/retry", {}, key="r-1")
    assert retried.json()["bill"]["status"] == "closed"
    await api.catch_up()
    report = await verify(await api.database.pool("daybook_auditor", 2))
    assert report.findings == ()


async def test_bills_take_their_own_scopes_and_are_their_tenants(api: Api) -> None:
    await api.post(BILLS, {"currency": "USD", "billingPeriod": "2025-09"})
    reads = {"x-test-scopes": "billing:bill:read"}
    assert (await api.client.get(f"{BILLS}/2025-09", headers=reads)).status_code == 200
    assert (await api.client.post(f"{BILLS}/2025-09/close", headers=reads)).status_code == 403
    writes = {"x-test-scopes": "billing:bill:write"}
    assert (await api.client.get(BILLS, headers=writes)).status_code == 403
    listing = await api.client.post("/bills/listBills/cust-1", json={}, headers=writes)
    assert listing.status_code == 403
    others = {"x-test-tenant": "other"}
    assert (await api.client.get(f"{BILLS}/2025-09", headers=others)).status_code == 404
    assert (await api.client.get(BILLS, headers=others)).json() == {"bills": []}


async def test_a_description_is_sealed_and_gone_once_its_customer_is_forgotten(api: Api) -> None:
    await api.post(BILLS, {"currency": "USD", "billingPeriod": "2025-09"})
    item = {"description": "for Nino", "amount": "2.50", "IdempotencyKey": "li-1"}
    await api.post(f"{BILLS}/2025-09/items", item)
    admin = await api.database.admin()
    found = await admin.fetchval(
        "SELECT count(*) FROM events WHERE position('Nino'::bytea IN body) > 0"
    )
    assert found == 0
    await admin.execute("DELETE FROM subject_keys WHERE subject_id = 'cust-1'")
    bill = (await api.client.get(f"{BILLS}/2025-09")).json()
    assert [each["description"] for each in bill["items"]] == [""]


async def test_a_month_that_runs_closes_by_itself_and_one_that_is_over_does_not(api: Api) -> None:
    now = datetime.now(UTC)
    before = now.replace(day=1) - timedelta(days=1)
    for month in (now, before):
        made = await api.post(BILLS, {"currency": "USD", "billingPeriod": f"{month:%Y-%m}"})
        assert made.json()["status"] == "OPEN"
    ends = {}
    for month in (now, before):
        bill_id = naming.monthly_bill_id("demo", "cust-1", f"{month:%Y-%m}")
        shown = (await api.client.get(f"/v1/bills/{bill_id}")).json()["bill"]
        ends[month] = shown["end_time"]
    assert ends[now] is not None
    assert ends[before] is None


async def test_the_invoice_of_a_bill_is_read_and_printed_and_adjusted_but_not_voided(
    api: Api,
) -> None:
    await api.post(BILLS, {"currency": "USD", "billingPeriod": "2025-09"})
    item = {"description": "api fee", "amount": "2.50", "IdempotencyKey": "li-1"}
    await api.post(f"{BILLS}/2025-09/items", item)
    await api.client.post(f"{BILLS}/2025-09/close")
    await api.catch_up()
    bill_id = naming.monthly_bill_id("demo", "cust-1", "2025-09")
    invoice_id = naming.bill_invoice_id(bill_id)
    read = await api.client.get(f"/v1/invoices/{invoice_id}")
    assert (read.status_code, read.json()["invoice"]["outstanding"]["amount"]) == (200, "2.50")
    assert read.json()["bill"] == {
        "bill_id": bill_id,
        "name": "bill/cust-1/2025-09",
        "item_count": 1,
        "total": {"amount": "2.50", "currency": "USD"},
    }
    accept = {"Accept": "application/pdf"}
    paper = await api.client.get(f"/v1/invoices/{invoice_id}", headers=accept)
    assert (paper.status_code, paper.content[:4]) == (200, b"%PDF")
    void = await api.post(f"/v1/invoices/{invoice_id}/void", {"reason": "a mistake"})
    assert (void.status_code, void.json()["code"]) == (409, "STATE_CONFLICT")
    adjust = {
        "account_id": naming.bill_account_id("demo", "cust-1", "USD"),
        "reason": "COURTESY",
        "direction": "credit",
        "amount": {"amount": "2.50", "currency": "USD"},
        "invoice_id": invoice_id,
    }
    assert (await api.post("/v1/adjustments", adjust)).status_code == 201
    await api.catch_up()
    account = f"/v1/accounts/{adjust['account_id']}"
    assert (await api.client.get(account)).json()["balance"]["amount"] == "0.00"
