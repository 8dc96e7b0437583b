"""The write side as commands over HTTP need it: execute, then answer from what was recorded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from contracts.ids import event_id
from contracts.private import Private
from services.api.dependencies import Dependencies
from services.api.names import opened, sealed
from services.api.openings import Openings
from services.api.outage import outage_as_problem
from services.api.problems import Problem, refusal
from services.execute.envelope import Envelope, Refused


class Recorded(NamedTuple):
    """What a command made: the event that its stream began with, its version, the token."""

    event: Any
    version: int
    token: str
    replayed: bool = False


class Ledger:
    """Executes commands and reads back, from the log, what they made."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._executor = dependencies.executor
        self._pool = dependencies.writer
        self._openings = Openings(dependencies.writer)

    async def execute(self, envelope: Envelope, paths: Mapping[str, str]) -> Recorded:
        """Execute a command; raises Problem for a refusal, and LedgerUnavailable.

        A repeat is answered from the log with what the first was answered with. `paths` has the
        field that a refusal is about, by its code.
        """
        outcome = await self._executor.execute(envelope)
        if isinstance(outcome, Refused):
            raise refusal(outcome, paths)
        opening = outcome.opening
        if opening is None:
            opening = (await self.find(envelope.tenant, outcome.stream_id)).event
        return Recorded(opening, outcome.version, outcome.token, outcome.replayed)

    async def find(self, tenant: str, stream_id: str) -> Recorded:
        """What a stream began with; raises Problem NOT_FOUND."""
        with outage_as_problem():
            opening = await self._openings.find(tenant, stream_id)
        if opening is None:
            raise Problem("NOT_FOUND", f"there is no {stream_id}")
        return Recorded(opening.event, opening.version, event_id(stream_id, opening.version))

    async def seal(self, tenant: str, subject: str, text: str | None) -> Private | None:
        """Seal a personal field of a command."""
        return await sealed(self._pool, tenant, subject, text)

    async def open(self, tenant: str, private: Private | None) -> str | None:
        """The text of a personal field, None when nothing opens it any more."""
        (text,) = await opened(self._pool, tenant, [private])
        return text
