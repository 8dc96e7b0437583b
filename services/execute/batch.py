"""A batch of commands in one transaction, first half: claim, recall and lock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

import msgspec

from contracts.columns import columns
from domain.write_side import AccountHead
from services.commands import BY_COMMAND
from services.execute.append import Decisions
from services.execute.envelope import (
    IN_FLIGHT,
    KEY_REUSED,
    BusIdentity,
    Envelope,
    HttpIdentity,
    Outcome,
    Refused,
    claim_key,
    done_again,
)
from services.execute.group import Group, commands_of, decode_items, singles_of
from services.execute.load import Account, account_head, load_books
from services.execute.statements import AnyConnection, sql

_CLAIM: Final = sql("claim.sql")
_INBOX: Final = sql("recall_inbox.sql")
_ANSWERS: Final = sql("recall_answers.sql")
_ACCOUNT_OF: Final = sql("find_accounts.sql")
_LOCK: Final = sql("lock_accounts.sql")
_LOCK_WAITING: Final = sql("lock_accounts_waiting.sql")
_BUSY: Final = sql("find_busy.sql")


class Stage(Enum):
    """What a batch is at: what it could be waiting for when its lock timeout strikes."""

    CLAIM = auto()
    """The tenants' open period."""
    LOCK = auto()
    """The accounts."""
    WRITE = auto()
    """Counters, and whoever writes the same keys."""


