"""What a person sees while something starts or runs: a live view on a terminal, lines elsewhere."""

import sys
from types import TracebackType
from typing import Final, Self

from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.embedded.child import Report
from services.tables import console

_MARKS: Final = {
    "started": "[yellow]starting[/]",
    "ready": "[green]ready[/]",
    "died": "[red]died[/]",
    "not_ready": "[red]not ready[/]",
    "stopped": "[dim]stopped[/]",
    "killed": "[red]killed[/]",
}


class Progress:
    """The state of every child and a line of what goes on; on standard error, out of the way."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._console = console(sys.stderr, quiet=quiet)
        self._states: dict[str, str] = {}
        self._line = ""
        self._live: Live | None = None
        self.shown = False

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.quiet:
            self._live = Live(self._view(), console=self._console, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_live()

    def report(self, report: Report) -> None:
        """Take a report of the supervisor."""
        self._states[report.child] = report.kind
        restart = (
            ""
            if report.restart_in_seconds is None
            else f", again in {report.restart_in_seconds:.1f} s"
        )
        detail = f" ({report.detail}{restart})" if report.detail or restart else ""
        if self._live is not None:
            self._live.update(self._view())
        if self._live is None or report.kind in ("died", "not_ready", "killed"):
            self._console.print(f"{report.child}: {report.kind}{detail}")

    def say(self, line: str) -> None:
        """What goes on now."""
        self._line = line
        if self._live is not None:
            self._live.update(self._view())
        else:
            self._console.print(line)

    def show(self, *parts: RenderableType) -> None:
        """Something that stays; the live view ends with it."""
        self._end_live()
        self.shown = True
        for part in parts:
            self._console.print(part)

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _view(self) -> Table:
        table = Table(title=self._title, title_justify="left", show_header=False, box=None)
        for name, kind in self._states.items():
            table.add_row(name, Text.from_markup(_MARKS[kind]))
        if self._line:
            table.add_row("", self._line)
        return table
