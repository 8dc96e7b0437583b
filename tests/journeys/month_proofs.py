"""Which event shows that a command of the table was carried out in the month."""

from collections.abc import Iterable, Iterator
from typing import Final

from contracts.catalogue import CATALOGUE
from domain import (
    account,
    adjustment,
    bill,
    bill_adding,
    bill_making,
    card,
    charge,
    collecting,
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
)
from domain.workflow_run import WORKFLOW_RUN
from services.commands import COMMANDS
from tests.fixtures.month_sums import Happened

SHOWN: Final = {
    account.OpenAccount: "account.opened",
    account.RecordContact: "account.contact_recorded",
    account.SuspendAccount: "account.suspended",
    account.ReinstateAccount: "account.reinstated",
    charge.CaptureCharge: "charge.captured",
    charge.ReverseCharge: "charge.reversed",
    invoice.CreateDraftInvoice: "invoice.drafted",
    invoice.IssueInvoice: "invoice.issued",
    invoice.VoidInvoice: "invoice.voided",
    collecting.RemindInvoice: "invoice.reminded",
    collecting.SendToCollections: "invoice.sent_to_collections",
    payment.PostPayment: "payment.posted by cash",
    card.InitiateCardPayment: "payment.initiated",
    card.CompleteCardPayment: "payment.posted by card",
    card.FailCardPayment: "payment.failed",
    payment_method.SavePaymentMethod: "payment_method.saved",
    payment_method.RemovePaymentMethod: "payment_method.removed",
    credit.AllocateCredit: "credit.allocated",
    refund.RequestRefund: "refund.requested",
    refund.ApproveRefund: "refund.approved",
    refund.RejectRefund: "refund.rejected",
    refund.PostRefund: "refund.issued",
    refund.FailRefund: "refund.failed",
    adjustment.ApplyAdjustment: "adjustment.applied",
    price_list.PublishPriceList: "price_list.published",
    encounter.RecordEncounter: "encounter.received",
    encounter.ParkEncounter: "encounter.attention_required",
    encounter.ResumeEncounter: "encounter.resumed",
    encounter.FinishEncounter: "encounter.billed",
    remittance.RecordRemittance: "remittance.received",
    remittance.SettleClaims: "remittance.claims_settled",
    intake.RejectIntake: "intake.rejected",
    intake.RetryIntake: "intake.retried",
    intake.DiscardIntake: "intake.discarded",
    gl_export.RequestGlExport: "gl_export.requested",
    gl_export.CompleteGlExport: "gl_export.completed",
    gl_export.FailGlExport: "gl_export.failed",
    statement.StartStatementRun: "statement.started",
    statement.CompleteStatementRun: "statement.completed",
    statement.FailStatementRun: "statement.failed",
    bill_making.CreateBill: "bill.created",
    bill.ActivateBill: "bill.activated",
    bill_adding.AddLineItem: "bill.line_item_added under a key",
    bill_adding.AddFee: "bill.line_item_added for a month before",
    bill.CloseBill: "bill.closing by request",
    bill.FinishBill: "bill.closed after its charge",
    bill.RequireAttention: "bill.attention_required",
    bill.RetryBill: "bill.closing by retry",
    period.StartPeriod: "period.started",
    period.ClosePeriod: "period.closed",
}
"""Without the prefix of the types; some say what tells them from the same of other commands."""

APART: Final = {
    "workflow_run": "what runs is a customer's own code: tests/journeys/test_workflows.py plays it",
}
"""Entities that are no part of the month, and why."""


def check_everything_happened(events: Iterable[Happened]) -> None:
    """Every event type of the catalogue, and the proof of every command of the table."""
    names = {entry.name.removeprefix("billing.") for entry in CATALOGUE}
    known = {name for name in names if name.partition(".")[0] not in APART}
    kept = list(events)
    types = {event.type for event in kept}
    assert types == known, (known - types, types - known)
    assert SHOWN.keys() == {spec.command for spec in COMMANDS if spec.decider != WORKFLOW_RUN}
    found = types.union(*map(_marks, kept))
    assert set(SHOWN.values()) <= found, set(SHOWN.values()) - found


def _marks(event: Happened) -> Iterator[str]:
    """What an event says besides: how it was paid, who closed it, how it came."""
    body = event.body
    yield f"{event.type} by {body.get('method') or body.get('closed_by')}"
    if body.get("idempotency_key"):
        yield f"{event.type} under a key"
    if body.get("belongs_to"):
        yield f"{event.type} for a month before"
    if event.type == "bill.closed" and not body.get("postings"):
        yield "bill.closed after its charge"
