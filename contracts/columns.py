"""Rows as the columns that a set-based statement takes: one Postgres array literal a column.

Pure text building, kept here because it lies below all who write sets. asyncpg checks each element
of an array it encodes itself, which measured six times the price of the literal for Python and no
gain for Postgres; `bytes` columns stay with it, since their literal would double them. A statement
casts: `unnest($1::text::text[], $2::text::bigint[], $3::bytea[])`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

Column = Sequence[Any]


def texts(column: Column) -> str:
    """The literal of a text[] (or of any type whose text needs quotes); None is NULL."""
    try:
        joined = '","'.join(column)
    except TypeError:
        return "{" + ",".join("NULL" if text is None else _quoted(text) for text in column) + "}"
    if not column:
        return "{}"
    # Between quotes, only a quote or a backslash means anything.
    if "\\" not in joined and joined.count('"') == 2 * (len(column) - 1):
        return '{"' + joined + '"}'
    return "{" + ",".join(map(_quoted, column)) + "}"


def numbers(column: Column) -> str:
    """The literal of a bigint[], smallint[], numeric[] or boolean[]; None is NULL."""
    if None in column:
        return "{" + ",".join("NULL" if value is None else str(value) for value in column) + "}"
    return "{" + ",".join(map(str, column)) + "}"


def dates(column: Column) -> str:
    """The literal of a date[]; None is NULL."""
    if None in column:
        return "{" + ",".join("NULL" if day is None else day.isoformat() for day in column) + "}"
    return "{" + ",".join(map(date.isoformat, column)) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_LITERALS: Final[dict[str, Callable[[Column], Any]]] = {
    "t": texts,
    "n": numbers,
    "d": dates,
    "b": list,
}


def columns(rows: Sequence[Sequence[Any]], kinds: str) -> list[Any]:
    """Rows as one parameter a column; `kinds` has a letter each: t text, n number, d date, b bytes.

    Instants go as text: `t` over their isoformat.
    """
    if not rows:
        return [_LITERALS[kind](()) for kind in kinds]
    return [
        _LITERALS[kind](column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)
    ]
