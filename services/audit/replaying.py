"""`daybook audit replay`: balances, invoices and the trial balance as they were known at a moment,
from the events alone: the log up to there is applied once more, and nothing of today is read.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import msgspec

from contracts.money import format_minor
from projections.log import replay
from projections.projection import projection_named
from projections.recorded import require_decoded
from projections.statements import AnyConnection, AnyPool
from services.audit.pages import sql
from services.audit.read_models import shadow_tables
from services.audit.verify import CannotVerify

_BALANCES: Final = sql("known_balances")
_TRIAL_BALANCE: Final = sql("known_trial_balance")
_INVOICES: Final = sql("known_invoices")
_HEAD: Final = "SELECT log_id, position FROM daybook.log_head"
_SEQUENCED: Final = "SELECT sequenced_at FROM daybook.event_log WHERE position = $1"


class KnownBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account owed, and the credit that it had."""

    account_id: str
    currency: str
    receivable: str
    credit: str


class KnownInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice, and what was owed on it."""

    invoice_id: str
    number: str | None
    account_id: str
    status: str
    issued_on: date | None
    currency: str
    total: str
    outstanding: str


class KnownTurnover(msgspec.Struct, frozen=True, kw_only=True):
    """What was debited and credited on a GL account."""

    gl_account: str
    currency: str
    debit: str
    credit: str


class AsKnown(msgspec.Struct, frozen=True, kw_only=True):
    """The books of a tenant as they were known at a moment."""

    log_id: str
    tenant: str
    as_of: datetime
    position: int
    """The last one that was in order by then."""
    effective_on: date | None
    events: int
    balances: tuple[KnownBalance, ...]
    invoices: tuple[KnownInvoice, ...]
    trial_balance: tuple[KnownTurnover, ...]


async def replay_as_of(
    pool: AnyPool,
    tenant: str,
    as_of: datetime,
    *,
    account_id: str | None = None,
    effective_on: date | None = None,
    on_events: Callable[[int], None] = lambda _: None,
) -> AsKnown:
    """What was known of a tenant at `as_of`; of it what counts up to `effective_on`.

    The pool acts as daybook_auditor, with two connections. Raises CannotVerify for a log that was
    never created, and UndecodableEvent.
    """
    replayed = (projection_named("general_ledger"), projection_named("invoices"))
    async with pool.acquire() as worker, shadow_tables(worker, replayed):
        head = await worker.fetchrow(_HEAD)
        if head is None:
            raise CannotVerify("the log was never created: log_head has no row")
        position = await position_at(worker, as_of, head["position"])
        events = 0
        async for batch in replay(pool, 0, position):
            run = [recorded for recorded in batch if recorded.tenant == tenant]
            require_decoded(run)
            for projection in replayed:
                if run:
                    await projection.apply(run, worker)
            events += len(run)
            on_events(events)
        chosen = (effective_on, account_id)
        return AsKnown(
            log_id=head["log_id"],
            tenant=tenant,
            as_of=as_of,
            position=position,
            effective_on=effective_on,
            events=events,
            balances=await _known(worker, _BALANCES, chosen, KnownBalance),
            invoices=await _known(worker, _INVOICES, chosen, KnownInvoice),
            trial_balance=await _known(worker, _TRIAL_BALANCE, chosen, KnownTurnover),
        )


async def position_at(connection: AnyConnection, moment: datetime, head: int) -> int:
    """The last position that was in order at a moment: time only goes on along the log, so it is
    found in as many steps as the length has digits in base two."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        if await connection.fetchval(_SEQUENCED, middle) <= moment:
            low = middle
        else:
            high = middle - 1
    return low


async def _known(
    connection: AnyConnection, statement: str, chosen: tuple[Any, ...], kind: type[Any]
) -> tuple[Any, ...]:
    """Rows as structs of that kind, whose integers are minor units of their currency."""
    rows = []
    for row in await connection.fetch(statement, *chosen):
        values = {
            name: format_minor(value, row["currency"]) if isinstance(value, int) else value
            for name, value in row.items()
        }
        rows.append(kind(**values))
    return tuple(rows)
