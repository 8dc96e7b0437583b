"""Ageing reports: computed as a whole, kept, and read; for a connection of one tenant."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec

from contracts.reports import AgedAccount, AgedAccounts, AgingReport, AgingReports, AgingTotal
from projections.aging_rows import balance
from projections.cursor import CursorInvalid, decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

REPORTS_KEPT_DAYS: Final = 35
"""How long a report stays that nobody computes again."""

_REFRESH: Final = sql("aging_refresh")
_REPORTS: Final = sql("aging_reports")
_PAGE: Final = sql("aging_accounts_page")
_CURSOR: Final = "aging"
# Two at once would each remove what the other has not written yet.
_ALONE: Final = (
    "SELECT pg_advisory_xact_lock(hashtextextended('aging/' ||"
    " current_setting('daybook.tenants'), 0))"
)
_REMOVE: Final = (
    "WITH removed AS ("
    " DELETE FROM read.aging_reports WHERE tenant = current_setting('daybook.tenants')"
    " AND ((facility, as_of) IN (SELECT * FROM unnest($1::text[], $2::date[]))"
    " OR refreshed_at < now() - make_interval(days => $3)) RETURNING tenant, report)"
    " DELETE FROM read.aging_accounts a USING removed r"
    " WHERE a.tenant = r.tenant AND a.report = r.report"
)
_FACILITIES: Final = (
    "SELECT DISTINCT facility FROM read.account_balances"
    " WHERE tenant = current_setting('daybook.tenants') ORDER BY facility"
)
_REFRESHED: Final = (
    "SELECT facility, as_of, refreshed_at FROM read.aging_reports"
    " WHERE tenant = current_setting('daybook.tenants') AND as_of >= $1"
)
_BEHIND: Final = (
    "SELECT h.position - coalesce((SELECT checkpoint FROM read.projections"
    " WHERE name = 'account_balances' AND stage = 'live'), 0) FROM daybook.log_head h"
)


class Asked(NamedTuple):
    """The report of a facility as of a date of its time zone."""

    facility: str
    as_of: date
    time_zone: str


class Found(NamedTuple):
    """Reports, and what changes with any of them."""

    reports: AgingReports
    newest: int
    position: int
    """The lowest position that one of them is known up to."""


class _Total(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    accounts: int
    current: int
    days_1_30: int
    days_31_60: int
    days_61_90: int
    days_over_90: int
    unbilled: int
    unallocated: int
    credit: int

    def __getitem__(self, name: str) -> int:
        """A figure by its name, as a row has it."""
        found: int = getattr(self, name)
        return found


_totals: Final = msgspec.json.Decoder(list[_Total], strict=False).decode


async def refresh(connection: AnyConnection, asked: Sequence[Asked]) -> None:
    """Compute reports, one a facility, and put them in place of earlier ones of their days.

    In a transaction of role daybook_reporter: readers see what was there before until it ends.
    """
    facilities, dates, zones = (list(column) for column in zip(*asked, strict=True))
    await connection.execute(_ALONE)
    await connection.execute(_REMOVE, facilities, dates, REPORTS_KEPT_DAYS)
    await connection.execute(_REFRESH, facilities, dates, zones)


async def facilities(connection: AnyConnection) -> list[str]:
    """The facilities at which accounts are kept."""
    return [row["facility"] for row in await connection.fetch(_FACILITIES)]


async def refreshed(connection: AnyConnection, since: date) -> dict[tuple[str, date], datetime]:
    """When the reports of the days from `since` on were computed."""
    rows = await connection.fetch(_REFRESHED, since)
    return {(row["facility"], row["as_of"]): row["refreshed_at"] for row in rows}


async def events_behind(connection: AnyConnection) -> int:
    """How many events of the log a report would not hold if it were computed now."""
    behind: int = await connection.fetchval(_BEHIND)
    return behind


async def find_reports(
    connection: AnyConnection, *, facility: str | None = None, as_of: date | None = None
) -> Found | None:
    """The reports of a day, or the latest one of each facility; None where there is none."""
    rows = await connection.fetch(_REPORTS, facility, as_of)
    if not rows:
        return None
    return Found(
        AgingReports(reports=tuple(_report(row) for row in rows)),
        max(row["report"] for row in rows),
        min(row["position"] for row in rows),
    )


async def find_aged_accounts(
    connection: AnyConnection,
    *,
    facility: str,
    as_of: date | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> AgedAccounts | None:
    """The accounts of a facility's report by id; None where there is no report.

    Raises CursorInvalid, also when the report of the pages before was computed again.
    """
    of_report, after = decode_cursor(_CURSOR, cursor, int, str) if cursor else (None, "")
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, facility, as_of, after, size + 1)
    if not rows:
        return None
    if of_report not in (None, rows[0]["report"]):
        raise CursorInvalid("the report was computed again meanwhile: begin with its first page")
    return _page(rows, size)


def _page(rows: Sequence[Any], size: int) -> AgedAccounts:
    report = rows[0]
    items = tuple(_account(row) for row in rows[:size] if row["account_id"] is not None)
    more = len(rows) > size
    return AgedAccounts(
        facility=report["facility"],
        as_of=report["as_of"],
        refreshed_at=report["refreshed_at"],
        position=report["position"],
        items=items,
        cursor=encode_cursor(_CURSOR, report["report"], items[-1].account_id) if more else None,
    )


def _report(row: Any) -> AgingReport:
    return AgingReport(
        facility=row["facility"],
        as_of=row["as_of"],
        time_zone=row["time_zone"],
        refreshed_at=row["refreshed_at"],
        position=row["position"],
        totals=tuple(
            AgingTotal(
                currency=total.currency, accounts=total.accounts, **balance(total, total.currency)
            )
            for total in _totals(row["totals"])
        ),
    )


def _account(row: Any) -> AgedAccount:
    currency = row["currency"]
    return AgedAccount(account_id=row["account_id"], currency=currency, **balance(row, currency))
