"""Exports of the log and of the general ledger: read back by programs that are not ours."""

import hashlib
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from beancount import loader
from beancount.core import realization

from contracts.ledger import GlAccount
from contracts.log import microseconds
from projections.general_ledger_queries import trial_balance
from services.audit.exporting import Exported, ExportFormat, Request, export
from services.audit.log_export import NotExportable
from services.gl_export.beancount import account_name
from services.gl_export.manifest import MANIFEST, verify
from services.tenant_view import tenant_view
from tests.fixtures.audited import CHARGE, HEAD, AuditedLedger, opening

FORMATS = tuple(ExportFormat)
BEAN_CHECK = Path(sys.executable).with_name("bean-check")
_PARQUET = (
    "SELECT * REPLACE (epoch_us(recorded_at) AS recorded_at, epoch_us(sequenced_at) AS"
    ' sequenced_at) FROM read_parquet(?) ORDER BY "position"'
)


async def exported(ledger: AuditedLedger, to: Path, *request: Any, **more: Any) -> Any:
    """The manifest; the files are in the folder."""
    pool = await ledger.database.pool("daybook_auditor")

    async def deliver(made: Exported) -> None:
        (to / made.name).write_bytes(made.file.read())
        (to / MANIFEST).write_bytes(made.manifest)

    await export(pool, Request(*request, **more), deliver)
    return json.loads((to / MANIFEST).read_bytes())


