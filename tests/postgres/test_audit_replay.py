"""What was known at a moment, from events alone: the same today and later."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from contracts.ids import AccountId
from projections.general_ledger_queries import trial_balance
from services.audit.replaying import AsKnown, position_at, replay_as_of
from services.tenant_view import tenant_view
from tests.fixtures.audited import (
    ACCOUNT,
    HEAD,
    HISTORY,
    INVOICE,
    OTHER,
    PATIENT,
    AuditedLedger,
    capture,
    opening,
)

LATER = datetime(2199, 1, 1, tzinfo=UTC)


async def known(ledger: AuditedLedger, as_of: datetime, **more: object) -> AsKnown:
    pool = await ledger.database.pool("daybook_auditor")
    return await replay_as_of(pool, "demo", as_of, **more)  # type: ignore[arg-type]  # a test's own


async def test_what_is_known_now_is_what_the_read_models_show(audited: AuditedLedger) -> None:
    found = await known(audited, LATER)
    assert (found.position, found.events) == (HEAD, HEAD)
    balances = await audited.admin.fetch(
        "SELECT account_id, receivable_minor - credit_minor AS minor FROM read.account_balances"
        " WHERE receivable_minor <> 0 OR credit_minor <> 0 ORDER BY account_id"
    )
    assert [each.account_id for each in found.balances] == [row["account_id"] for row in balances]
    reader = await audited.database.pool("daybook_reader")
    async with tenant_view(reader, "demo", readonly=True) as connection:
        ours = await trial_balance(connection)
    shown = {(row.gl_account, row.currency): (row.debit, row.credit) for row in ours.rows}
    replayed = {
        (row.gl_account, row.currency): (row.debit, row.credit) for row in found.trial_balance
    }
    assert replayed == shown
    (invoice,) = found.invoices
    row = await audited.admin.fetchrow("SELECT status, number FROM read.invoices")
    assert (invoice.status, invoice.number) == tuple(row or ())


@pytest.fixture
async def step_by_step(empty_ledger: AuditedLedger) -> list[datetime]:
    """The same history, each command in order by itself; the instants between them."""
    moments = [datetime.now(UTC) - timedelta(days=1)]
    for command in HISTORY:
        await empty_ledger.execute([command])
        await empty_ledger.sequence()
        moments.append(await empty_ledger.admin.fetchval("SELECT sequenced_at FROM log_head"))
    return moments


async def test_every_moment_is_known_as_it_was_then_today_and_later(
    empty_ledger: AuditedLedger, step_by_step: list[datetime]
) -> None:
    before = [await known(empty_ledger, moment) for moment in step_by_step]
    assert [each.position for each in before] == list(range(HEAD + 1))
    statuses = [[invoice.status for invoice in each.invoices] for each in before]
    assert statuses[5:10] == [[], ["draft"], ["issued"], ["issued"], ["issued"]]
    for each in before:
        for currency in ("USD", "BHD"):
            rows = [row for row in each.trial_balance if row.currency == currency]
            debits, credits_ = (
                sum(Decimal(getattr(row, side)) for row in rows) for side in ("debit", "credit")
            )
            assert debits == credits_
    await empty_ledger.execute([capture(OTHER, 9), opening(("p9", "USD"))])
    await empty_ledger.sequence()
    assert [await known(empty_ledger, moment) for moment in step_by_step] == before


async def test_what_counts_on_a_day_is_told_from_what_was_known(audited: AuditedLedger) -> None:
    """A charge of the day before is recorded behind everything else."""
    await audited.execute([replace(capture(PATIENT, 9), service_on=date(2026, 1, 29))])
    await audited.sequence()
    account = AccountId(ACCOUNT)
    found = [
        await known(audited, LATER, account_id=account, effective_on=day)
        for day in (date(2026, 1, 28), date(2026, 1, 29), date(2026, 1, 30))
    ]
    assert [[each.receivable for each in one.balances] for one in found] == [
        ["-204.00"],  # paid and adjusted on the clock's day, which is before the services
        ["-79.00"],
        ["270.00"],  # with 125.00, 99.00 and 125.00 of the day
    ]
    assert [invoice.invoice_id for invoice in found[2].invoices] == [INVOICE]


async def test_other_tenants_are_not_shown(audited: AuditedLedger) -> None:
    await audited.execute([opening(("q1", "USD"))], tenant="other")
    await audited.sequence()
    pool = await audited.database.pool("daybook_auditor")
    found = await replay_as_of(pool, "other", LATER)
    assert (found.events, found.balances, found.invoices) == (1, (), ())


async def test_a_moment_before_the_log_knows_nothing(audited: AuditedLedger) -> None:
    found = await known(audited, datetime(2000, 1, 1, tzinfo=UTC))
    assert (found.position, found.events, found.trial_balance) == (0, 0, ())


async def test_a_moment_is_found_in_few_steps(audited: AuditedLedger) -> None:
    pool = await audited.database.pool("daybook_auditor")
    last = await audited.admin.fetchval("SELECT sequenced_at FROM log_head")
    async with pool.acquire() as connection:
        asked = 0

        def count(_query: object) -> None:
            nonlocal asked
            asked += 1

        with connection.query_logger(count):
            assert await position_at(connection, last, HEAD) == HEAD
    assert asked <= 5
