"""Which event shows that a command of the table was carried out in the month."""

from collections.abc import Iterable
from typing import Final

from contracts.catalogue import CATALOGUE
from domain import (
    account,
    adjustment,
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
}
"""Without the prefix of the types; a payment says how it was paid."""

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
    by_method = {f"{event.type} by {event.body.get('method')}" for event in kept}
    assert set(SHOWN.values()) <= types | by_method
