"""What a batch did to its books, as rows: everything that is true together is written together."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import asyncpg

from contracts.columns import columns
from services.execute.faults import StreamMoved
from services.execute.load import Books
from services.execute.rows import Row, Rows, account_rows, head_rows, item_rows
from services.execute.statements import AnyConnection, sql

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


class Writing:
    """Remembers the books as they were loaded, and writes what has become of them."""

    def __init__(self, books: Books, rows: Rows) -> None:
        self._books = books
        self._rows = rows
        self._changed: list[Row] = []
        self._settled: list[Row] = []
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

    async def write(self, connection: AnyConnection) -> None:
        """Write every row; raises StreamMoved or a database error."""
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
        if counters or self._settled or self._rows.statuses:
            # No plan of these is right for a table of any size, so none is kept.
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            await _execute_each(
                connection,
                (_COUNTERS, "ttn", counters),
                (_SETTLED, "tttt", self._settled),
                (_REJECTION_STATUS, "ttt", self._rows.statuses),
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
            *columns(rows.answers, "ttttbtntbb"),
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