async def test_the_log_as_json_lines_is_the_stored_bytes(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    manifest = await exported(audited, tmp_path, ExportFormat.JSONL, None)
    content = (tmp_path / "events.jsonl").read_bytes()
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert (manifest["since"], manifest["until"], manifest["row_count"]) == (1, HEAD, HEAD)
    assert manifest["root"] == (await audited.verify()).root
    stored = await audited.admin.fetch(
        "SELECT body FROM events JOIN event_log USING (tenant, stream_id, version)"
        " ORDER BY position"
    )
    for line, row in zip(content.splitlines(), stored, strict=True):
        assert b'"body":' + row["body"] in line


async def test_the_log_as_parquet_is_read_by_another_library(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    manifest = await exported(audited, tmp_path, ExportFormat.PARQUET, None)
    path = tmp_path / "events.parquet"
    assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with duckdb.connect() as connection:
        found = connection.execute(_PARQUET, [str(path)]).fetchall()
        names = [column[0] for column in connection.description or ()]
    stored = await audited.admin.fetch(
        "SELECT position, tenant, tenant_position, stream_id, version, type, recorded_at,"
        " sequenced_at, encode(leaf, 'hex') AS leaf, convert_from(body, 'UTF8') AS body,"
        " convert_from(metadata, 'UTF8') AS metadata"
        " FROM event_log JOIN events USING (tenant, stream_id, version) ORDER BY position"
    )
    assert tuple(names) == tuple(manifest["columns"]) == tuple(stored[0].keys())
    for row, expected in zip(found, stored, strict=True):
        values = dict(zip(names, row, strict=True))
        for name in ("recorded_at", "sequenced_at"):
            assert values.pop(name) == microseconds(expected[name])
        assert values == {name: expected[name] for name in values}


@pytest.mark.parametrize("form", FORMATS)
async def test_the_same_call_gives_the_same_bytes(
    audited: AuditedLedger, tmp_path: Path, form: ExportFormat
) -> None:
    """Also after the log went on, where it is cut."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        await exported(audited, folder, form, "demo", position=HEAD)
        await audited.sequence()
        await audited.project()
    one, two = (sorted(folder.iterdir()) for folder in folders)
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


async def test_a_range_of_one_tenant_has_nothing_else(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    await audited.execute([opening(("q1", "USD"))], tenant="other")
    await audited.sequence()
    manifest = await exported(audited, tmp_path, ExportFormat.JSONL, "demo", 4, HEAD + 2)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {line["tenant"] for line in lines} == {"demo"}
    assert [line["position"] for line in lines] == list(range(4, HEAD + 2))
    assert manifest["tenant"] == "demo"
    days = [date(2000, 1, 1), date(2001, 1, 1), date(2199, 1, 1)]
    for since, until, count in ((0, 1, 0), (1, 2, HEAD + 2), (2, 2, 0)):
        chosen = (ExportFormat.JSONL, None, days[since], days[until])
        assert (await exported(audited, tmp_path, *chosen))["row_count"] == count


def _is_accepted(path: Path) -> bool:
    return subprocess.run([BEAN_CHECK, path], check=False).returncode == 0


def _accounts(path: Path) -> tuple[dict[tuple[str, str], Decimal], list[Any]]:
    """What beancount makes of a file: each account's balance, and what it finds wrong."""
    entries, errors, _ = loader.load_file(str(path))
    root = realization.realize(entries)  # type: ignore[no-untyped-call]  # it has no types
    balances = {
        (found.account, position.units.currency): position.units.number
        for found in realization.iter_children(root)  # type: ignore[no-untyped-call]  # it has no types
        for position in found.balance
    }
    return balances, errors


async def test_beancount_accepts_the_ledger_and_has_our_balances(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    manifest = await exported(audited, tmp_path, ExportFormat.BEANCOUNT, "demo")
    path = tmp_path / manifest["file"]
    assert _is_accepted(path)
    balances, errors = _accounts(path)
    assert errors == []
    reader = await audited.database.pool("daybook_reader")
    async with tenant_view(reader, "demo", readonly=True) as connection:
        ours = await trial_balance(connection)
    expected = {
        (account_name(GlAccount(row.gl_account)), row.currency): (
            Decimal(row.debit) - Decimal(row.credit)
        )
        for row in ours.rows
    }
    assert balances == {key: value for key, value in expected.items() if value}
    assert len(balances) > 4


async def test_beancount_accepts_a_period_with_what_was_before(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    """Everything was booked on one day: a later period has only an opening."""
    whole = await exported(audited, tmp_path, ExportFormat.BEANCOUNT, "demo")
    all_balances, _ = _accounts(tmp_path / whole["file"])
    booked_on = await audited.admin.fetchval("SELECT max(booked_on) FROM ledger_entries")
    later = date.fromordinal(booked_on.toordinal() + 1)
    manifest = await exported(audited, tmp_path, ExportFormat.BEANCOUNT, "demo", later)
    balances, errors = _accounts(tmp_path / manifest["file"])
    assert (errors, manifest["row_count"], balances) == ([], 0, all_balances)


async def test_beancount_finds_what_was_changed(audited: AuditedLedger, tmp_path: Path) -> None:
    manifest = await exported(audited, tmp_path, ExportFormat.BEANCOUNT, "demo")
    path = tmp_path / manifest["file"]
    path.write_text(path.read_text().replace("125.00 USD", "124.00 USD", 1))
    assert _accounts(path)[1]


@pytest.mark.parametrize("form", [ExportFormat.GL_CSV, ExportFormat.GL_JSON])
async def test_the_ledger_is_exported_as_it_always_is(
    audited: AuditedLedger, tmp_path: Path, form: ExportFormat
) -> None:
    manifest = await exported(audited, tmp_path, form, "demo")
    assert manifest["row_count"] == await audited.admin.fetchval(
        "SELECT count(*) FROM read.general_ledger_entries"
    )
    assert verify(tmp_path)[1] == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ((ExportFormat.BEANCOUNT, None), "one tenant's"),
        ((ExportFormat.GL_CSV, "demo", 4), "posting dates"),
        ((ExportFormat.JSONL, None, 1, 99), "the log ends at 11"),
        ((ExportFormat.JSONL, None, None, None, 99), "the log ends at 11"),
    ],
)
async def test_what_cannot_be_exported_is_said(
    audited: AuditedLedger, tmp_path: Path, request_: Any, why: str
) -> None:
    with pytest.raises(NotExportable, match=why):
        await exported(audited, tmp_path, *request_)
    assert list(tmp_path.iterdir()) == []


async def test_a_log_with_a_hole_is_not_exported(audited: AuditedLedger, tmp_path: Path) -> None:
    await audited.damage("DELETE FROM events WHERE stream_id = $1", CHARGE)
    with pytest.raises(NotExportable, match="the event at position 4 is not there"):
        await exported(audited, tmp_path, ExportFormat.JSONL, None)
