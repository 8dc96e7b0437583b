"""Suspensions, reversals, trued-up tax and batches: the audit finds them as they are."""

from contracts.ids import ChargeId, InvoiceId, derive
from contracts.money import Money
from contracts.private import Private
from domain.account import OpenAccount, ReinstateAccount, SuspendAccount
from domain.charge import CaptureCharge, ReverseCharge
from domain.invoice import CreateDraftInvoice, IssueInvoice
from services.audit.findings import Check
from services.execute.envelope import Done, HttpIdentity
from services.execute.executor import Executor
from services.execute.group import Group
from tests.fixtures.audited import OTHER, PATIENT, SERVICE_ON, AuditedLedger, account_id, charge_id
from tests.fixtures.tenants import envelope

TENANT = "demo"
REASON = Private(subject="p1", sealed="AAEC")
INVOICE = InvoiceId(derive("inv", "late"))
KEY = HttpIdentity("POST", "/v1/charges:batch", "k")


def capture(number: int, **fields: object) -> CaptureCharge:
    account = account_id(PATIENT)
    values = {
        "charge_id": charge_id(PATIENT, number),
        "account_id": account,
        "facility": "north",
        "code": "99213",
        "system": "cpt",
        "quantity": 1,
        "service_on": SERVICE_ON,
        "currency": "USD",
        "unit_price": Money.of(1_000, "USD"),
    }
    return CaptureCharge(**{**values, **fields})  # type: ignore[arg-type]  # fields of its own


async def fill(ledger: AuditedLedger) -> None:
    """A charge reversed, two invoiced after the tax rule came, some in a batch, one refused."""
    account = account_id(PATIENT)
    batch = Group(
        commands=(capture(5), capture(6, account_id=account_id(OTHER)), capture(7)), atomic=False
    )
    pool = await ledger.database.pool("daybook_writer", 2)
    async with Executor(pool, lanes=1) as executor:
        for command in (
            OpenAccount(
                account_id=account, patient_id="p1", name=None, facility="north", currency="USD"
            ),
            *(capture(number) for number in (1, 2, 3)),
            ReverseCharge(charge_id=charge_id(PATIENT, 1), account_id=account, reason=REASON),
            CreateDraftInvoice(invoice_id=INVOICE, account_id=account),
        ):
            assert isinstance(await executor.execute(envelope(TENANT, command)), Done)
        assert isinstance(await executor.execute(envelope(TENANT, batch, KEY)), Done)
        await ledger.admin.execute(
            "INSERT INTO tax_rules VALUES ($1, 'late', '*', '*', '[2000-01-01,)', 72500)", TENANT
        )
        for command in (
            SuspendAccount(account_id=account, reason=REASON),
            IssueInvoice(invoice_id=INVOICE),
            ReinstateAccount(account_id=account, reason=REASON),
        ):
            assert isinstance(await executor.execute(envelope(TENANT, command)), Done)
    await ledger.sequence()
    await ledger.project()


async def test_corrections_and_batches_pass_the_audit(empty_ledger: AuditedLedger) -> None:
    await fill(empty_ledger)
    assert list(map(str, await empty_ledger.findings())) == []
    lines = await empty_ledger.admin.fetch(
        "SELECT tax_minor FROM read.invoice_lines WHERE invoice_id = $1", INVOICE
    )
    assert [row["tax_minor"] for row in lines] == [72, 72]
    balance = await empty_ledger.admin.fetchrow(
        "SELECT status, charged_minor, open_charges FROM read.account_balances"
    )
    assert tuple(balance or ()) == ("open", 2 * 1_072 + 2 * 1_000, 2)


async def test_a_batch_that_answers_with_what_never_happened_is_found(
    empty_ledger: AuditedLedger,
) -> None:
    await fill(empty_ledger)
    made_up = f'[{{"stream_id": "{ChargeId(derive("chg", "none"))}", "version": 1}}]'
    await empty_ledger.admin.execute(
        "UPDATE billing_idempotency SET items = convert_to($1, 'UTF8') WHERE items IS NOT NULL",
        made_up,
    )
    (finding,) = await empty_ledger.findings()
    assert finding.check is Check.ANSWERS
    assert "is no event" in str(finding)
