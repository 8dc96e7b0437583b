"""Each refund: asked for, decided by somebody else, issued or failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from contracts.columns import columns
from contracts.private import Private
from contracts.refund import (
    RefundApproved,
    RefundFailed,
    RefundIssued,
    RefundRejected,
    RefundRequested,
)
from contracts.views import RefundStatus
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_WRITE: Final = sql("refunds_write")
_encode: Final = msgspec.json.Encoder().encode


class UnknownRefund(LookupError):
    """Events of refunds that nobody asked for."""


@dataclass(slots=True)
class _Change:
    """What a batch does to one refund; None leaves a column as it is."""

    requested: RefundRequested | None = None
    listed_position: int | None = None
    approved: RefundApproved | None = None
    rejected: RefundRejected | None = None
    issued: RefundIssued | None = None
    failed: RefundFailed | None = None
    version: int = 0
    position: int = 0


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add a batch to the refunds; raises UnknownRefund."""
    changes: dict[tuple[str, str], _Change] = {}
    for recorded in batch:
        if isinstance(recorded.event, _EVENTS):
            key = (recorded.tenant, str(recorded.event.refund_id))
            _add(changes.setdefault(key, _Change()), recorded, recorded.event)
    if not changes:
        return
    rows = [_row(*key, change) for key, change in changes.items()]
    written = await connection.fetchval(_WRITE, *columns(rows, "ttttttttnttdttdnntnnn"))
    if written != len(changes):
        raise UnknownRefund(f"{len(changes) - written} of these were never asked for")


_EVENTS: Final = (RefundRequested, RefundApproved, RefundRejected, RefundIssued, RefundFailed)


def _add(change: _Change, recorded: Recorded, event: Any) -> None:
    change.version, change.position = recorded.version, recorded.position
    match event:
        case RefundRequested():
            change.requested, change.listed_position = event, recorded.position
        case RefundApproved():
            change.approved = event
        case RefundRejected():
            change.rejected = event
        case RefundIssued():
            change.issued = event
        case RefundFailed():
            change.failed = event


def _row(tenant: str, refund_id: str, change: _Change) -> tuple[Any, ...]:
    asked, rejected, issued = change.requested, change.rejected, change.issued
    approved_by = change.approved.approved_by if change.approved else None
    return (
        tenant,
        refund_id,
        asked.payment_id if asked else None,
        asked.account_id if asked else None,
        asked.facility if asked else None,
        asked.currency if asked else None,
        _status(change),
        asked.method if asked else None,
        asked.amount.minor if asked else None,
        _sealed(asked.reason) if asked else None,
        asked.requested_by if asked else None,
        asked.requested_on if asked else None,
        rejected.rejected_by if rejected else approved_by,
        _sealed(rejected.reason) if rejected else None,
        issued.booked_on if issued else None,
        issued.from_credit.minor if issued else None,
        issued.from_receivable.minor if issued else None,
        change.failed.code if change.failed else None,
        change.listed_position,
        change.version,
        change.position,
    )


def _sealed(reason: Private | None) -> str | None:
    return None if reason is None else _encode(reason).decode()


def _status(change: _Change) -> RefundStatus:
    if change.failed:
        return RefundStatus.FAILED
    if change.issued:
        return RefundStatus.ISSUED
    if change.rejected:
        return RefundStatus.REJECTED
    return RefundStatus.APPROVED if change.approved else RefundStatus.REQUESTED
