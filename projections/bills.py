"""Each bill from its making to its end: what it comes to, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.bill import (
    BillActivated,
    BillAttentionRequired,
    BillClosed,
    BillClosing,
    BillCreated,
    BillLineItemAdded,
)
from contracts.bill_views import BillStatus
from contracts.columns import columns
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_WRITE: Final = sql("bills_write")
_KINDS: Final = "tttttttttttttttt" + "nn" + "tttt" + "nnn"
_Event = (
    BillCreated
    | BillActivated
    | BillLineItemAdded
    | BillClosing
    | BillClosed
    | BillAttentionRequired
)


class UnknownBill(LookupError):
    """Events of bills that were never made."""


@dataclass(slots=True)
class _Change:
    """What a batch does to one bill; None leaves a column as it is."""

    updated_at: datetime
    created: BillCreated | None = None
    created_position: int | None = None
    status: BillStatus | None = None
    closing: BillClosing | None = None
    closed: BillClosed | None = None
    attention: BillAttentionRequired | None = None
    item_count: int = 0
    total_minor: int = 0
    version: int = 0
    position: int = 0


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the bills; raises UnknownBill."""
    changes: dict[tuple[str, str], _Change] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, _Event):
            key = (recorded.tenant, event.bill_id)
            change = changes.setdefault(key, _Change(recorded.recorded_at))
            change.version, change.position = recorded.version, recorded.position
            _take(change, recorded, event)
    if not changes:
        return
    rows = [_row(*key, change) for key, change in changes.items()]
    written = await connection.fetchval(_WRITE, *columns(rows, _KINDS))
    if written != len(changes):
        raise UnknownBill(f"{len(changes) - written} of these bills were never made")


def _take(change: _Change, recorded: Recorded, event: _Event) -> None:
    match event:
        case BillCreated():
            change.created, change.created_position = event, recorded.position
            change.status, change.updated_at = BillStatus.PENDING, event.created_at
        case BillActivated():
            change.status, change.updated_at = BillStatus.ACTIVE, event.activated_at
        case BillLineItemAdded():
            change.item_count += 1
            change.total_minor += event.amount.minor
            change.updated_at = event.added_at
        case BillClosing():
            change.closing, change.updated_at = event, event.closing_at
            change.status = BillStatus.CLOSING
        case BillClosed():
            change.closed, change.updated_at = event, event.closed_at
            change.status = BillStatus.CLOSED
        case BillAttentionRequired():
            change.attention, change.updated_at = event, event.at
            change.status = BillStatus.ATTENTION_REQUIRED


def _row(tenant: str, bill_id: str, change: _Change) -> tuple[Any, ...]:
    created, closing, attention = change.created, change.closing, change.attention
    return (
        tenant,
        bill_id,
        created.account_id if created else None,
        created.surface if created else None,
        created.customer_id if created else None,
        created.facility if created else None,
        created.currency if created else None,
        change.status,
        created.month if created else None,
        created.period_id if created else None,
        _at(created.created_at if created else None),
        _at(created.starts_at if created else None),
        _at(created.ends_at if created else None),
        _at(change.updated_at),
        _at(change.closed.closed_at if change.closed else None),
        closing.closed_by if closing else None,
        change.item_count,
        change.total_minor,
        closing.invoice_id if closing else None,
        closing.payment_id if closing else None,
        attention.code if attention else None,
        attention.detail if attention else None,
        change.created_position,
        change.version,
        change.position,
    )


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