class Batch:
    """The commands of one transaction; `outcomes` fills up, by index, as they are settled.

    Without `wait`, commands whose account another transaction holds end in `busy` instead.
    """

    def __init__(
        self, envelopes: Sequence[Envelope], *, wait: bool, lock_timeout_seconds: float
    ) -> None:
        self.envelopes = envelopes
        self.outcomes: dict[int, Outcome] = {}
        self.busy: dict[int, Account] = {}
        self.accounts: dict[int, Account] = {}
        """The account of each command that works under one's lock, as far as it is known; of a
        group the first of them."""
        self._locks: dict[int, list[Account]] = {}
        self.stage = Stage.CLAIM
        self._wait = wait
        self._lock_timeout = f"{max(1, round(lock_timeout_seconds * 1000))}ms"

    async def run(self, connection: AnyConnection, now: Callable[[], datetime]) -> None:
        """Execute the batch; raises StreamMoved or the database's error, and then nothing holds."""
        self._name_accounts()
        # Every statement must see what was committed before it, whatever the server's default is.
        async with connection.transaction(isolation="read_committed"):
            await self._claim(connection)
            await self._recall(connection, BusIdentity, _INBOX)
            await self._recall(connection, HttpIdentity, _ANSWERS)
            self.stage = Stage.LOCK
            await self._find_accounts(connection)
            locked = await self._lock(connection)
            self.stage = Stage.WRITE
            remaining = self._open()
            if remaining:
                envelopes = [self.envelopes[index] for index in remaining]
                singles, accounts = self._singles(remaining)
                books = await load_books(connection, singles, accounts, locked, now())
                outcomes = await Decisions(books).append(connection, envelopes)
                self.outcomes.update(zip(remaining, outcomes, strict=True))

    def _open(self) -> list[int]:
        return [
            index
            for index in range(len(self.envelopes))
            if index not in self.outcomes and index not in self.busy
        ]

    def _singles(self, remaining: list[int]) -> tuple[list[Envelope], list[Account | None]]:
        """The commands to load for, those of groups one by one, and the account of each."""
        singles: list[Envelope] = []
        accounts: list[Account | None] = []
        for index in remaining:
            envelope = self.envelopes[index]
            if isinstance(envelope.command, Group):
                singles += singles_of(envelope)
                accounts += [
                    (envelope.tenant, command.account_id) for command in commands_of(envelope)
                ]
            else:
                singles.append(envelope)
                accounts.append(self.accounts.get(index))
        return singles, accounts

    def _name_accounts(self) -> None:
        for index, envelope in enumerate(self.envelopes):
            if isinstance(envelope.command, Group):
                named = {(envelope.tenant, each.account_id) for each in commands_of(envelope)}
                self._locks[index] = sorted(named)
                self.accounts[index] = self._locks[index][0]
                continue
            account_id = BY_COMMAND[type(envelope.command)].account(envelope.command)
            if account_id is not None:
                self.accounts[index] = (envelope.tenant, account_id)

    async def _claim(self, connection: AnyConnection) -> None:
        """Take every identity without waiting; one in flight elsewhere leaves the batch."""
        keys = {
            index: claim_key(envelope.tenant, envelope.identity)
            for index, envelope in enumerate(self.envelopes)
            if envelope.identity is not None
        }
        tenants = sorted({envelope.tenant for envelope in self.envelopes})
        row = await connection.fetchrow(
            _CLAIM, ",".join(tenants), self._lock_timeout, tenants, list(keys.values())
        )
        assert row is not None, "a SELECT without FROM gives a row"
        for index, mine in zip(keys, row["mine"] or (), strict=True):
            if not mine:
                self.outcomes[index] = IN_FLIGHT

    async def _recall(self, connection: AnyConnection, kind: type[Any], statement: str) -> None:
        """Answer what was done before with its stored result."""
        asked, keys = [], []
        for index in self._open():
            envelope = self.envelopes[index]
            if isinstance(envelope.identity, kind):
                asked.append(index)
                keys.append((envelope.tenant, *envelope.identity))
        if asked:
            for row in await connection.fetch(statement, *columns(keys, "tttt")):
                index = asked[row["n"] - 1]
                self.outcomes[index] = _recalled(self.envelopes[index], row)

    async def _find_accounts(self, connection: AnyConnection) -> None:
        """The account of a command that names none: the head of its stream does."""
        unnamed = [
            index
            for index in self._open()
            if index not in self.accounts and hasattr(self.envelopes[index].command, "account_id")
        ]
        if not unnamed:
            return
        streams = [
            (envelope.tenant, stream_of(envelope))
            for envelope in (self.envelopes[index] for index in unnamed)
        ]
        for row in await connection.fetch(_ACCOUNT_OF, *columns(streams, "tt")):
            index = unnamed[row["n"] - 1]
            self.accounts[index] = (self.envelopes[index].tenant, row["account_id"])

    async def _lock(self, connection: AnyConnection) -> dict[Account, AccountHead]:
        """Lock the accounts of the batch; commands of a busy account leave it."""
        wanted = {account for index in self._open() for account in self._locks_of(index)}
        if not wanted:
            return {}
        statement = _LOCK_WAITING if self._wait else _LOCK
        rows = await connection.fetch(statement, *columns(sorted(wanted), "tt"))
        locked = {(row["tenant"], row["account_id"]): account_head(row) for row in rows}
        missing = wanted.difference(locked)
        if missing and not self._wait:
            found = await connection.fetch(_BUSY, *columns(list(missing), "tt"))
            busy = {(row["tenant"], row["account_id"]) for row in found}
            self.busy = {
                index: account
                for index in self._open()
                for account in self._locks_of(index)
                if account in busy
            }
        return locked

    def _locks_of(self, index: int) -> list[Account]:
        if index in self._locks:
            return self._locks[index]
        return [self.accounts[index]] if index in self.accounts else []


def account_named(envelope: Envelope) -> str | None:
    """The account that a command names, if it works under an account's lock; a group's first."""
    command = commands_of(envelope)[0]
    return BY_COMMAND[type(command)].account(command)


def stream_of(envelope: Envelope) -> str:
    """The stream that a command is about; of a group the first one's."""
    command = commands_of(envelope)[0]
    return BY_COMMAND[type(command)].stream(command)


def _recalled(envelope: Envelope, row: Any) -> Outcome:
    if row["payload_hash"] != envelope.payload_hash:
        return KEY_REUSED
    if row["items"] is not None:
        return decode_items(row["items"])
    if row["refusal"] is None:
        return done_again(row["stream_id"], row["version"], row["token"])
    stored = msgspec.json.decode(row["refusal"], type=dict[str, str])
    item = stored.get("item")
    return Refused(
        code=stored["code"],
        detail=stored["detail"],
        replayed=True,
        item=None if item is None else int(item),
    )
