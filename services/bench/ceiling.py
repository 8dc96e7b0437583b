"""The raw ceiling: the same rows by the same one statement, prepared ahead, without a domain."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from domain.book import Book
from domain.charge import CaptureCharge
from domain.pricing import EffectivePrice
from domain.write_side import AccountHead, AccountStatus
from services.bench.workload import (
    CODES,
    CURRENCY,
    FACILITY,
    SERVICE_ON,
    TENANT,
    account_ids,
    charge_envelopes,
)
from services.execute.append import Decisions
from services.execute.lanes import BATCH_MAX
from services.execute.statements import sql

_APPEND: Final = sql("append.sql")


class _Recorder:
    """Takes the place of a connection and keeps what would have been sent."""

    def __init__(self, book: Book) -> None:
        self.arguments: tuple[Any, ...] = ()
        # What Postgres would answer: every account was still at the version of the book.
        self._versions = sum(account.version for account in book.accounts.values())

    async def fetchrow(self, _statement: str, *arguments: Any) -> dict[str, int]:
        self.arguments = arguments
        return {"moved": 0, "accounts": self._versions}

    async def execute(self, statement: str, *_arguments: Any) -> None:
        raise RuntimeError(f"a charge needs nothing but the one statement, not {statement}")


async def ceiling(pool: asyncpg.Pool, *, first: int, count: int, connections: int) -> float:
    """Charges per second of the bare statement; the pool acts as daybook_writer."""
    batches = await _prepared(first, count)

    async def write(share: list[tuple[Any, ...]]) -> None:
        async with pool.acquire() as connection:
            for arguments in share:
                async with connection.transaction():
                    await connection.execute(
                        "SELECT set_config('daybook.tenants', $1, true)", TENANT
                    )
                    await connection.fetchrow(_APPEND, *arguments)

    begun = time.perf_counter()
    await asyncio.gather(*(write(batches[at::connections]) for at in range(connections)))
    return count / (time.perf_counter() - begun)


async def _prepared(first: int, count: int) -> list[tuple[Any, ...]]:
    """The arguments of every batch, decided ahead of time on books that only live here."""
    batches = []
    for begin in range(first, first + count, BATCH_MAX):
        envelopes = charge_envelopes(begin, min(BATCH_MAX, first + count - begin))
        book = _book([envelope.command for envelope in envelopes], begin)
        recorder = _Recorder(book)
        await Decisions({TENANT: book}).append(recorder, envelopes)  # type: ignore[arg-type]  # stands in for a connection
        batches.append(recorder.arguments)
    return batches


def _book(commands: list[CaptureCharge], version: int) -> Book:
    book = Book(tenant=TENANT, recorded_at=datetime.now(UTC))
    wanted = {command.account_id for command in commands}
    for account_id in account_ids():
        if account_id in wanted:
            book.accounts[account_id] = AccountHead(
                account_id=account_id,
                # Made up: the statement writes whatever version it is told.
                version=version + 1,
                facility=FACILITY,
                currency=CURRENCY,
                status=AccountStatus.OPEN,
                receivable_minor=0,
                credit_minor=0,
            )
    for number in range(CODES):
        book.prices.windows[FACILITY, f"C{number}", CURRENCY] = [
            EffectivePrice(SERVICE_ON, None, 1_000 + number, "prl_bench")
        ]
    return book
