"""The audit of a ledger: what it looks at, what it reports, and that it disturbs nobody."""

import asyncio
import io
import json

import pytest
from rich.console import Console

from contracts.log import EMPTY_ROOT, tree_root
from services.audit.findings import MEANING, SINCE_ANYWHERE, Check
from services.audit.verify import CannotVerify, Progress, verify
from tests.fixtures.audited import (
    CHARGE,
    HEAD,
    OTHER,
    PATIENT,
    AuditedLedger,
    brief,
    capture,
    opening,
)
from tests.fixtures.databases import Database


async def test_a_whole_ledger_has_no_findings(audited: AuditedLedger) -> None:
    report = await audited.verify()
    assert report.findings == ()
    assert report.is_well
    assert (report.head, report.verified_through) == (HEAD, HEAD)
    assert (report.events, report.waiting) == (HEAD + 1, 1)
    leaves = await audited.admin.fetch("SELECT leaf FROM event_log ORDER BY position")
    assert report.root == tree_root([row["leaf"] for row in leaves]).hex()


async def test_every_check_looks_at_everything(audited: AuditedLedger) -> None:
    report = await audited.verify()
    checked = {count.check: count.checked for count in report.checks}
    rows = {
        Check.POSITIONS: HEAD,
        Check.LEAVES: HEAD,
        Check.BODIES: HEAD + 1,
        Check.EVENTS: HEAD + 1,
        Check.VERSIONS: HEAD + 1,
        Check.OUTBOX: 1,
        Check.LOG_HEAD: 2,
        Check.LEDGER_ENTRIES: await audited.admin.fetchval("SELECT count(*) FROM ledger_entries"),
        Check.BALANCE: 8,
        Check.STREAM_HEADS: await audited.admin.fetchval("SELECT count(*) FROM stream_heads"),
        Check.ACCOUNT_HEADS: 2,
        Check.OPEN_ITEMS: 5,
        Check.CLAIMS: 3,
        Check.COUNTERS: 1,
        Check.PRICES: 1,
    }
    assert {check: checked[check] for check in rows} == rows
    assert checked[Check.READ_MODELS] > 20
    assert all(count.findings == 0 for count in report.checks)


async def test_every_check_says_what_it_is_about() -> None:
    assert set(MEANING) == set(Check)


async def test_an_empty_log_is_well(empty_ledger: AuditedLedger) -> None:
    report = await empty_ledger.verify()
    assert (report.is_well, report.head, report.root) == (True, 0, EMPTY_ROOT.hex())


async def test_a_log_that_was_never_created_cannot_be_verified(
    empty_ledger: AuditedLedger,
) -> None:
    await empty_ledger.damage("DELETE FROM log_head")
    with pytest.raises(CannotVerify, match="never created"):
        await empty_ledger.verify()


async def test_a_pool_of_one_connection_is_refused(database: Database) -> None:
    with pytest.raises(CannotVerify, match="two connections"):
        await verify(await database.pool("daybook_auditor", 1))


@pytest.mark.parametrize("since", [0, HEAD + 2])
async def test_a_beginning_outside_the_log_is_refused(audited: AuditedLedger, since: int) -> None:
    with pytest.raises(CannotVerify, match=f"from 1 to {HEAD}, not from {since}"):
        await audited.verify(since=since)


async def test_the_auditor_needs_no_right_to_write(audited: AuditedLedger) -> None:
    pool = await audited.database.pool("daybook_auditor")
    await audited.verify_with(pool)
    writable = await pool.fetch(
        "SELECT table_schema, table_name FROM information_schema.role_table_grants"
        " WHERE grantee = 'daybook_auditor' AND privilege_type <> 'SELECT'"
    )
    assert writable == []


async def test_two_tenants_are_verified_together(audited: AuditedLedger) -> None:
    await audited.execute([opening(PATIENT), capture(PATIENT, 1)], tenant="other")
    await audited.sequence()
    await audited.project()
    report = await audited.verify()
    assert (report.findings, report.head) == ((), HEAD + 3)
    await audited.damage("UPDATE account_heads SET version = 9 WHERE tenant = 'other'")
    (finding,) = await audited.findings()
    assert (finding.tenant, finding.expected, finding.found) == ("other", "2", "9")


