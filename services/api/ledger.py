"""The write side as commands over HTTP need it: execute, then answer from what was recorded."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from contracts.catalogue import wire_type
from contracts.event import Event
from contracts.ids import event_id, split_event_id
from contracts.private import Private
from services.api.dependencies import Dependencies
from services.api.names import opened, sealed
from services.api.openings import Openings
from services.api.outage import outage_as_problem
from services.api.problems import Problem, of_item, refusal
from services.execute.envelope import Done, Envelope, Refused
from services.execute.preview import Preview, preview

Kind = TypeVar("Kind", bound=Event)


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

    async def execute(self, envelope: Envelope, path_of: Callable[[Refused], str]) -> Recorded:
        """Execute a command; raises Problem for a refusal, and LedgerUnavailable.

        A repeat is answered from the log with what the first was answered with. `path_of` tells
        the field that a refusal is about.
        """
        done = await self.done(envelope, path_of)
        opening = done.opening
        if opening is None:
            opening = (await self.find(envelope.tenant, done.stream_id)).event
        return Recorded(opening, done.version, done.token, done.replayed)

    async def done(self, envelope: Envelope, path_of: Callable[[Refused], str]) -> Done:
        """Execute a command whose answer is not told from its stream's opening; raises as
        `execute` does."""
        outcome = await self._executor.execute(envelope)
        if isinstance(outcome, Refused):
            raise refusal(outcome, path_of)
        return outcome

    async def last(self, tenant: str, done: Done) -> Any:
        """The event that a command recorded last; a repeat's is read."""
        if done.last is not None:
            return done.last
        stream_id, version = split_event_id(done.token)
        (event,) = await self.history(tenant, stream_id, range(version, version + 1))
        return event

    async def execute_group(self, envelope: Envelope, path: Callable[[int], str]) -> Done:
        """Execute commands that come together; raises Problem when all are refused as one.

        `path` is where in the request an item is.
        """
        outcome = await self._executor.execute(envelope)
        if not isinstance(outcome, Refused):
            return outcome
        if outcome.item is None:
            raise refusal(outcome, lambda _: "$")
        raise of_item(outcome, path(outcome.item))

    async def preview(self, envelopes: Sequence[Envelope]) -> list[Preview]:
        """What commands would do; nothing is written. Raises LedgerUnavailable."""
        return await preview(self._pool, await self._executor.examined(envelopes))

    async def openings(self, tenant: str, stream_ids: Sequence[str]) -> dict[str, Any]:
        """The events that streams began with, by stream."""
        with outage_as_problem():
            return await self._openings.find_all(tenant, stream_ids)

    async def events(self, tenant: str, stream_id: str) -> list[Event]:
        """Everything that happened on a short stream; raises Problem NOT_FOUND."""
        with outage_as_problem():
            found = await self._openings.events(tenant, stream_id)
        if not found:
            raise Problem("NOT_FOUND", f"there is no {stream_id}")
        return found

    async def event_of(self, tenant: str, stream_id: str, kind: type[Kind]) -> Kind:
        """The one event of its kind on a stream; raises Problem NOT_FOUND."""
        with outage_as_problem():
            found = await self._openings.events(tenant, stream_id, wire_type(kind))
        for event in found:
            if isinstance(event, kind):
                return event
        raise Problem("NOT_FOUND", f"there is no such event of {stream_id}")

    async def find(self, tenant: str, stream_id: str) -> Recorded:
        """What a stream began with; raises Problem NOT_FOUND."""
        with outage_as_problem():
            opening = await self._openings.find(tenant, stream_id)
        if opening is None:
            raise Problem("NOT_FOUND", f"there is no {stream_id}")
        return Recorded(opening.event, opening.version, event_id(stream_id, opening.version))

    async def history(self, tenant: str, stream_id: str, versions: range) -> list[Any]:
        """The events of a stream that have these versions, in their order."""
        with outage_as_problem():
            return list(await self._openings.events(tenant, stream_id, versions=versions))

    async def seal_for(self, tenant: str, account_id: str, text: str | None) -> Private | None:
        """Seal what is said about an account under its patient's key; raises Problem NOT_FOUND."""
        if text is None:
            return None
        opening = await self.find(tenant, account_id)
        return await self.seal(tenant, opening.event.patient_id, text)

    async def seal(self, tenant: str, subject: str, text: str | None) -> Private | None:
        """Seal a personal field of a command."""
        return await sealed(self._pool, tenant, subject, text)

    async def open(self, tenant: str, private: Private | None) -> str | None:
        """The text of a personal field, None when nothing opens it any more."""
        (text,) = await opened(self._pool, tenant, [private])
        return text
