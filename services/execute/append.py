"""A batch of commands in one transaction, second half: decide in memory, append at once."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import asyncpg
import msgspec

from contracts.columns import columns
from contracts.event import Event
from contracts.ids import event_id
from domain.decider import Decision, Rejected
from domain.intake import DiscardIntake, RetryIntake
from services.commands import BY_COMMAND, decider_of
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
from services.execute.faults import StreamMoved
from services.execute.load import Books
from services.execute.rows import (
    Row,
    Rows,
    account_rows,
    bodies_of,
    head_rows,
    item_rows,
    rejected_row,
)
from services.execute.statements import AnyConnection, sql
from services.execute.versions import check_version

_APPEND: Final = sql("append.sql")
_CLAIMS: Final = sql("insert_claims.sql")
_PRICES: Final = sql("insert_prices.sql")
_COUNTERS: Final = sql("update_counters.sql")
_CHANGED: Final = sql("change_items.sql")
_SETTLED: Final = sql("delete_items.sql")
_REJECTED: Final = sql("insert_rejected.sql")
_REJECTION_STATUS: Final = sql("update_rejected.sql")

# Constraints that a concurrent change trips; after it, the same command decides on what is there.
_MOVED: Final = frozenset(
    {
        "events_have_one_version",
        "stream_heads_are_one_a_stream",
        "prices_do_not_overlap",
        "billing_inbox_takes_a_message_once",
        "billing_idempotency_answers_a_key_once",
    }
)
_KEY: Final = itemgetter(0, 1, 2)
"""Tenant, stream and version in the rows of events and of heads; tenant and account come first."""


class Decisions:
    """Decides commands one after the other on the loaded books, then writes what they did."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows = Rows()
        self._statuses: list[Row] = []
        self._changed: list[Row] = []
        self._settled: list[Row] = []
        self._seen: dict[tuple[str, Identity], tuple[bytes, Outcome]] = {}
        self._versions = {tenant: dict(book.versions) for tenant, book in books.items()}
        self._accounts = {
            tenant: {account.account_id: account.version for account in book.accounts.values()}
            for tenant, book in books.items()
        }
        self._items = {
            tenant: {account_id: dict(items) for account_id, items in book.open_items.items()}
            for tenant, book in books.items()
        }
        self._counters = {tenant: dict(book.counters) for tenant, book in books.items()}

    async def append(
        self, connection: AnyConnection, envelopes: Sequence[Envelope]
    ) -> list[Outcome]:
        """Decide every command and write them all; raises StreamMoved or a database error."""
        outcomes = [self._settle(envelope) for envelope in envelopes]
        await self._write(connection)
        return outcomes

    def _settle(self, envelope: Envelope) -> Outcome:
        again = self._repeated(envelope)
        if again is not None:
            return again
        try:
            done = self._decide(envelope)
        except Rejected as rejected:
            refused = Refused(code=rejected.code, detail=rejected.detail)
            # A refused message holds no claim, so its repeat is decided again.
            if isinstance(envelope.identity, HttpIdentity) and is_kept(refused):
                self._seen[envelope.tenant, envelope.identity] = (envelope.payload_hash, refused)
                self._rows.add_refused(envelope, refused)
            return refused
        if envelope.identity is not None:
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

    def _decide(self, envelope: Envelope) -> Done:
        book, command = self._books[envelope.tenant], envelope.command
        spec = BY_COMMAND[type(command)]
        stream_id = spec.stream(command)
        if envelope.expected_version is not None:
            check_version(envelope.expected_version, spec.account(command), stream_id, book)
        decided = spec.decider.decide(command, book)
        if not decided:
            version = book.versions[stream_id]
            return Done(stream_id=stream_id, version=version, token=event_id(stream_id, version))
        is_new = stream_id not in book.versions
        last = self._take(envelope, decided)
        return Done(
            stream_id=stream_id,
            version=book.versions[stream_id],
            token=last,
            opening=decided[0][1] if is_new and decided[0][0] == stream_id else None,
        )

    def _take(self, envelope: Envelope, decided: Decision) -> str:
        """Book decided events; returns the id of the last one."""
        bodies = bodies_of(decided)
        book = self._books[envelope.tenant]
        named: list[tuple[str, int, Event]] = []
        for stream_id, event in decided:
            state = decider_of(stream_id).evolve(book.states.get(stream_id), event)
            book.take(stream_id, event, state)
            named.append((stream_id, book.versions[stream_id], event))
        self._rows.add_command(envelope, named, bodies)
        rejected = rejected_row(envelope)
        if rejected is not None:
            self._rows.rejected.append(rejected)
        if isinstance(envelope.command, RetryIntake | DiscardIntake):
            status = "retried" if isinstance(envelope.command, RetryIntake) else "discarded"
            self._statuses.append((envelope.tenant, envelope.command.rejection_id, status))
        return event_id(*named[-1][:2])

    async def _write(self, connection: AnyConnection) -> None:
        opened, moved, accounts, items, counters = [], [], [], [], []
        for tenant, book in self._books.items():
            new, changed = head_rows(book, self._versions[tenant])
            opened += new
            moved += changed
            accounts += account_rows(book, self._accounts[tenant])
            added_items, changed_items, settled_items = item_rows(book, self._items[tenant])
            items += added_items
            self._changed += changed_items
            self._settled += settled_items
            counters += [
                (tenant, name, value)
                for name, value in book.counters.items()
                if value != self._counters[tenant][name]
            ]
        recorded_at = next(iter(self._books.values())).recorded_at
        # Sorted, so that batches that meet on what no account guards do not deadlock.
        for rows in (opened, moved, accounts, self._rows.events):
            rows.sort(key=_KEY)
        try:
            await self._append(connection, recorded_at, opened, accounts, items, moved)
            await self._append_rest(connection, counters)
        except asyncpg.IntegrityConstraintViolationError as violation:
            if violation.constraint_name in _MOVED:
                raise StreamMoved(violation.detail) from violation
            raise

    async def _append_rest(self, connection: AnyConnection, counters: list[Row]) -> None:
        """What most batches have none of: a statement for each table that has rows."""
        await _execute_each(
            connection,
            # Sorted, so that two batches that want the same ones do not deadlock.
            (_CLAIMS, "tttt", sorted(self._rows.claims)),
            (_PRICES, "ttttddnt", self._rows.prices),
            (_CHANGED, "ttttndt", self._changed),
            (_REJECTED, "ttttttttttt", self._rows.rejected),
        )
        if counters or self._settled or self._statuses:
            # No plan of these is right for a table of any size, so none is kept.
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            await _execute_each(
                connection,
                (_COUNTERS, "ttn", counters),
                (_SETTLED, "tttt", self._settled),
                (_REJECTION_STATUS, "ttt", self._statuses),
            )

    async def _append(
        self,
        connection: AnyConnection,
        recorded_at: Any,
        opened: list[Row],
        accounts: list[Row],
        items: list[Row],
        moved: list[Row],
    ) -> None:
        rows = self._rows
        if not (rows.events or rows.inbox or rows.answers):
            return
        written = await connection.fetchrow(
            _APPEND,
            recorded_at,
            *columns(rows.events, "ttnttbb"),
            *columns(rows.entries, "ttntttntdd"),
            *columns(opened, "ttntb"),
            *columns(accounts, "ttntttnn"),
            *columns(items, "ttttndt"),
            *columns(rows.outbox, "tt"),
            *columns(rows.inbox, "ttttbtnt"),
            *columns(moved, "ttnb"),
            *columns(rows.answers, "ttttbtntb"),
        )
        assert written is not None, "an aggregate gives a row"
        # What is new here has no version to be found there.
        loaded = sum(self._versions[row[0]][row[1]] for row in moved)
        locked = sum(self._accounts[row[0]].get(row[1], 0) for row in accounts)
        if (written["moved"], written["accounts"]) != (loaded, locked):
            raise StreamMoved("a head was moved by another transaction")


async def _execute_each(connection: AnyConnection, *writes: tuple[str, str, Sequence[Row]]) -> None:
    """Execute the statements that have rows; each with the kinds of its columns."""
    for statement, kinds, rows in writes:
        if rows:
            await connection.execute(statement, *columns(rows, kinds))
