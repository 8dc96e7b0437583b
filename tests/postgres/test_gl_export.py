"""Exports of the general ledger over a real Postgres: they tie, and come out the same again."""

import asyncio
import csv
import io
import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.event import Posted
from contracts.gl_export import GlExportCompleted, GlExportFormat, GlExportRequested
from contracts.ids import GlExportId
from contracts.money import format_minor
from projections.general_ledger_queries import trial_balance
from projections.recorded import Recorded
from services.adapters.object_store import open_object_store
from services.gl_export.exporting import ExportRefused, export
from services.gl_export.layout import PLAIN, Column, Field, Layout
from services.gl_export.layouts import current_layout, find_layout, set_layout
from services.gl_export.manifest import verify
from services.ports import ObjectStore
from tests.fixtures.databases import Database
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.s3_server import S3Server

LOG = history(29, 240)
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
_numbers = itertools.count(1)


def request(**fields: Any) -> GlExportRequested:
    return GlExportRequested(
        **{
            "gl_export_id": GlExportId(f"gle_{next(_numbers)}"),
            "booked_from": FIRST,
            "booked_to": LAST,
            "format": GlExportFormat.CSV,
            **fields,
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_object_store((tmp_path / "objects").as_uri())


@pytest.fixture
async def books(read_models: ReadModels) -> ReadModels:
    await read_models.write_log(LOG)
    await read_models.catch_up(len(LOG))
    return read_models


async def exported(
    database: Database,
    store: ObjectStore,
    wanted: GlExportRequested,
    *,
    tenant: str = "demo",
    at: int = len(LOG),
) -> tuple[GlExportCompleted, bytes, bytes]:
    """What was recorded, the file and the manifest."""
    completed = await export(await database.pool("daybook_reader", 1), store, tenant, wanted, at)
    contents = [
        b"".join([chunk async for chunk in (await store.open(key)).chunks])
        for key in (completed.file, completed.manifest)
    ]
    return completed, *contents  # type: ignore[return-value]  # two contents


def entries(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def posted(tenant: str, first: date = FIRST, last: date = LAST) -> dict[tuple[str, str], int]:
    """Balances by GL account and currency, straight from the events."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for recorded in LOG:
        event = recorded.event
        if recorded.tenant != tenant or not isinstance(event, Posted):
            continue
        for posting in event.postings if first <= event.booked_on <= last else ():
            sums[posting.gl_account, event.currency] += posting.amount_minor
    return {key: minor for key, minor in sums.items() if minor}


def days() -> list[date]:
    return sorted({item.event.booked_on for item in LOG if isinstance(item.event, Posted)})


@pytest.mark.parametrize("tenant", ["demo", "other"])
@pytest.mark.parametrize("format_", GlExportFormat)
async def test_the_totals_tie_to_the_trial_balance_and_to_the_events(
    books: ReadModels, database: Database, store: ObjectStore, tenant: str, format_: GlExportFormat
) -> None:
    first, last = days()[2], days()[-3]
    wanted = request(booked_from=first, booked_to=last, format=format_)
    completed, content, _ = await exported(database, store, wanted, tenant=tenant)
    rows = json.loads(content) if format_ == "json" else entries(content)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sums[row["gl_account"], row["currency"]] += int(row["amount_minor"])
    assert {key: minor for key, minor in sums.items() if minor} == posted(tenant, first, last)
    async with books.reader(tenant) as connection:
        balance = await trial_balance(connection, booked_from=first, booked_to=last)
    assert {(row.gl_account, row.currency): row.balance for row in balance.rows} == {
        key: format_minor(minor, key[1]) for key, minor in sums.items()
    }
    assert {(each.currency, each.debit, each.credit) for each in completed.totals} == {
        (each.currency, each.debit, each.credit) for each in balance.totals.values()
    }
    assert completed.row_count == len(rows)


async def test_entries_come_by_posting_date_position_and_line(
    books: ReadModels, database: Database, store: ObjectStore
) -> None:
    _, content, _ = await exported(database, store, request())
    order = [(row["booked_on"], int(row["position"]), int(row["line"])) for row in entries(content)]
    assert order == sorted(order)
    assert len(order) == len(set(order)) > 100


async def test_a_facility_and_a_currency_choose_their_entries(
    books: ReadModels, database: Database, store: ObjectStore
) -> None:
    _, whole, _ = await exported(database, store, request())
    _, yen, _ = await exported(database, store, request(currency="JPY"))
    assert entries(yen) == [row for row in entries(whole) if row["currency"] == "JPY"]
    facility = entries(whole)[0]["facility"]
    _, one, _ = await exported(database, store, request(facility=facility))
    assert entries(one) == [row for row in entries(whole) if row["facility"] == facility]
    completed, none, _ = await exported(database, store, request(facility="nowhere"))
    assert (completed.row_count, completed.position, completed.totals) == (0, 0, ())
    assert entries(none) == []


async def test_a_past_period_comes_out_the_same_while_more_is_booked(
    read_models: ReadModels, database: Database, store: ObjectStore
) -> None:
    cut = len(LOG) // 2
    await read_models.write_log(LOG[:cut])
    await read_models.catch_up(cut)
    _, first_file, first_manifest = await exported(database, store, request(), at=cut)

    async def book_more() -> None:
        for until in range(cut, len(LOG), 20):
            await read_models.write_log(LOG[until : until + 20])
            await read_models.catch_up(min(until + 20, len(LOG)))

    booking = asyncio.create_task(book_more())
    during = 0
    while not booking.done():
        _, file, manifest = await exported(database, store, request(position=cut), at=len(LOG))
        assert (file, manifest) == (first_file, first_manifest)
        during += 1
    await booking
    assert during > 1
    _, later, _ = await exported(database, store, request())
    assert later != first_file


async def test_what_is_no_entry_changes_neither_file_nor_manifest(
    books: ReadModels, database: Database, store: ObjectStore
) -> None:
    last = max(item.position for item in LOG if _has_postings(item, "demo"))
    _, *cut_there = await exported(database, store, request(), at=last)
    _, *cut_at_the_end = await exported(database, store, request(), at=len(LOG))
    assert cut_there == cut_at_the_end


def _has_postings(item: Recorded, tenant: str) -> bool:
    event = item.event
    return item.tenant == tenant and isinstance(event, Posted) and bool(event.postings)


async def test_an_export_to_a_real_s3_server_verifies_where_it_was_downloaded(
    books: ReadModels,
    database: Database,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = open_object_store("s3://books/exports")
    completed, content, manifest = await exported(database, store, request())
    (tmp_path / "general-ledger.csv").write_bytes(content)
    (tmp_path / "manifest.json").write_bytes(manifest)
    found, findings = verify(tmp_path)
    assert findings == []
    assert (found.tenant, found.row_count, found.sha256) == (
        "demo",
        completed.row_count,
        completed.sha256,
    )
    kept = [each.key async for each in store.below("demo/gl-exports")]
    assert kept == [completed.file, completed.manifest]


def erp(**fields: Any) -> Layout:
    columns: Sequence[Column] = (Column(field=Field.GL_ACCOUNT), Column(field=Field.AMOUNT))
    return Layout(**{"name": "erp", "columns": tuple(columns), **fields})


async def test_a_layout_is_kept_for_the_exports_that_name_it(database: Database) -> None:
    writer = await database.pool("daybook_writer", 1)
    reader = await database.pool("daybook_reader", 1)
    assert await current_layout(reader, "demo") is None
    first = await set_layout(writer, "demo", PLAIN)
    await set_layout(writer, "demo", erp())
    assert await current_layout(reader, "demo") == erp()
    assert await find_layout(reader, "demo", first) == PLAIN
    assert await current_layout(reader, "other") is None
    assert await find_layout(reader, "other", first) is None
    assert await set_layout(writer, "demo", PLAIN) == first
    assert await current_layout(reader, "demo") == PLAIN


@pytest.mark.parametrize(
    ("layout", "code"),
    [(erp(accounts={"1100": "140000"}), "ACCOUNT_UNMAPPED"), (erp(), "CURRENCY_AMBIGUOUS")],
)
async def test_what_a_layout_cannot_show_is_refused_and_nothing_is_stored(
    books: ReadModels, database: Database, store: ObjectStore, layout: Layout, code: str
) -> None:
    named = await set_layout(await database.pool("daybook_writer", 1), "demo", layout)
    with pytest.raises(ExportRefused) as refused:
        await exported(database, store, request(layout=named))
    assert refused.value.code == code
    assert [each async for each in store.below("demo")] == []


async def test_a_layout_or_a_position_that_is_not_there_is_refused(
    books: ReadModels, database: Database, store: ObjectStore
) -> None:
    for fields, code in (({"layout": "f00"}, "LAYOUT_UNKNOWN"), ({"position": 10**9}, "POSITION_")):
        with pytest.raises(ExportRefused) as refused:
            await exported(database, store, request(**fields))
        assert refused.value.code.startswith(code)


async def test_the_tenant_is_told_by_the_manifest_and_sees_its_own_entries_alone(
    books: ReadModels, database: Database, store: ObjectStore
) -> None:
    completed, content, manifest = await exported(database, store, request(), tenant="other")
    assert completed.file.startswith("other/gl-exports/")
    assert msgspec.json.decode(manifest)["tenant"] == "other"
    assert {row["currency"] for row in entries(content)} == {"BHD"}
