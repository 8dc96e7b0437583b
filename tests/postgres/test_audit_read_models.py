"""Read models that are not what a replay gives: every kind is found and named."""

from projections.projection import REGISTRY
from services.audit.findings import Check
from tests.fixtures.audited import (
    ACCOUNT,
    CHARGE,
    HEAD,
    INVOICE,
    OTHER,
    PAYMENT,
    AuditedLedger,
    brief,
    capture,
)


async def test_a_drifted_row_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE read.account_balances SET receivable_minor = 1, language = 'ps'"
        " WHERE account_id = $1",
        ACCOUNT,
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [
        (Check.READ_MODELS, 10, ACCOUNT, f"account_balances (demo, {ACCOUNT})")
    ]
    assert finding.tenant == "demo"
    assert finding.expected == "language en, receivable_minor 14500"
    assert finding.found == "language ps, receivable_minor 1"


async def test_a_sum_beyond_a_bigint_is_compared_to_the_last_digit(audited: AuditedLedger) -> None:
    great = 2**63 + 1
    await audited.damage(
        "UPDATE read.general_ledger_totals SET debit_minor = $1 WHERE gl_account = '4900'", great
    )
    findings = await audited.findings()
    assert [one.found for one in findings] == [f"debit_minor {great}"] * len(findings)
    assert findings


async def test_a_row_of_every_table_is_compared(audited: AuditedLedger) -> None:
    """Empty every table of every build: each row of each replay is missed."""
    tables = await audited.admin.fetch(
        "SELECT format('DELETE FROM %I.%I', schemaname, tablename) AS emptied, tablename"
        " FROM pg_tables WHERE schemaname LIKE 'read\\_%'"
    )
    counts = {table["tablename"]: await audited.admin.execute(table["emptied"]) for table in tables}
    emptied = {name for name, count in counts.items() if count != "DELETE 0"}
    assert len(counts) >= 8
    findings = await audited.findings()
    assert {one.check for one in findings} == {Check.READ_MODELS}
    assert {one.what.split()[0] for one in findings} == emptied
    assert all(one.expected and one.found is None for one in findings)


async def test_an_extra_row_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO read.payment_allocations VALUES ('demo', $1, 2, $2, 5)", PAYMENT, INVOICE
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [
        (Check.READ_MODELS, None, PAYMENT, f"payment_allocations (demo, {PAYMENT}, 2)")
    ]
    assert finding.expected is None


async def test_a_line_of_the_ledger_names_its_event(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE read.general_ledger_entries SET amount_minor = 0 WHERE position = 4 AND line = 1"
    )
    (finding,) = await audited.findings()
    assert (finding.position, finding.stream_id, finding.version) == (4, CHARGE, 1)
    assert (finding.expected, finding.found) == ("amount_minor 12500", "amount_minor 0")


async def test_a_read_model_that_is_behind_is_well(audited: AuditedLedger) -> None:
    """It is compared with a replay up to its checkpoint, not up to the head of the log."""
    await audited.execute([capture(OTHER, 50)])
    await audited.sequence()
    report = await audited.verify()
    assert report.head == HEAD + 2
    assert report.findings == ()


async def test_a_checkpoint_ahead_of_the_rows_is_found(audited: AuditedLedger) -> None:
    await audited.execute([capture(OTHER, 50)])
    await audited.sequence()
    await audited.damage(
        "UPDATE read.projections SET checkpoint = checkpoint + 1 WHERE name = 'general_ledger'"
    )
    wrong = brief(await audited.findings())
    assert {one[3].split(" ")[0] for one in wrong} == {
        "general_ledger_entries",
        "general_ledger_totals",
    }


async def test_a_halted_read_model_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE read.projections SET status = 'halted', halted_position = 12, error = 'why'"
        " WHERE name = 'invoices'"
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.READ_MODELS, 12, None, "invoices is halted")]
    assert finding.found == "why"


