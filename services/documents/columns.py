"""Tables with what is widest in each column of numbers, which is all that a template measures.

Digits are equally wide, so the longest number is the widest; those with a sign are isolated and are
looked at by themselves. Measuring every cell would take a sixth of the time of a page.
"""

from collections.abc import Iterable, Sequence

import msgspec

from services.documents.paper import Closing, Column, Table
from services.documents.style import MINUS

Rows = Sequence[tuple[str, ...]]


def table(
    columns: Sequence[Column], rows: Rows, closing: Sequence[Closing] = (), title: str | None = None
) -> Table:
    """A table whose columns of numbers know their widest texts."""
    return Table(
        title=title,
        columns=tuple(
            msgspec.structs.replace(column, widest=_widest(_texts(at, len(columns), rows, closing)))
            if column.kind == "number"
            else column
            for at, column in enumerate(columns)
        ),
        rows=tuple(rows),
        closing=tuple(closing),
    )


def _texts(at: int, columns: int, rows: Rows, closing: Sequence[Closing]) -> Iterable[str]:
    yield from (row[at] for row in rows)
    for line in closing:
        place = at - columns + len(line.amounts)
        if place >= 0:
            yield line.amounts[place]


def _widest(texts: Iterable[str]) -> tuple[str, ...]:
    longest = {False: "", True: ""}
    for text in texts:
        is_signed = MINUS in text
        if len(text) > len(longest[is_signed]):
            longest[is_signed] = text
    return tuple(filter(None, longest.values()))