async def test_pages_of_events_are_joined_without_a_seam(
    audited: AuditedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await audited.execute([capture(OTHER, number) for number in range(100, 400)])
    await audited.sequence()
    await audited.project()
    await audited.execute([capture(OTHER, number) for number in range(400, 420)])
    whole = await audited.verify()
    monkeypatch.setattr("services.audit.pages.PAGE_EVENTS", 7)
    monkeypatch.setattr("services.audit.pages.PAGE_COMMANDS", 3)
    monkeypatch.setattr("services.audit.pages.PAGE_BYTES", 1_000)
    monkeypatch.setattr("services.audit.accounts.ROWS_PER_READ", 5)
    paged = await audited.verify()
    assert whole.findings == paged.findings == ()
    assert (paged.root, paged.head, paged.events) == (whole.root, whole.head, whole.events)
    assert paged.checks == whole.checks


async def test_since_a_position_the_log_is_verified_from_there_on(audited: AuditedLedger) -> None:
    whole = await audited.verify()
    report = await audited.verify(since=8)
    assert (report.findings, report.root) == ((), whole.root)
    assert (report.since, report.verified_through, report.events) == (8, HEAD, HEAD - 7)
    assert tuple(count.check for count in report.checks) == SINCE_ANYWHERE
    await audited.damage(
        "UPDATE events SET metadata = metadata || ' ' WHERE stream_id = $1", CHARGE
    )
    assert (await audited.verify(since=5)).is_well
    (finding,) = await audited.findings(since=4)
    assert brief([finding]) == [(Check.LEAVES, 4, CHARGE, "leaf")]


async def test_what_is_verified_ends_before_the_first_finding(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE event_log SET leaf = sha256('x') WHERE position IN (9, 6)")
    report = await audited.verify()
    assert [finding.position for finding in report.findings] == [6, 9]
    assert report.verified_through == 5
    await audited.damage("UPDATE counters SET value = 5")
    assert (await audited.verify()).verified_through == 0


async def test_many_findings_are_counted_and_the_first_are_kept(audited: AuditedLedger) -> None:
    await audited.execute([capture(OTHER, number) for number in range(100, 230)])
    await audited.sequence()
    await audited.project()
    await audited.damage("UPDATE event_log SET leaf = sha256('x')")
    report = await audited.verify()
    assert [finding.position for finding in report.findings] == list(range(1, 101))
    counts = {count.check: count.findings for count in report.checks}
    assert counts[Check.LEAVES] == HEAD + 131


async def test_the_first_wrong_position_is_named_wherever_its_row_stands(
    audited: AuditedLedger,
) -> None:
    """The rows are read in the order of their keys, which says nothing about positions."""
    patients = [(f"many{number}", "USD") for number in range(130)]
    await audited.execute([opening(patient) for patient in patients])
    await audited.sequence()
    await audited.project()
    await audited.damage("UPDATE account_heads SET facility = 'x' WHERE version = 1")
    await audited.damage("UPDATE read.account_balances SET language = 'ps' WHERE position > 12")
    report = await audited.verify()
    wrong: dict[Check, list[int | None]] = {Check.ACCOUNT_HEADS: [], Check.READ_MODELS: []}
    for finding in report.findings:
        wrong[finding.check].append(finding.position)
    first = HEAD + 2  # behind WAITING
    hundred = list(range(first, first + 100))
    assert wrong == {Check.ACCOUNT_HEADS: hundred, Check.READ_MODELS: hundred}
    assert report.verified_through == first - 1


async def test_nothing_beyond_the_end_of_the_log_is_called_verified(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO merkle_tiles SELECT 0, 9, string_agg(sha256('x'), ''), sha256('x')"
        " FROM generate_series(1, 256)"
    )
    report = await audited.verify()
    (finding,) = report.findings
    assert (finding.check, finding.position) == (Check.TILES, 9 * 256 + 1)
    assert report.verified_through == HEAD


async def test_a_report_is_read_by_programs_and_by_people(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE counters SET value = 5")
    report = await audited.verify()
    content = json.loads(report.as_json())
    assert content["verified_through"] == 0
    assert content["findings"][0] == {
        "check": "counters",
        "what": "invoice/north/2025",
        "position": None,
        "tenant": "demo",
        "stream_id": None,
        "version": None,
        "expected": "1",
        "found": "5",
    }
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(report.as_table())
    shown = console.export_text()
    assert "FINDINGS: positions 1 to 0 of 11" in shown
    assert "counters: tenant demo: invoice/north/2025 (expected 1, found 5)" in shown
    assert all(meaning in shown for check, meaning in MEANING.items() if check != Check.STREAM)


async def test_progress_is_told_to_the_end(audited: AuditedLedger) -> None:
    told: list[Progress] = []
    await audited.verify(report=told.append)
    assert [progress.events for progress in told] == [HEAD, HEAD + 1]
    assert {progress.total for progress in told} == {HEAD + 1}
    assert told[-1].seconds_left == 0
    assert told[-1].events_per_second > 0


async def test_writes_during_the_audit_give_no_false_finding(audited: AuditedLedger) -> None:
    """Commands, their sequencing and their projection go on while it runs, again and again."""
    done = asyncio.Event()

    async def go_on() -> None:
        number = 1_000
        while not done.is_set():
            await audited.execute([capture(OTHER, number + step) for step in range(5)])
            await audited.sequence()
            await audited.project()
            number += 5

    writing = asyncio.create_task(go_on())
    try:
        pool = await audited.database.pool("daybook_auditor")
        heads: set[int] = set()
        while len(heads) < 4:
            report = await audited.verify_with(pool)
            assert report.findings == ()
            heads.add(report.head)
    finally:
        done.set()
        await writing
