"""Invoice numbers: gapless per facility and local year, whoever issues, refuses or fails."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

import asyncpg
import pytest

from services.execute.envelope import Envelope
from services.execute.executor import Executor
from tests.fixtures.databases import Database
from tests.fixtures.write_path import (
    LONG,
    all_done,
    assert_books_straight,
    capture,
    codes,
    draft,
    envelope,
    issue,
    message,
    open_account,
)

# In Kabul the year ends between these two; in New York it does not.
BEFORE = datetime(2025, 12, 31, 19, 29, 59, tzinfo=UTC)
AFTER = datetime(2025, 12, 31, 19, 30, 1, tzinfo=UTC)
PATIENTS = tuple(f"p{number}" for number in range(4))
INVOICES = 8


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    admin = await database.admin()
    await admin.execute(
        "INSERT INTO facility_settings VALUES ('demo', 'kabul', 'Asia/Kabul'),"
        " ('demo', 'york', 'America/New_York')"
    )
    return admin


def _at(moment: datetime) -> datetime:
    return moment


def asked_of(process: int) -> list[Envelope]:
    """Issues of two facilities, between others that are refused and that fail their transaction."""
    asked: list[Envelope] = []
    for number in range(INVOICES):
        patient, name = PATIENTS[(process + number) % 4], f"{process}-{number}"
        charge = capture(patient, name)
        facility = ("kabul", "york")[number % 2]
        asked += [
            envelope(charge),
            envelope(draft(patient, name, facility=facility, charge_ids=(charge.charge_id,))),
            envelope(issue(patient, name, due_days=-1)),
            envelope(capture(patient, f"poison-{name}"), message(LONG + name)),
            envelope(issue(patient, name)),
            envelope(issue(patient, name, due_days=60)),
        ]
    return asked


async def test_numbers_have_no_gap_around_new_year_between_processes_whose_clocks_differ(
    database: Database, admin: asyncpg.Pool
) -> None:
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                Executor(
                    await database.pool("daybook_writer", 6),
                    now=partial(_at, moment),
                    lock_timeout_seconds=30,
                )
            )
            for moment in (BEFORE, AFTER, BEFORE)
        ]
        opened = [envelope(open_account(patient)) for patient in PATIENTS]
        assert all_done(await processes[0].execute_all(opened))
        found = await asyncio.gather(
            *(process.execute_all(asked_of(number)) for number, process in enumerate(processes))
        )
    for outcomes in found:
        assert (
            codes(outcomes)
            == [
                "done",
                "done",
                "VALIDATION_FAILED",
                "VALIDATION_FAILED",
                "done",
                "STATE_CONFLICT",
            ]
            * INVOICES
        )
    drawn: defaultdict[str, list[int]] = defaultdict(list)
    for row in await admin.fetch("SELECT key FROM claims WHERE kind = 'invoice_number'"):
        series, _, number = row["key"].rpartition("-")
        drawn[series].append(int(number))
    half = INVOICES // 2
    assert {series: sorted(numbers) for series, numbers in drawn.items()} == {
        "kabul-2025": list(range(1, 2 * half + 1)),
        "kabul-2026": list(range(1, half + 1)),
        "york-2025": list(range(1, 3 * half + 1)),
    }
    await assert_books_straight(admin)
