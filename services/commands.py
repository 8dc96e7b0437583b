"""The table of contents of the service: command, decider, stream, account, what it needs, scope."""

from collections.abc import Callable
from enum import Flag, auto
from operator import attrgetter
from typing import Any, Final, NamedTuple

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
)
from domain.book import Book
from domain.decider import Decider


class Needs(Flag):
    """What is loaded for a decision besides the named stream and account."""

    NOTHING = 0
    OPEN_CHARGES = auto()
    OPEN_INVOICES = auto()
    PRICE = auto()
    WINDOWS = auto()
    NUMBER = auto()
    CORRECTED = auto()
    """The invoice with its lines, and what stands adjusted on it."""
    REFUNDS = auto()
    """What of the payment was given back, or is asked for."""
    LINES = auto()
    """The charges of the draft."""
    UNALLOCATED = auto()
    """What the account owes on no invoice."""
    HELD = auto()
    """The credit that refunds hold."""
    OWED = OPEN_INVOICES | UNALLOCATED


class Spec(NamedTuple):
    """How a command is executed and who may send it."""

    command: type
    decider: Decider
    stream: Callable[[Any], str]
    account: Callable[[Any], str | None]
    needs: Needs
    scope: str


def _on_account(
    command: type, decider: Decider, stream: str, scope: str, needs: Needs = Needs.NOTHING
) -> Spec:
    """A command on an account that it names, and whose lock guards it."""
    return Spec(command, decider, attrgetter(stream), attrgetter("account_id"), needs, scope)


def _alone(
    command: type, decider: Decider, stream: str, scope: str, needs: Needs = Needs.NOTHING
) -> Spec:
    """A command on a stream of its own."""
    return Spec(command, decider, attrgetter(stream), _no_account, needs, scope)


def _no_account(_command: Any) -> None:
    return None


COMMANDS: Final = (
    _on_account(account.OpenAccount, account.ACCOUNT, "account_id", "billing:account:write"),
    _on_account(account.RecordContact, account.ACCOUNT, "account_id", "billing:account:write"),
    _on_account(account.SuspendAccount, account.ACCOUNT, "account_id", "billing:account:suspend"),
    _on_account(account.ReinstateAccount, account.ACCOUNT, "account_id", "billing:account:suspend"),
    _on_account(
        charge.CaptureCharge, charge.CHARGE, "charge_id", "billing:charge:write", Needs.PRICE
    ),
    _on_account(
        charge.ReverseCharge,
        charge.CHARGE,
        "charge_id",
        "billing:charge:reverse",
        Needs.OPEN_CHARGES,
    ),
    _on_account(
        invoice.CreateDraftInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:draft",
        Needs.OPEN_CHARGES,
    ),
    _on_account(
        invoice.IssueInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:issue",
        Needs.NUMBER | Needs.LINES,
    ),
    _on_account(
        invoice.VoidInvoice,
        invoice.INVOICE,
        "invoice_id",
        "billing:invoice:void",
        Needs.CORRECTED | Needs.UNALLOCATED,
    ),
    _on_account(collecting.RemindInvoice, invoice.INVOICE, "invoice_id", "billing:invoice:issue"),
    _on_account(
        collecting.SendToCollections, invoice.INVOICE, "invoice_id", "billing:invoice:issue"
    ),
    _on_account(
        payment.PostPayment, payment.PAYMENT, "payment_id", "billing:payment:post", Needs.OWED
    ),
    _on_account(
        card.InitiateCardPayment,
        payment.PAYMENT,
        "payment_id",
        "billing:payment:post",
        Needs.OPEN_INVOICES,
    ),
    _on_account(
        card.CompleteCardPayment, payment.PAYMENT, "payment_id", "billing:payment:post", Needs.OWED
    ),
    _on_account(card.FailCardPayment, payment.PAYMENT, "payment_id", "billing:payment:post"),
    _on_account(
        payment_method.SavePaymentMethod,
        payment_method.PAYMENT_METHOD,
        "payment_method_id",
        "billing:account:write",
    ),
    _on_account(
        payment_method.RemovePaymentMethod,
        payment_method.PAYMENT_METHOD,
        "payment_method_id",
        "billing:account:write",
    ),
    _on_account(
        credit.AllocateCredit,
        credit.CREDIT,
        "credit_allocation_id",
        "billing:payment:post",
        Needs.OWED | Needs.HELD,
    ),
    _on_account(
        refund.RequestRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:request",
        Needs.REFUNDS | Needs.HELD,
    ),
    _on_account(refund.ApproveRefund, refund.REFUND, "refund_id", "billing:refund:approve"),
    _on_account(
        refund.RejectRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.REFUNDS | Needs.HELD,
    ),
    _on_account(
        refund.PostRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.HELD | Needs.UNALLOCATED,
    ),
    _on_account(
        refund.FailRefund,
        refund.REFUND,
        "refund_id",
        "billing:refund:approve",
        Needs.REFUNDS | Needs.HELD | Needs.UNALLOCATED,
    ),
    _on_account(
        adjustment.ApplyAdjustment,
        adjustment.ADJUSTMENT,
        "adjustment_id",
        "billing:adjustment:post",
        Needs.OWED | Needs.CORRECTED,
    ),
    _alone(
        price_list.PublishPriceList,
        price_list.PRICE_LIST,
        "price_list_id",
        "billing:pricelist:manage",
        Needs.WINDOWS,
    ),
    _alone(encounter.RecordEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    _alone(encounter.ParkEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    _alone(encounter.ResumeEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    _alone(encounter.FinishEncounter, encounter.ENCOUNTER, "encounter_id", "billing:charge:write"),
    _alone(
        remittance.RecordRemittance, remittance.REMITTANCE, "remittance_id", "billing:payment:post"
    ),
    _alone(remittance.SettleClaims, remittance.REMITTANCE, "remittance_id", "billing:payment:post"),
    _alone(intake.RejectIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    _alone(intake.RetryIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    _alone(intake.DiscardIntake, intake.INTAKE, "rejection_id", "billing:tenant:admin"),
    _alone(gl_export.RequestGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    _alone(gl_export.CompleteGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    _alone(gl_export.FailGlExport, gl_export.GL_EXPORT, "gl_export_id", "billing:gl:export"),
    _alone(statement.StartStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"),
    _alone(
        statement.CompleteStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"
    ),
    _alone(statement.FailStatementRun, statement.STATEMENT, "stream_id", "billing:statement:run"),
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
