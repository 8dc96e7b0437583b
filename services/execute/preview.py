"""What commands would do, without doing it: decided on what is there now, in a transaction that
Postgres lets write nothing, takes no lock and claims no identity."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from contracts.columns import columns
from contracts.event import Event
from domain.book import Book
from domain.decider import Rejected
from domain.write_side import AccountHead
from services.commands import book_event
from services.execute.attempt import LedgerUnavailable, utc_now
from services.execute.envelope import Envelope, Refused
from services.execute.faults import StreamMoved, is_away
from services.execute.load import Account, account_head, load_books
from services.execute.rows import bodies_of
from services.execute.statements import AnyConnection, sql
from services.execute.versions import decide

_ACCOUNTS: Final = sql("read_accounts.sql")

Preview = list[Event] | Refused
"""The events that a command would record, or why it would be refused."""


async def preview(
    pool: asyncpg.Pool, envelopes: Sequence[Envelope], now: Callable[[], datetime] = utc_now
) -> list[Preview]:
    """Decide commands of one tenant one after the other; raises LedgerUnavailable.

    Of commands that name their account and draw no number: a counter would have to be locked.
    """
    try:
        async with (
            pool.acquire() as connection,
            # One moment for all that is read, whatever is written meanwhile.
            connection.transaction(readonly=True, isolation="repeatable_read"),
        ):
            return await _preview(connection, envelopes, now())
    except StreamMoved as moved:  # cannot be: nothing moves in one moment
        raise LedgerUnavailable(str(moved)) from moved
    except Exception as fault:
        if is_away(fault):
            raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault
        raise


async def _preview(
    connection: AnyConnection, envelopes: Sequence[Envelope], recorded_at: datetime
) -> list[Preview]:
    tenant = envelopes[0].tenant
    await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenant)
    accounts: list[Account | None] = [
        (tenant, envelope.command.account_id) for envelope in envelopes
    ]
    known = await _read_accounts(connection, accounts)
    books = await load_books(connection, envelopes, accounts, known, recorded_at)
    return [_decided(envelope, books[tenant]) for envelope in envelopes]


async def _read_accounts(
    connection: AnyConnection, accounts: Sequence[Account | None]
) -> dict[Account, AccountHead]:
    wanted = sorted({account for account in accounts if account is not None})
    rows = await connection.fetch(_ACCOUNTS, *columns(wanted, "tt"))
    return {(row["tenant"], row["account_id"]): account_head(row) for row in rows}


def _decided(envelope: Envelope, book: Book) -> Preview:
    try:
        decided = decide(envelope, book)
        bodies_of(decided)
    except Rejected as rejected:
        return Refused(code=rejected.code, detail=rejected.detail)
    for stream_id, event in decided:
        # For the commands behind it: two charges may together exceed what an account can hold.
        book_event(book, stream_id, event)
    return [event for _, event in decided]
