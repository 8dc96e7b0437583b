"""The write side as commands over HTTP need it: execute, then answer from what was recorded."""

from typing import Any, NamedTuple

import msgspec

from contracts.ids import event_id
from contracts.private import Private
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.openings import Openings
from services.api.outage import outage_as_problem
from services.api.problems import Problem, refusal
from services.execute.envelope import Refused
from services.sealing import find_keys, make_keys, open_sealed, seal


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

    async def execute(self, call: Call, request: msgspec.Struct, command: Any) -> Recorded:
        """Execute a command; raises Problem for a refusal, and LedgerUnavailable.

        The answer is read from the log, so that a repeat is answered just like the first.
        """
        outcome = await self._executor.execute(call.envelope(request, command))
        if isinstance(outcome, Refused):
            raise refusal(outcome)
        recorded = await self.find(call.tenant, outcome.stream_id)
        return recorded._replace(
            version=outcome.version, token=outcome.token, replayed=outcome.replayed
        )

    async def find(self, tenant: str, stream_id: str) -> Recorded:
        """What a stream began with; raises Problem NOT_FOUND."""
        with outage_as_problem():
            opening = await self._openings.find(tenant, stream_id)
        if opening is None:
            raise Problem("NOT_FOUND", f"there is no {stream_id}")
        return Recorded(opening.event, opening.version, event_id(stream_id, opening.version))

    async def seal(self, tenant: str, subject: str, text: str | None) -> Private | None:
        """Seal a personal field under its subject's key, which is made when there is none."""
        if text is None:
            return None
        with outage_as_problem():
            keys = await make_keys(self._pool, tenant, [subject])
        return seal(keys, tenant, subject, text)

    async def open(self, tenant: str, private: Private | None) -> str | None:
        """The text of a personal field, None when its subject was forgotten."""
        if private is None:
            return None
        with outage_as_problem():
            keys = await find_keys(self._pool, tenant, [private.subject])
        return open_sealed(keys, tenant, private)
