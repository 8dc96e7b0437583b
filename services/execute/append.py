"""A batch of commands in one transaction, second half: decide in memory, then append at once."""

from collections.abc import Sequence

import msgspec

from contracts.event import Event
from contracts.ids import event_id
from domain.decider import Decision, Rejected
from domain.intake import DiscardIntake, RetryIntake
from services.commands import BY_COMMAND, book_event
from services.execute.envelope import (
    KEY_REUSED,
    Done,
    Envelope,
    HttpIdentity,
    Identity,
    Outcome,
    Refused,
    is_kept,
)
from services.execute.group import Group, ItemRefused, grouped, is_kept_of_group, singles_of
from services.execute.load import Books
from services.execute.rows import (
    Rows,
    bodies_of,
    rejected_row,
)
from services.execute.statements import AnyConnection
from services.execute.versions import decide
from services.execute.writing import Writing


class Decisions:
    """Decides commands one after the other on the loaded books, then writes what they did."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows = Rows()
        self._writing = Writing(books, self._rows)
        self._seen: dict[tuple[str, Identity], tuple[bytes, Outcome]] = {}

    async def append(
        self, connection: AnyConnection, envelopes: Sequence[Envelope]
    ) -> list[Outcome]:
        """Decide every command and write them all; raises StreamMoved or a database error."""
        outcomes = [self._settle(envelope) for envelope in envelopes]
        await self._writing.write(connection)
        return outcomes

    def _settle(self, envelope: Envelope) -> Outcome:
        again = self._repeated(envelope)
        if again is not None:
            return again
        try:
            done = self._done(envelope)
        except Rejected as rejected:
            item = rejected.item if isinstance(rejected, ItemRefused) else None
            refused = Refused(
                code=rejected.code,
                detail=rejected.detail,
                transient=rejected.transient,
                item=item,
            )
            # A refused message holds no claim, so its repeat is decided again.
            if isinstance(envelope.identity, HttpIdentity) and is_kept(refused):
                self._seen[envelope.tenant, envelope.identity] = (envelope.payload_hash, refused)
                self._rows.add_refused(envelope, refused)
            return refused
        if envelope.identity is not None and (not done.items or is_kept_of_group(done)):
            self._seen[envelope.tenant, envelope.identity] = (envelope.payload_hash, done)
            self._rows.add_done(envelope, done)
        return done

    def _repeated(self, envelope: Envelope) -> Outcome | None:
        """The same identity twice in one batch: the second is answered with the first's result."""
        if envelope.identity is None:
            return None
        seen = self._seen.get((envelope.tenant, envelope.identity))
        if seen is None:
            return None
        payload_hash, outcome = seen
        if payload_hash != envelope.payload_hash:
            return KEY_REUSED
        return msgspec.structs.replace(outcome, replayed=True)

    def _done(self, envelope: Envelope) -> Done:
        if not isinstance(envelope.command, Group):
            return self._decide(envelope)
        singles = singles_of(envelope)
        if envelope.command.atomic:
            return grouped(self._decide_together(envelope.tenant, singles))
        return grouped([self._decide_alone(single) for single in singles])

    def _decide_alone(self, envelope: Envelope) -> Outcome:
        try:
            return self._decide(envelope)
        except Rejected as rejected:
            return Refused(code=rejected.code, detail=rejected.detail, transient=rejected.transient)

    def _decide_together(self, tenant: str, envelopes: Sequence[Envelope]) -> list[Done]:
        """Decide all or none, on a copy of the book; readers see them in one outbox row, too.

        Raises ItemRefused.
        """
        before, written = self._books[tenant], self._rows.written()
        self._books[tenant] = before.copy()
        done: list[Done] = []
        try:
            for envelope in envelopes:
                done.append(self._decide(envelope))
        except Rejected as rejected:
            self._books[tenant] = before
            self._rows.give_up(written)
            raise ItemRefused(rejected, len(done)) from rejected
        self._rows.join_outbox(tenant, written)
        return done

    def _decide(self, envelope: Envelope) -> Done:
        book, command = self._books[envelope.tenant], envelope.command
        stream_id = BY_COMMAND[type(command)].stream(command)
        decided = decide(envelope, book)
        if not decided:
            version = book.versions[stream_id]
            return Done(stream_id=stream_id, version=version, token=event_id(stream_id, version))
        is_new = stream_id not in book.versions
        token = self._take(envelope, decided)
        return Done(
            stream_id=stream_id,
            version=book.versions[stream_id],
            token=token,
            opening=decided[0][1] if is_new and decided[0][0] == stream_id else None,
            last=decided[-1][1],
        )

    def _take(self, envelope: Envelope, decided: Decision) -> str:
        """Book decided events; returns the id of the last one."""
        bodies = bodies_of(decided)
        book = self._books[envelope.tenant]
        named: list[tuple[str, int, Event]] = []
        for stream_id, event in decided:
            book_event(book, stream_id, event)
            named.append((stream_id, book.versions[stream_id], event))
        self._rows.add_command(envelope, named, bodies)
        rejected = rejected_row(envelope)
        if rejected is not None:
            self._rows.rejected.append(rejected)
        if isinstance(envelope.command, RetryIntake | DiscardIntake):
            status = "retried" if isinstance(envelope.command, RetryIntake) else "discarded"
            self._rows.statuses.append((envelope.tenant, envelope.command.rejection_id, status))
        return event_id(*named[-1][:2])