async def test_a_build_of_another_version_is_not_taken_for_well(audited: AuditedLedger) -> None:
    version = next(one.version for one in REGISTRY if one.name == "payments")
    await audited.damage(
        "UPDATE read.projections SET version = version + 1 WHERE name = 'payments'"
    )
    names = f"read_payments_v{version}_b1 RENAME TO read_payments_v{version + 1}_b1"
    await audited.admin.execute(f"ALTER SCHEMA {names}")
    (finding,) = await audited.findings()
    assert finding.what == "payments was filled by another version and is to be rebuilt"
    assert (finding.expected, finding.found) == (str(version), str(version + 1))


async def test_a_read_model_that_is_shown_and_not_live_is_found(audited: AuditedLedger) -> None:
    """Its rows are compared with nothing, whoever changes them."""
    await audited.damage("UPDATE read.projections SET stage = 'retired' WHERE name = 'payments'")
    await audited.damage("UPDATE read.payments SET facility = 'x'")
    found = await audited.findings()
    version = next(one.version for one in REGISTRY if one.name == "payments")
    assert [(one.check, one.what, one.expected, one.found) for one in found] == [
        (
            Check.READ_MODELS,
            f"the view read.{view} shows what is not live",
            None,
            f"read_payments_v{version}_b1",
        )
        for view in ("payment_allocations", "payments")
    ]


async def test_a_build_that_nothing_tells_of_is_found(audited: AuditedLedger) -> None:
    await audited.damage("DELETE FROM read.projections WHERE name = 'general_ledger'")
    found = await audited.findings()
    version = next(one.version for one in REGISTRY if one.name == "general_ledger")
    schema = f"read_general_ledger_v{version}_b1"
    assert {one.found for one in found} == {schema}
    assert found[0].what == "a build is not in read.projections"


async def test_a_live_build_that_is_not_shown_is_found(audited: AuditedLedger) -> None:
    await audited.admin.execute(
        "DROP VIEW read.payments; CREATE VIEW read.payments AS SELECT 5 AS amount_minor"
    )
    (finding,) = await audited.findings()
    assert finding.what == "the view read.payments does not show the live build"


async def test_a_checkpoint_beyond_the_log_is_found(audited: AuditedLedger) -> None:
    """The events up to it would never be applied."""
    await audited.damage("UPDATE read.projections SET checkpoint = 99 WHERE name = 'payments'")
    report = await audited.verify()
    (finding,) = report.findings
    what = "the checkpoint of payments, build 1, is beyond the log"
    assert brief([finding]) == [(Check.READ_MODELS, HEAD + 1, None, what)]
    assert (finding.expected, finding.found) == (f"{HEAD} or less", "99")
    assert report.verified_through == HEAD


async def test_a_log_that_cannot_be_replayed_names_the_event(audited: AuditedLedger) -> None:
    """The account was never opened, so that its first charge is where the replay ends."""
    await audited.damage("DELETE FROM event_log WHERE position = 2")
    wrong = [one for one in await audited.findings() if one.check is Check.READ_MODELS]
    assert brief(wrong)[0] == (
        Check.READ_MODELS,
        4,
        CHARGE,
        "account_balances cannot apply the event: UnknownAccount:"
        " 1 of these accounts were never opened",
    )
    assert not any(one.what.startswith("account_balances (") for one in wrong)


async def test_nothing_is_left_behind_in_the_database(audited: AuditedLedger) -> None:
    """The pool's connections go on without the tables of the replay, and with their settings."""
    pool = await audited.database.pool("daybook_auditor", 2)
    before = await pool.fetchval("SHOW search_path")
    for _ in range(2):
        await audited.verify_with(pool)
    async with pool.acquire() as one, pool.acquire() as other:
        for connection in (one, other):
            assert await connection.fetchval("SHOW search_path") == before
            assert await connection.fetchval("SHOW enable_seqscan") == "on"
            temporary = "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
            assert await connection.fetchval(temporary) == 0
