"""Each payment, and the invoices that it was allocated to."""

from collections.abc import Sequence
from typing import Any, Final

from contracts.columns import columns
from contracts.payment import PaymentPosted
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 1

_ADD: Final = sql("payments_add")
_ADD_ALLOCATIONS: Final = sql("payment_allocations_add")


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add the payments of a batch."""
    payments: list[tuple[Any, ...]] = []
    allocations: list[tuple[Any, ...]] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, PaymentPosted):
            parts = [
                (recorded.tenant, event.payment_id, line, part.invoice_id, part.amount.minor)
                for line, part in enumerate(event.allocations, 1)
            ]
            payments.append(_row(recorded, event, sum(part[4] for part in parts)))
            allocations += parts
    if payments:
        await connection.execute(_ADD, *columns(payments, "ttttttnnntttddtnn"))
    if allocations:
        await connection.execute(_ADD_ALLOCATIONS, *columns(allocations, "ttntn"))


def _row(recorded: Recorded, event: PaymentPosted, allocated_minor: int) -> tuple[Any, ...]:
    return (
        recorded.tenant,
        event.payment_id,
        event.account_id,
        event.facility,
        event.currency,
        event.method,
        event.amount.minor,
        allocated_minor,
        event.credited.minor,
        event.payer,
        event.reference,
        event.remittance_id,
        event.effective_on,
        event.booked_on,
        recorded.recorded_at.isoformat(),
        recorded.version,
        recorded.position,
    )
