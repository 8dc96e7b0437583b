"""Code systems of a tenant: read from CSV, loaded as a whole, listed, removed."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

import asyncpg
import msgspec
from asyncpg import Range

from contracts.inbound import Code, CodeSystem, Line
from services.cannot_run import CannotRun
from services.tenant_view import tenant_view

COLUMNS: Final = ("code", "display", "active_from", "active_until")
ERRORS_SHOWN_MAX: Final = 20
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_STAGED: Final = ("code", "display", "active")
_STAGE: Final = (
    "CREATE TEMP TABLE staged_codes (code text, display text, active daterange) ON COMMIT DROP"
)
_REMOVE: Final = (
    "DELETE FROM billing_code_systems WHERE tenant = $1 AND system = $2 AND version = $3"
)
_ADD: Final = (
    "INSERT INTO billing_code_systems (tenant, system, version, code_count) VALUES ($1, $2, $3, $4)"
)
_FILL: Final = (
    "INSERT INTO billing_codes (tenant, system, version, code, display, active)"
    " SELECT $1, $2, $3, code, display, active FROM staged_codes"
)
_LIST: Final = (
    "SELECT system, version, code_count, loaded_at FROM billing_code_systems WHERE tenant = $1"
    " ORDER BY system, version"
)


class CodesUnreadable(CannotRun):
    """A file of codes that is not loaded; the text names the first lines that are wrong."""


class CodeRow(NamedTuple):
    """A code with the days on which it may be charged."""

    code: str
    display: str | None
    active: "Range[date]"


class LoadedSystem(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a code system as it was loaded."""

    system: str
    version: str
    codes: int
    loaded_at: str


def read_codes(lines: Iterable[str]) -> Iterator[CodeRow]:
    """The rows of a CSV with the columns of COLUMNS, of which only `code` must be there.

    `active_until` is the last day. Raises CodesUnreadable behind the last row that can be read.
    """
    rows = csv.reader(lines, strict=True)
    wrong: list[str] = []
    seen: dict[str, int] = {}
    try:
        header = _header(next(rows, []))
        for row in rows:
            if not row:
                continue
            try:
                found = _row(dict(zip(header, row, strict=True)), seen, rows.line_num)
            except ValueError as invalid:
                wrong.append(f"line {rows.line_num}: {invalid}")
                if len(wrong) == ERRORS_SHOWN_MAX:
                    break
            else:
                yield found
    except csv.Error as invalid:
        wrong.append(f"line {rows.line_num}: {invalid}")
    if not (seen or wrong):
        wrong.append("there is no code in it")
    if wrong:
        raise CodesUnreadable("nothing was loaded: " + "; ".join(wrong))


def _header(header: list[str]) -> list[str]:
    names = [name.strip().lower() for name in header]
    if "code" not in names or set(names) - set(COLUMNS) or len(set(names)) < len(names):
        raise CodesUnreadable(
            f"line 1: a header of {', '.join(COLUMNS)} is expected, of which only code must be "
            f"there, not {', '.join(header)[:200] or 'nothing'}"
        )
    return names


def _row(fields: dict[str, str], seen: dict[str, int], line: int) -> CodeRow:
    code = msgspec.convert(fields["code"].strip(), Code)
    if first := seen.get(code):
        raise ValueError(f"code {code} is in line {first} already")
    display = fields.get("display", "").strip()
    since, until = _day(fields, "active_from"), _day(fields, "active_until")
    if since and until and until < since:
        raise ValueError(f"active_until {until} is before active_from {since}")
    seen[code] = line
    after = until + timedelta(days=1) if until else None
    active = Range(since, after, lower_inc=since is not None)
    return CodeRow(code, msgspec.convert(display, Line) if display else None, active)


def _day(fields: dict[str, str], name: str) -> date | None:
    text = fields.get(name, "").strip()
    if not text:
        return None
    if not _DATE.fullmatch(text) or not "1900" <= text < "2200":
        raise ValueError(f"{name} is a date such as 2026-01-31, not {text[:40]!r}")
    return date.fromisoformat(text)


async def load_codes(
    pool: asyncpg.Pool, tenant: str, system: str, version: str, rows: Iterable[CodeRow]
) -> int:
    """Load a version, in place of what was loaded of it; returns how many codes it has.

    All or nothing: whatever `rows` raises leaves everything as it was. The pool acts as
    daybook_writer.
    """
    msgspec.convert(system, CodeSystem)
    async with tenant_view(pool, tenant) as connection:
        await connection.execute(_STAGE)
        # COPY is not for tables with row-level security.
        await connection.copy_records_to_table("staged_codes", records=rows, columns=_STAGED)
        count: int = await connection.fetchval("SELECT count(*)::integer FROM staged_codes")
        await connection.execute(_REMOVE, tenant, system, version)
        await connection.execute(_ADD, tenant, system, version, count)
        await connection.execute(_FILL, tenant, system, version)
    return count


async def list_systems(pool: asyncpg.Pool, tenant: str) -> list[LoadedSystem]:
    """What is loaded."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_LIST, tenant)
    return [
        LoadedSystem(
            system=row["system"],
            version=row["version"],
            codes=row["code_count"],
            loaded_at=row["loaded_at"].isoformat(timespec="seconds"),
        )
        for row in rows
    ]


async def remove_system(pool: asyncpg.Pool, tenant: str, system: str, version: str) -> bool:
    """Forget a version; a system without any is not validated any more. Tells if it was there."""
    async with tenant_view(pool, tenant) as connection:
        done: str = await connection.execute(_REMOVE, tenant, system, version)
    return done != "DELETE 0"
