"""Every event type and version that was ever released, one line each; encode and decode.

The stored body is the published body. Released shapes are never edited: they are retired beside
their upcaster and the new shape takes the next version.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from contracts import (
    account,
    adjustment,
    bill,
    charge,
    credit,
    encounter,
    gl_export,
    intake,
    invoice,
    payment,
    payment_method,
    period,
    price_list,
    refund,
    remittance,
    statement,
    workflow_run,
)
from contracts.event import Event

Upcaster = Callable[[Any], Event]


class Entry(NamedTuple):
    """A released shape: its wire name and version; an upcaster only when it is retired."""

    name: str
    version: int
    shape: type[Event]
    upcast: Upcaster | None = None

    @property
    def wire_type(self) -> str:
        """The CloudEvents type, such as billing.charge.captured.v1."""
        return f"{self.name}.v{self.version}"


CATALOGUE: Final = (
    Entry("billing.account.opened", 1, account.AccountOpened),
    Entry("billing.account.contact_recorded", 1, account.AccountContactRecorded),
    Entry("billing.account.suspended", 1, account.AccountSuspended),
    Entry("billing.account.reinstated", 1, account.AccountReinstated),
    Entry("billing.adjustment.applied", 1, adjustment.AdjustmentApplied),
    Entry("billing.bill.created", 1, bill.BillCreated),
    Entry("billing.bill.activated", 1, bill.BillActivated),
    Entry("billing.bill.line_item_added", 1, bill.BillLineItemAdded),
    Entry("billing.bill.closing", 1, bill.BillClosing),
    Entry("billing.bill.closed", 1, bill.BillClosed),
    Entry("billing.bill.attention_required", 1, bill.BillAttentionRequired),
    Entry("billing.charge.captured", 1, charge.ChargeCaptured),
    Entry("billing.credit.allocated", 1, credit.CreditAllocated),
    Entry("billing.charge.reversed", 1, charge.ChargeReversed),
    Entry("billing.charge.tax_trued_up", 1, charge.ChargeTaxTruedUp),
    Entry("billing.encounter.received", 1, encounter.EncounterReceived),
    Entry("billing.encounter.attention_required", 1, encounter.EncounterAttentionRequired),
    Entry("billing.encounter.resumed", 1, encounter.EncounterResumed),
    Entry(
        "billing.encounter.billed",
        1,
        encounter.EncounterBilledV1,
        encounter.encounter_billed_v1_to_v2,
    ),
    Entry("billing.encounter.billed", 2, encounter.EncounterBilled),
    Entry("billing.gl_export.requested", 1, gl_export.GlExportRequested),
    Entry("billing.gl_export.completed", 1, gl_export.GlExportCompleted),
    Entry("billing.gl_export.failed", 1, gl_export.GlExportFailed),
    Entry("billing.intake.rejected", 1, intake.IntakeRejected),
    Entry("billing.intake.retried", 1, intake.IntakeRetried),
    Entry("billing.intake.discarded", 1, intake.IntakeDiscarded),
    Entry("billing.invoice.drafted", 1, invoice.InvoiceDrafted),
    Entry("billing.invoice.lines_added", 1, invoice.InvoiceLinesAdded),
    Entry("billing.invoice.issued", 1, invoice.InvoiceIssued),
    Entry("billing.invoice.paid", 1, invoice.InvoicePaid),
    Entry("billing.invoice.voided", 1, invoice.InvoiceVoided),
    Entry("billing.invoice.reminded", 1, invoice.InvoiceReminded),
    Entry("billing.invoice.sent_to_collections", 1, invoice.InvoiceSentToCollections),
    Entry("billing.payment.initiated", 1, payment.PaymentInitiated),
    Entry("billing.payment.posted", 1, payment.PaymentPosted),
    Entry("billing.payment.failed", 1, payment.PaymentFailed),
    Entry("billing.payment_method.saved", 1, payment_method.PaymentMethodSaved),
    Entry("billing.payment_method.removed", 1, payment_method.PaymentMethodRemoved),
    Entry("billing.period.started", 1, period.PeriodStarted),
    Entry("billing.period.closed", 1, period.PeriodClosed),
    Entry("billing.price_list.published", 1, price_list.PriceListPublished),
    Entry("billing.price_list.prices_added", 1, price_list.PricesAdded),
    Entry("billing.refund.requested", 1, refund.RefundRequested),
    Entry("billing.refund.approved", 1, refund.RefundApproved),
    Entry("billing.refund.rejected", 1, refund.RefundRejected),
    Entry("billing.refund.issued", 1, refund.RefundIssued),
    Entry("billing.refund.failed", 1, refund.RefundFailed),
    Entry("billing.remittance.received", 1, remittance.RemittanceReceived),
    Entry("billing.remittance.claims_settled", 1, remittance.RemittanceClaimsSettled),
    Entry("billing.remittance.completed", 1, remittance.RemittanceCompleted),
    Entry("billing.statement.started", 1, statement.StatementStarted),
    Entry("billing.statement.completed", 1, statement.StatementCompleted),
    Entry("billing.statement.failed", 1, statement.StatementFailed),
    Entry("billing.workflow_run.requested", 1, workflow_run.WorkflowRunRequested),
    Entry("billing.workflow_run.started", 1, workflow_run.WorkflowRunStarted),
    Entry("billing.workflow_run.step_completed", 1, workflow_run.WorkflowRunStepCompleted),
    Entry("billing.workflow_run.steps_skipped", 1, workflow_run.WorkflowRunStepsSkipped),
    Entry("billing.workflow_run.completed", 1, workflow_run.WorkflowRunCompleted),
    Entry("billing.workflow_run.failed", 1, workflow_run.WorkflowRunFailed),
    Entry("billing.workflow_run.cancel_requested", 1, workflow_run.WorkflowRunCancelRequested),
    Entry("billing.workflow_run.cancelled", 1, workflow_run.WorkflowRunCancelled),
)


class UnknownEventType(LookupError):
    """A wire type that the catalogue does not have; a newer release wrote it."""


_ENTRIES: Final = {entry.wire_type: entry for entry in CATALOGUE}
_WIRE_TYPES: Final = {entry.shape: entry.wire_type for entry in CATALOGUE}
_CURRENT: Final = {entry.name: entry.shape for entry in CATALOGUE if entry.upcast is None}
_encode: Final = msgspec.json.Encoder().encode


def _decoder(entry: Entry) -> Callable[[bytes], Event]:
    decode_shape = msgspec.json.Decoder(entry.shape).decode
    if entry.upcast is None:
        return decode_shape
    steps = [entry.upcast]
    later = entry.version + 1
    while (following := _ENTRIES[f"{entry.name}.v{later}"]).upcast is not None:
        steps.append(following.upcast)
        later += 1

    def decode_retired(body: bytes) -> Event:
        event: Any = decode_shape(body)
        for step in steps:
            event = step(event)
        return event  # type: ignore[no-any-return]  # the last step's shape, an Event by Upcaster

    return decode_retired


_DECODERS: Final = {entry.wire_type: _decoder(entry) for entry in CATALOGUE}


def wire_type(shape: type[Event]) -> str:
    """The wire type of an event's class, such as billing.charge.captured.v1."""
    return _WIRE_TYPES[shape]


def encode(event: Event) -> bytes:
    """The body as it is stored, hashed and published."""
    return _encode(event)


def decode(type_: str, body: bytes) -> Event:
    """The event of a stored body, brought up to the current shape.

    Raises UnknownEventType, and msgspec.ValidationError for a body that is not of its type.
    """
    decoder = _DECODERS.get(type_)
    if decoder is None:
        raise UnknownEventType(f"{type_!r} is not in the catalogue of this release")
    return decoder(body)


def subject_parts(type_: str) -> tuple[str, str, str]:
    """Entity, action and version of a wire type, the last three tokens of its subject."""
    _, entity, action, version = type_.split(".")
    return entity, action, version
