"""From a message about money to the command that it means."""

from collections.abc import Sequence

from contracts.adjustment import AdjustmentReason, Direction
from contracts.ids import AccountId, InvoiceId
from contracts.inbound import (
    AllocateCreditMessage,
    AllocationMessage,
    ApplyAdjustmentMessage,
    PostPaymentMessage,
)
from contracts.payment import Allocation, PaymentMethod
from domain import naming
from domain.adjustment import ApplyAdjustment
from domain.credit import AllocateCredit
from domain.payment import PostPayment
from services.intake.reading import Readable


def post(readable: Readable, message: PostPaymentMessage) -> PostPayment:
    """Money received; a message that comes again is the same payment."""
    event = readable.event
    return PostPayment(
        payment_id=naming.message_payment_id(readable.tenant, event.source, event.id),
        account_id=AccountId(message.account_id),
        amount=message.amount.money,
        method=PaymentMethod(message.method),
        received_on=message.received_on,
        allocations=_allocations(message.allocations),
        payer=message.payer,
        reference=message.reference,
    )


def allocate(readable: Readable, message: AllocateCreditMessage) -> AllocateCredit:
    """Credit that is to settle invoices."""
    event = readable.event
    return AllocateCredit(
        credit_allocation_id=naming.message_credit_allocation_id(
            readable.tenant, event.source, event.id
        ),
        account_id=AccountId(message.account_id),
        amount=None if message.amount is None else message.amount.money,
        allocations=_allocations(message.allocations),
    )


def adjust(readable: Readable, message: ApplyAdjustmentMessage) -> ApplyAdjustment:
    """A correction of what is owed."""
    event = readable.event
    return ApplyAdjustment(
        adjustment_id=naming.message_adjustment_id(readable.tenant, event.source, event.id),
        account_id=AccountId(message.account_id),
        reason=AdjustmentReason(message.reason),
        direction=Direction(message.direction),
        amount=message.amount.money,
        effective_on=message.effective_on,
        invoice_id=None if message.invoice_id is None else InvoiceId(message.invoice_id),
    )


def _allocations(wanted: Sequence[AllocationMessage] | None) -> tuple[Allocation, ...] | None:
    if wanted is None:
        return None
    return tuple(
        Allocation(invoice_id=InvoiceId(part.invoice_id), amount=part.amount.money)
        for part in wanted
    )
