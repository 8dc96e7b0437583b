"""Accounts: balances and open items folded from their events, compared when all have been seen.

An account's events are spread over the log, so all accounts are in memory until its end: measured
0.3 KB an account and as much for each item that is open. Settled items are not kept.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg

from contracts.event import AccountEvent
from domain.write_side import AccountHead, Items, OpenItem, account_after, open_items_after
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known, place
from services.audit.findings import Check, Findings

Key = tuple[str, str]
"""Tenant and account."""

ROWS_PER_READ: Final = 5_000
_HEADS: Final = (
    "SELECT tenant, account_id, version, facility, currency, status, receivable_minor,"
    " credit_minor FROM daybook.account_heads WHERE (tenant, account_id) > ($1, $2)"
    " ORDER BY tenant, account_id LIMIT $3"
)
_ITEMS: Final = (
    "SELECT tenant, account_id, kind, item_id, outstanding_minor, due_on, number"
    " FROM daybook.open_items WHERE (tenant, account_id, kind, item_id) > ($1, $2, $3, $4)"
    " ORDER BY tenant, account_id, kind, item_id LIMIT $5"
)
_HEAD_FIELDS: Final = AccountHead.__struct_fields__[1:]
_ITEM_FIELDS: Final = ("outstanding_minor", "due_on", "number")


class Accounts:
    """Folds every account; `_last` has the position of its last event, where a finding points."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._broken = bodies.broken
        self._heads: dict[Key, AccountHead] = {}
        self._items: dict[Key, Items] = {}
        self._last: dict[Key, int] = {}

    def take(self, known: Known) -> None:
        """Fold the readable events of a page."""
        heads, items, last = self._heads, self._items, self._last
        for recorded, row in known:
            event = recorded.event
            if not isinstance(event, AccountEvent):
                continue
            key = (recorded.tenant, event.account_id)
            head = account_after(heads.get(key), event)
            if head is None:
                if key not in self._broken:
                    what = "an event of an account that was not opened"
                    self._findings.add(Check.ACCOUNT_HEADS, what, **place(row))
                continue
            heads[key] = head
            last[key] = recorded.position
            open_items_after(items.setdefault(key, {}), event)
            if not items[key]:
                del items[key]

    async def finish(self, connection: AnyConnection) -> None:
        """Compare with account_heads and open_items, both ways."""
        async for row in _rows(connection, _HEADS, 2):
            self._findings.checked(Check.ACCOUNT_HEADS, 1)
            self._compare_head(row)
        for key, head in self._heads.items():
            self._add(Check.ACCOUNT_HEADS, key, "version", str(head.version), None)
        async for row in _rows(connection, _ITEMS, 4):
            self._findings.checked(Check.OPEN_ITEMS, 1)
            self._compare_item(row)
        for key, items in self._items.items():
            for item in items.values():
                self._item(key, item.kind, item.item_id, str(item.outstanding_minor), None)

    def _compare_head(self, row: asyncpg.Record) -> None:
        key = (row["tenant"], row["account_id"])
        head = self._heads.pop(key, None)
        if head is None:
            self._add(Check.ACCOUNT_HEADS, key, "version", None, str(row["version"]))
            return
        for name in _HEAD_FIELDS:
            expected, found = getattr(head, name), row[name]
            if expected != found:
                self._add(Check.ACCOUNT_HEADS, key, name, str(expected), str(found))

    def _compare_item(self, row: asyncpg.Record) -> None:
        key, kind, item_id = (row["tenant"], row["account_id"]), row["kind"], row["item_id"]
        item = self._items.get(key, {}).pop((kind, item_id), None)
        if item is None:
            self._item(key, kind, item_id, None, str(row["outstanding_minor"]))
            return
        self._compare_fields(key, item, row)

    def _compare_fields(self, key: Key, item: OpenItem, row: asyncpg.Record) -> None:
        for name in _ITEM_FIELDS:
            expected, found = getattr(item, name), row[name]
            if expected != found:
                self._item(key, item.kind, item.item_id, str(expected), str(found), f" {name}")

    def _item(
        self,
        key: Key,
        kind: str,
        item_id: str,
        expected: str | None,
        found: str | None,
        field: str = "",
    ) -> None:
        self._add(Check.OPEN_ITEMS, key, f"{kind} {item_id}{field}", expected, found)

    def _add(
        self, check: Check, key: Key, what: str, expected: str | None, found: str | None
    ) -> None:
        if key in self._broken:
            return  # an event of it is missing or unreadable, which is the finding
        tenant, account_id = key
        self._findings.add(
            check,
            what,
            position=self._last.get(key) or None,
            tenant=tenant,
            stream_id=account_id,
            expected=expected,
            found=found,
        )


async def _rows(
    connection: AnyConnection, statement: str, key_columns: int
) -> AsyncIterator[asyncpg.Record]:
    """Every row of a table, in the order of its key, read in parts."""
    key: Sequence[Any] = ("",) * key_columns
    while rows := await connection.fetch(statement, *key, ROWS_PER_READ):
        for row in rows:
            yield row
        key = rows[-1][:key_columns]
