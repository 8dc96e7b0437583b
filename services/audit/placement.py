"""Events and places: each event has one position, or waits in the outbox with none."""

from collections.abc import Iterable
from typing import Final

from projections.statements import AnyConnection
from services.audit.bodies import place
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import Row, sql

_UNPLACED: Final = sql("unplaced")


class Placement:
    """Counts what log and outbox name; only if events are left are they looked for."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._named = 0

    def take(self, rows: Iterable[Row]) -> None:
        """Count the events of a page of the log."""
        self._named += sum(row["type"] is not None for row in rows)

    def count(self, events: int) -> None:
        """Count events of the log that are known to be there."""
        self._named += events

    def take_waiting(self, rows: Iterable[Row]) -> list[Row]:
        """The events of a page of the outbox that wait there rightly."""
        rightly = []
        for row in rows:
            self._findings.checked(Check.OUTBOX, 1)
            if row["type"] is None:
                what = f"row {row['key']} names an event that is not there"
                self._findings.add(Check.OUTBOX, what, **place(row))
            elif row["placed"] is not None:
                what = f"row {row['key']} names an event that has a position"
                there = {**place(row), "position": row["placed"]}
                self._findings.add(Check.OUTBOX, what, **there)
            else:
                rightly.append(row)
        self.take(rightly)
        return rightly

    async def finish(self, connection: AnyConnection) -> None:
        """Find events that have no place at all."""
        events = await connection.fetchval("SELECT count(*) FROM daybook.events")
        self._findings.checked(Check.EVENTS, events)
        if events == self._named:
            return
        for row in await connection.fetch(_UNPLACED, FINDINGS_KEPT_MAX):
            self._findings.add(Check.EVENTS, "has no position and waits for none", **dict(row))
