"""A batch of commands in one transaction, first half: claim, recall and lock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.columns import columns
from services.commands import BY_COMMAND
from services.execute.append import Decisions
from services.execute.envelope import (
    KEY_REUSED,
    BusIdentity,
    Envelope,
    HttpIdentity,
    Outcome,
    Refused,
    claim_key,
    done_again,
)
from services.execute.load import load_books
from services.execute.statements import AnyConnection, sql

LOCK_TIMEOUT_SECONDS: Final = 5
_LOCK: Final = sql("lock_accounts.sql")
_LOCK_WAITING: Final = sql("lock_accounts_waiting.sql")
_CLAIM: Final = sql("claim.sql")
_INBOX: Final = sql("recall_inbox.sql")
_ANSWERS: Final = sql("recall_answers.sql")
_ACCOUNT_OF: Final = sql("find_accounts.sql")

Account = tuple[str, str]
"""Tenant and account id."""


class Batch:
    """The commands of one transaction; `outcomes` fills up, by index, as they are settled.

    Without `wait`, commands whose account another transaction holds end in `busy` instead.
    """

    def __init__(self, envelopes: Sequence[Envelope], *, wait: bool) -> None:
        self.envelopes = envelopes
        self.outcomes: dict[int, Outcome] = {}
        self.busy: set[int] = set()
        self._wait = wait
        self._accounts: dict[int, Account] = {}

    async def run(self, connection: AnyConnection, now: Callable[[], datetime]) -> None:
        """Execute the batch; raises StreamMoved or the database's error, and then nothing holds."""
        async with connection.transaction():
            await self._claim(connection)
            await self._recall(connection, BusIdentity, _INBOX)
            await self._recall(connection, HttpIdentity, _ANSWERS)
            locked = await self._lock(connection)
            remaining = self._open()
            if remaining:
                envelopes = [self.envelopes[index] for index in remaining]
                books = await load_books(connection, envelopes, locked, now())
                outcomes = await Decisions(books).append(connection, envelopes)
                self.outcomes.update(zip(remaining, outcomes, strict=True))

    def account_of(self, index: int) -> Account | None:
        """The account of a command, known once `run` has locked."""
        return self._accounts.get(index)

    def _open(self) -> list[int]:
        return [
            index
            for index in range(len(self.envelopes))
            if index not in self.outcomes and index not in self.busy
        ]

    async def _claim(self, connection: AnyConnection) -> None:
        """Take every identity without waiting; one in flight elsewhere leaves the batch."""
        keys = {
            index: claim_key(envelope.tenant, envelope.identity)
            for index, envelope in enumerate(self.envelopes)
            if envelope.identity is not None
        }
        tenants = sorted({envelope.tenant for envelope in self.envelopes})
        timeout = f"{LOCK_TIMEOUT_SECONDS}s"
        row = await connection.fetchrow(
            _CLAIM, ",".join(tenants), timeout, tenants, list(keys.values())
        )
        assert row is not None, "a SELECT without FROM gives a row"
        for index, mine in zip(keys, row["mine"] or (), strict=True):
            if not mine:
                self.outcomes[index] = Refused(
                    code="IDEMPOTENCY_IN_FLIGHT",
                    detail="the same command is being executed right now: try again",
                    transient=True,
                )

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

    async def _lock(self, connection: AnyConnection) -> set[Account]:
        """Lock the accounts of the batch; commands of a busy account leave it."""
        await self._find_accounts(connection)
        wanted = sorted(set(self._accounts.values()))
        if not wanted:
            return set()
        statement = _LOCK_WAITING if self._wait else _LOCK
        rows = await connection.fetch(statement, *columns(wanted, "tt"))
        found = {(row["tenant"], row["account_id"]): row["locked"] for row in rows}
        self.busy = {
            index for index, account in self._accounts.items() if found.get(account) is False
        }
        return {account for account, is_mine in found.items() if is_mine}

    async def _find_accounts(self, connection: AnyConnection) -> None:
        """The account of each command: the command names it, or the head of its stream does."""
        unnamed = []
        for index in self._open():
            envelope = self.envelopes[index]
            account_id = account_named(envelope)
            if account_id is not None:
                self._accounts[index] = (envelope.tenant, account_id)
            elif hasattr(envelope.command, "account_id"):
                unnamed.append((index, envelope.tenant, stream_of(envelope)))
        if unnamed:
            streams = columns([(tenant, stream) for _, tenant, stream in unnamed], "tt")
            for row in await connection.fetch(_ACCOUNT_OF, *streams):
                index, tenant, _ = unnamed[row["n"] - 1]
                self._accounts[index] = (tenant, row["account_id"])


def account_named(envelope: Envelope) -> str | None:
    """The account that a command names, if it works under an account's lock."""
    return BY_COMMAND[type(envelope.command)].account(envelope.command)


def stream_of(envelope: Envelope) -> str:
    """The stream that a command is about."""
    return BY_COMMAND[type(envelope.command)].stream(envelope.command)


def _recalled(envelope: Envelope, row: Any) -> Outcome:
    if row["payload_hash"] != envelope.payload_hash:
        return KEY_REUSED
    if row["refusal"] is None:
        return done_again(row["stream_id"], row["version"], row["token"])
    stored = msgspec.json.decode(row["refusal"], type=dict[str, str])
    return Refused(code=stored["code"], detail=stored["detail"], replayed=True)
