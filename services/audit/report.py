"""What an audit reports: how far all is well, the root, what was looked at, what is wrong."""

import msgspec
from rich.console import Group
from rich.text import Text

from services.audit.findings import MEANING, CheckCount, Finding
from services.tables import Sheet

FINDINGS_SHOWN_MAX = 50


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an audit is."""

    events: int
    total: int
    seconds: float

    @property
    def events_per_second(self) -> float:
        """So far."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """If it goes on like this; None at the start."""
        rate = self.events_per_second
        return max(0.0, self.total - self.events) / rate if rate else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an audit; all is well when it has no findings."""

    log_id: str
    since: int
    head: int
    """The last position of the log."""
    verified_through: int
    """Up to here all is well; 0 when a finding has no position."""
    root: str
    """Of the Merkle tree over the whole log, in hex, from the stored bytes."""
    events: int
    """Verified events, waiting ones included."""
    waiting: int
    """Events that have no position yet."""
    seconds: float
    signed_through: int
    """The last position under a checkpoint that was well; 0 without one."""
    keys: tuple[str, ...]
    """Who signed the checkpoints that were well: compare with the keys that you know."""
    checks: tuple[CheckCount, ...]
    findings: tuple[Finding, ...]
    """Those at the lowest positions of each check; `checks` has their numbers."""

    @property
    def is_well(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def as_json(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode(self).decode()

    def as_table(self) -> Group:
        """For a person."""
        return Group(self._headline(), self._checks(), *self._details())

    def _headline(self) -> Text:
        rate = self.events / self.seconds if self.seconds else 0.0
        verdict = "verified" if self.is_well else "FINDINGS"
        return Text(
            f"{verdict}: positions {self.since} to {self.verified_through} of {self.head}, "
            f"{self.events} events in {self.seconds:.1f} s ({rate:,.0f} events/s), "
            f"{self.waiting} of them waiting for a position\n"
            f"log {self.log_id}\nroot {self.root}\n{self._signed()}",
            style="green" if self.is_well else "bold red",
        )

    def _signed(self) -> str:
        if not self.keys:
            return "nothing of it was signed"
        return f"signed through {self.signed_through} by {', '.join(self.keys)}"

    def _checks(self) -> Sheet:
        table = Sheet(
            *("check", "checked", "findings", "what is to be true"),
            folds=("what is to be true",),
            right=("checked", "findings"),
        )
        for count in self.checks:
            style = "red" if count.findings else ""
            row = (str(count.check), f"{count.checked:,}", f"{count.findings:,}")
            table.add(*row, MEANING[count.check], style=style)
        return table

    def _details(self) -> list[Text]:
        shown = [Text(str(finding)) for finding in self.findings[:FINDINGS_SHOWN_MAX]]
        total = sum(count.findings for count in self.checks)
        if total > len(shown):
            shown.append(Text(f"and {total - len(shown)} more"))
        return shown
