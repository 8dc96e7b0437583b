"""The table of contents of the service: command, decider, stream, account, what it needs, scope."""

from typing import Final

from contracts.event import Event
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
    workflow_run,
)
from domain.book import Book
from domain.decider import Decider
from services.bill_commands import BILL_COMMANDS
from services.command_specs import Needs as Needs
from services.command_specs import Spec as Spec
from services.command_specs import alone, on_account

WORKFLOW_COMMANDS: Final = tuple(
    alone(command, workflow_run.WORKFLOW_RUN, "workflow_run_id", "billing:workflow:run")
    for command in workflow_run.COMMANDS
)
COMMANDS: Final = (
    on_account(account.OpenAccount, account.ACCOUNT, "account_id", "billing:account:write"),
    on_account(account.RecordContact, account.ACCOUNT, "account_id", "billing:account:write"),
    on_account(account.SuspendAccount, account.ACCOUNT, "account_id", "billing:account:suspend"),
    on_account(account.ReinstateAccount, account.ACCOUNT, "account_id", "billing:account:suspend"),
    on_account(
        charge.CaptureCharge, charge.CHARGE, "charge_id", "billing:charge:write", Needs.PRICE
    ),
    on_account(
        charge.ReverseCharge,
        charge.CHARGE,
        "charge_id",
        "billing:charge:reverse",
        Needs.OPEN_CHARGES,
    ),
    on_account(
        invoice.CreateDraftInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:draft",
        Needs.OPEN_CHARGES,
    ),
    on_account(
        invoice.IssueInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:issue",
        Needs.NUMBER | Needs.LINES,
    ),
    on_account(
        invoice.VoidInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:void",
        Needs.CORRECTED | Needs.UNALLOCATED,
    ),
    on_account(collecting.RemindInvoice, invoice.INVOICE, "invoice_id", "billing:invoice:issue"),
    on_account(
        collecting.SendToCollections, invoice.INVOICE, "invoice_id", "billing:invoice:issue"
    ),
    on_account(
        payment.PostPayment, payment.PAYMENT, "payment_id", "billing:payment:post", Needs.OWED
    ),
    on_account(
        card.InitiateCardPayment,
        payment.PAYMENT,
        "payment_id",
        "billing:payment:post",
        Needs.OPEN_INVOICES,
    ),
    on_account(
        card.CompleteCardPayment, payment.PAYMENT, "payment_id", "billing:payment:post", Needs.OWED
    ),
    on_account(card.FailCardPayment, payment.PAYMENT, "payment_id", "billing:payment:post"),
    on_account(
        payment_method.SavePaymentMethod,
        payment_method.PAYMENT_METHOD,
        "payment_method_id",
        "billing:account:write",
    ),
    on_account(
        payment_method.RemovePaymentMethod,
        payment_method.PAYMENT_METHOD,
        "payment_method_id",
        "billing:account:write",
    ),
    on_account(
        credit.AllocateCredit,
        credit.CREDIT,
        "credit_allocation_id",
        "billing:payment:post",
        Needs.OWED | Needs.HELD,
    ),
    on_account(
        refund.RequestRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:request",
        Needs.REFUNDS | Needs.HELD,
    ),
    on_account(refund.ApproveRefund, refund.REFUND, "refund_id", "billing:refund:approve"),
    on_account(
        refund.RejectRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.REFUNDS | Needs.HELD,
    ),
    on_account(
        refund.PostRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.HELD | Needs.UNALLOCATED,
    ),
    on_account(
        refund.FailRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.REFUNDS | Needs.HELD | Needs.UNALLOCATED,
    ),
    on_account(
        adjustment.ApplyAdjustment,
        adjustment.ADJUSTMENT,
        "adjustment_id",
        "billing:adjustment:post",
        Needs.OWED | Needs.CORRECTED,
    ),
    alone(
        price_list.PublishPriceList,
        price_list.PRICE_LIST,
        "price_list_id",
        "billing:pricelist:manage",
        Needs.WINDOWS,
    ),
    alone(encounter.RecordEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    alone(encounter.ParkEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    alone(encounter.ResumeEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    alone(encounter.FinishEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    alone(
        remittance.RecordRemittance, remittance.REMITTANCE, "remittance_id", "billing:payment:post"
    ),
    alone(remittance.SettleClaims, remittance.REMITTANCE, "remittance_id", "billing:payment:post"),
    alone(intake.RejectIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    alone(intake.RetryIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    alone(intake.DiscardIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    alone(gl_export.RequestGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    alone(gl_export.CompleteGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    alone(gl_export.FailGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    alone(statement.StartStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"),
    alone(
        statement.CompleteStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"
    ),
    alone(statement.FailStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"),
    *WORKFLOW_COMMANDS,
    *BILL_COMMANDS,
)

BY_COMMAND: Final = {spec.command: spec for spec in COMMANDS}
DECIDERS: Final = {spec.decider.prefix: spec.decider for spec in COMMANDS}


def decider_of(stream_id: str) -> Decider:
    """The decider whose events a stream holds, by the prefix of its id."""
    return DECIDERS[stream_id.partition("_")[0]]


def book_event(book: Book, stream_id: str, event: Event) -> None:
    """Book a decided event on its stream, for the commands behind it."""
    state = decider_of(stream_id).evolve(book.states.get(stream_id), event)
    book.take(stream_id, event, state)
