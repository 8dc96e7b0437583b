"""The write side as commands over HTTP need it: execute, then answer from what was recorded."""

from typing import Any, Final, NamedTuple

import msgspec
from litestar.di import NamedDependency

from contracts.catalogue import decode
from contracts.ids import event_id
from contracts.private import Private
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.outage import outage_as_problem
from services.api.problems import Problem, refusal
from services.execute.envelope import Refused
from services.sealing import find_keys, make_keys, open_sealed, seal

# What a stream began with, and where it is now.
_OPENING: Final = (
    "SELECT e.type, e.body, h.version FROM daybook.events e"
    " JOIN daybook.stream_heads h USING (tenant, stream_id)"
    " WHERE e.tenant = $1 AND e.stream_id = $2 AND e.version = 1"
)


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
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
                row = await connection.fetchrow(_OPENING, tenant, stream_id)
        if row is None:
            raise Problem("NOT_FOUND", f"there is no {stream_id}")
        version = row["version"]
        return Recorded(decode(row["type"], row["body"]), version, event_id(stream_id, version))

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


async def provide_ledger(dependencies: NamedDependency[Dependencies]) -> Ledger:
    """The write side."""
    return Ledger(dependencies)
