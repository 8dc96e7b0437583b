"""What is owed on each account, how that came about, and what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts.account import AccountOpened, AccountReinstated, AccountSuspended
from contracts.adjustment import AdjustmentApplied, Direction
from contracts.bill import BillClosed, BillClosing
from contracts.charge import ChargeCaptured, ChargeReversed
from contracts.columns import columns
from contracts.event import AccountEvent, Posted
from contracts.invoice import InvoiceDrafted, InvoiceIssued, InvoiceLinesAdded
from contracts.ledger import GlAccount
from contracts.payment import PaymentPosted
from contracts.refund import RefundFailed, RefundIssued
from projections import receivables
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 3

_WRITE: Final = sql("account_balances_write")
_KINDS: Final = "ttttttttnnnnnnnnn"
_OPEN: Final = "open"
_SUSPENDED: Final = "suspended"
# Looking a member up on its Enum costs as much as the rest of a posting.
_RECEIVABLE: Final = GlAccount.RECEIVABLE
_CUSTOMER_CREDIT: Final = GlAccount.CUSTOMER_CREDIT


class UnknownAccount(LookupError):
    """Events of accounts that were never opened."""


@dataclass(slots=True)
class _Change:
    """What a batch does to one account."""

    opened: AccountOpened | None = None
    status: str | None = None
    receivable_minor: int = 0
    credit_minor: int = 0
    charged_minor: int = 0
    paid_minor: int = 0
    adjusted_minor: int = 0
    refunded_minor: int = 0
    open_charges: int = 0
    events: int = 0
    position: int = 0


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the balances and to what they are made of; raises UnknownAccount."""
    changes = _changes(batch)
    if not changes:
        return
    rows = [_row(*key, change) for key, change in changes.items()]
    written = await connection.fetchval(_WRITE, *columns(rows, _KINDS))
    if written != len(changes):
        raise UnknownAccount(f"{len(changes) - written} of these accounts were never opened")
    await receivables.apply(batch, connection)


def _changes(batch: Sequence[Recorded]) -> dict[tuple[str, str], _Change]:
    changes: dict[tuple[str, str], _Change] = {}
    for recorded in batch:
        event = recorded.event
        if not isinstance(event, AccountEvent):
            continue
        key = (recorded.tenant, event.account_id)
        change = changes.get(key)
        if change is None:
            change = changes[key] = _Change()
        change.events += 1
        change.position = recorded.position
        _add(change, event)
    return changes


def _add(change: _Change, event: AccountEvent) -> None:
    if isinstance(event, Posted):
        for posting in event.postings:
            if posting.gl_account is _RECEIVABLE:
                change.receivable_minor += posting.amount_minor
            elif posting.gl_account is _CUSTOMER_CREDIT:
                change.credit_minor -= posting.amount_minor
    match event:
        case ChargeCaptured():
            change.charged_minor += event.total.minor
            change.open_charges += 1
        case ChargeReversed():
            change.charged_minor -= event.total.minor
            change.open_charges -= 1
        case InvoiceDrafted() | InvoiceLinesAdded():
            change.open_charges -= len(event.lines)
        case InvoiceIssued() | BillClosing() | BillClosed():
            # Of an invoice they are the tax that the charges have more now, or less.
            change.charged_minor += sum(
                posting.amount_minor
                for posting in event.postings
                if posting.gl_account is _RECEIVABLE
            )
        case PaymentPosted():
            change.paid_minor += event.amount.minor
        case AdjustmentApplied():
            credit = event.direction is Direction.CREDIT
            change.adjusted_minor += event.amount.minor if credit else -event.amount.minor
        case RefundIssued():
            change.refunded_minor += event.amount.minor
        case RefundFailed() if event.postings:
            change.refunded_minor -= event.amount.minor
        case AccountOpened():
            change.opened, change.status = event, _OPEN
        case AccountSuspended():
            change.status = _SUSPENDED
        case AccountReinstated():
            change.status = _OPEN
        case _:
            pass  # counted by the version alone


def _row(tenant: str, account_id: str, change: _Change) -> tuple[object, ...]:
    opened = change.opened
    name = opened.name if opened else None
    return (
        tenant,
        account_id,
        opened.patient_id if opened else None,
        msgspec.json.encode(name).decode() if name else None,
        opened.facility if opened else None,
        opened.currency if opened else None,
        opened.language if opened else None,
        change.status,
        change.receivable_minor,
        change.credit_minor,
        change.charged_minor,
        change.paid_minor,
        change.adjusted_minor,
        change.refunded_minor,
        change.open_charges,
        change.events,
        change.position,
    )
