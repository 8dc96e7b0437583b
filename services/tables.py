"""Tables for people: what somebody may copy or count is never cut, whatever the terminal's width.

On a terminal the other columns fold, or each row becomes a block; elsewhere a row is a line.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Final, TextIO

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

FOLDED_MIN: Final = 12
"""Narrower than this a folded text is unreadable."""
_NO_TERMINAL: Final = 1_000_000
_LINES_BETWEEN: Final = 3  # a column's padding and the space between two of them


def console(file: TextIO | None = None, *, quiet: bool = False) -> Console:
    """Where people read, standard output by default; lines are broken for a terminal only."""
    found = Console(file=file or sys.stdout, quiet=quiet, highlight=False, markup=False)
    if not found.is_terminal:
        found.width = _NO_TERMINAL
    return found


def show(*parts: RenderableType) -> None:
    """Print on standard output."""
    console().print(*parts, sep="\n")


class Sheet:
    """A table; the columns in `folds` give way, those in `right` are numbers, others stay whole."""

    def __init__(
        self,
        *columns: str,
        title: str = "",
        header: bool = True,
        folds: Collection[str] = (),
        right: Collection[str] = (),
    ) -> None:
        self._columns = columns
        self._title = title
        self._header = header
        self._folds = folds
        self._right = right
        self._rows: list[tuple[Sequence[str], str]] = []

    def add(self, *cells: str, style: str = "") -> None:
        """Add a row."""
        self._rows.append((cells, style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not console.is_terminal:
            yield from self._lines()
        elif self._width_min() <= options.max_width:
            yield self._table()
        else:
            yield from self._blocks()

    def _widths(self) -> list[int]:
        """The longest line of each column."""
        heads = self._columns if self._header else ("",) * len(self._columns)
        cells = zip(heads, *(cells for cells, _ in self._rows), strict=True)
        return [max(cell_len(line) for cell in column for line in _lines(cell)) for column in cells]

    def _width_min(self) -> int:
        widths = zip(self._columns, self._widths(), strict=True)
        needed = [
            min(width, FOLDED_MIN) if name in self._folds else width for name, width in widths
        ]
        return sum(needed) + _LINES_BETWEEN * len(needed) + 1

    def _table(self) -> Table:
        table = Table(
            title=Text(self._title, style="bold") if self._title else None,
            title_justify="left",
            show_header=self._header,
            box=box.SIMPLE,
        )
        for name in self._columns:
            table.add_column(
                Text(name),
                justify="right" if name in self._right else "left",
                no_wrap=name not in self._folds,
                overflow="fold",
            )
        for cells, style in self._rows:
            table.add_row(*(Text(cell) for cell in cells), style=style or None)
        return table

    def _lines(self) -> Iterator[Text]:
        widths = self._widths()
        if self._title:
            yield Text(self._title)
        if self._header:
            yield self._line(self._columns, widths)
        for cells, _ in self._rows:
            yield self._line(["; ".join(_lines(cell)) for cell in cells], widths)

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> Text:
        padded = [
            " " * (width - cell_len(cell)) + cell
            if name in self._right
            else set_cell_size(cell, max(width, cell_len(cell)))
            for name, cell, width in zip(self._columns, cells, widths, strict=True)
        ]
        return Text("  ".join(padded).rstrip())

    def _blocks(self) -> Iterator[Text]:
        if self._title:
            yield Text(self._title, style="bold")
        for cells, style in self._rows:
            for name, cell in zip(self._columns, cells, strict=True):
                label = f"{name}: " if self._header else ""
                yield Text(f"{label}{cell}", style=style, overflow="fold")
            yield Text("")


def _lines(cell: str) -> list[str]:
    return cell.splitlines() or [""]
