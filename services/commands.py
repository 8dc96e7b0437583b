"""The table of contents of the service: command, decider, stream, account, what it needs, scope."""

from collections.abc import Callable
from enum import Flag, auto
from typing import Any, Final, NamedTuple

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


class Spec(NamedTuple):
    """How a command is executed and who may send it."""

    command: type
    decider: Decider
    stream: Callable[[Any], str]
    account: Callable[[Any], str | None]
    needs: Needs
    scope: str


def _no_account(_command: Any) -> None:
    return None


def _account_id(command: Any) -> str | None:
    return command.account_id  # type: ignore[no-any-return]  # commands are told apart by the table


COMMANDS: Final = (
    Spec(
        account.OpenAccount,
        account.ACCOUNT,
        lambda command: command.account_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:write",
    ),
    Spec(
        account.RecordContact,
        account.ACCOUNT,
        lambda command: command.account_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:write",
    ),
    Spec(
        account.SuspendAccount,
        account.ACCOUNT,
        lambda command: command.account_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:suspend",
    ),
    Spec(
        account.ReinstateAccount,
        account.ACCOUNT,
        lambda command: command.account_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:suspend",
    ),
    Spec(
        charge.CaptureCharge,
        charge.CHARGE,
        lambda command: command.charge_id,
        _account_id,
        Needs.PRICE,
        "billing:charge:write",
    ),
    Spec(
        charge.ReverseCharge,
        charge.CHARGE,
        lambda command: command.charge_id,
        _account_id,
        Needs.OPEN_CHARGES,
        "billing:charge:reverse",
    ),
    Spec(
        invoice.CreateDraftInvoice,
        invoice.INVOICE,
        lambda command: command.invoice_id,
        _account_id,
        Needs.OPEN_CHARGES,
        "billing:invoice:draft",
    ),
    Spec(
        invoice.IssueInvoice,
        invoice.INVOICE,
        lambda command: command.invoice_id,
        _account_id,
        Needs.NUMBER | Needs.LINES,
        "billing:invoice:issue",
    ),
    Spec(
        invoice.VoidInvoice,
        invoice.INVOICE,
        lambda command: command.invoice_id,
        _account_id,
        Needs.CORRECTED,
        "billing:invoice:void",
    ),
    Spec(
        collecting.RemindInvoice,
        invoice.INVOICE,
        lambda command: command.invoice_id,
        _account_id,
        Needs.NOTHING,
        "billing:invoice:issue",
    ),
    Spec(
        collecting.SendToCollections,
        invoice.INVOICE,
        lambda command: command.invoice_id,
        _account_id,
        Needs.NOTHING,
        "billing:invoice:issue",
    ),
    Spec(
        payment.PostPayment,
        payment.PAYMENT,
        lambda command: command.payment_id,
        _account_id,
        Needs.OPEN_INVOICES,
        "billing:payment:post",
    ),
    Spec(
        card.InitiateCardPayment,
        payment.PAYMENT,
        lambda command: command.payment_id,
        _account_id,
        Needs.OPEN_INVOICES,
        "billing:payment:post",
    ),
    Spec(
        card.CompleteCardPayment,
        payment.PAYMENT,
        lambda command: command.payment_id,
        _account_id,
        Needs.OPEN_INVOICES,
        "billing:payment:post",
    ),
    Spec(
        card.FailCardPayment,
        payment.PAYMENT,
        lambda command: command.payment_id,
        _account_id,
        Needs.NOTHING,
        "billing:payment:post",
    ),
    Spec(
        payment_method.SavePaymentMethod,
        payment_method.PAYMENT_METHOD,
        lambda command: command.payment_method_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:write",
    ),
    Spec(
        payment_method.RemovePaymentMethod,
        payment_method.PAYMENT_METHOD,
        lambda command: command.payment_method_id,
        _account_id,
        Needs.NOTHING,
        "billing:account:write",
    ),
    Spec(
        credit.AllocateCredit,
        credit.CREDIT,
        lambda command: command.credit_allocation_id,
        _account_id,
        Needs.OPEN_INVOICES,
        "billing:payment:post",
    ),
    Spec(
        refund.RequestRefund,
        refund.REFUND,
        lambda command: command.refund_id,
        _account_id,
        Needs.REFUNDS,
        "billing:refund:request",
    ),
    Spec(
        refund.ApproveRefund,
        refund.REFUND,
        lambda command: command.refund_id,
        _account_id,
        Needs.NOTHING,
        "billing:refund:approve",
    ),
    Spec(
        refund.RejectRefund,
        refund.REFUND,
        lambda command: command.refund_id,
        _account_id,
        Needs.REFUNDS,
        "billing:refund:approve",
    ),
    Spec(
        refund.PostRefund,
        refund.REFUND,
        lambda command: command.refund_id,
        _account_id,
        Needs.NOTHING,
        "billing:refund:approve",
    ),
    Spec(
        refund.FailRefund,
        refund.REFUND,
        lambda command: command.refund_id,
        _account_id,
        Needs.REFUNDS,
        "billing:refund:approve",
    ),
    Spec(
        adjustment.ApplyAdjustment,
        adjustment.ADJUSTMENT,
        lambda command: command.adjustment_id,
        _account_id,
        Needs.OPEN_INVOICES | Needs.CORRECTED,
        "billing:adjustment:post",
    ),
    Spec(
        price_list.PublishPriceList,
        price_list.PRICE_LIST,
        lambda command: command.price_list_id,
        _no_account,
        Needs.WINDOWS,
        "billing:pricelist:manage",
    ),
    Spec(
        encounter.RecordEncounter,
        encounter.ENCOUNTER,
        lambda command: command.encounter_id,
        _no_account,
        Needs.NOTHING,
        "billing:charge:write",
    ),
    Spec(
        encounter.ParkEncounter,
        encounter.ENCOUNTER,
        lambda command: command.encounter_id,
        _no_account,
        Needs.NOTHING,
        "billing:charge:write",
    ),
    Spec(
        encounter.ResumeEncounter,
        encounter.ENCOUNTER,
        lambda command: command.encounter_id,
        _no_account,
        Needs.NOTHING,
        "billing:charge:write",
    ),
    Spec(
        encounter.FinishEncounter,
        encounter.ENCOUNTER,
        lambda command: command.encounter_id,
        _no_account,
        Needs.NOTHING,
        "billing:charge:write",
    ),
    Spec(
        remittance.RecordRemittance,
        remittance.REMITTANCE,
        lambda command: command.remittance_id,
        _no_account,
        Needs.NOTHING,
        "billing:payment:post",
    ),
    Spec(
        remittance.SettleClaims,
        remittance.REMITTANCE,
        lambda command: command.remittance_id,
        _no_account,
        Needs.NOTHING,
        "billing:payment:post",
    ),
    Spec(
        intake.RejectIntake,
        intake.INTAKE,
        lambda command: command.rejection_id,
        _no_account,
        Needs.NOTHING,
        "billing:tenant:admin",
    ),
    Spec(
        intake.RetryIntake,
        intake.INTAKE,
        lambda command: command.rejection_id,
        _no_account,
        Needs.NOTHING,
        "billing:tenant:admin",
    ),
    Spec(
        intake.DiscardIntake,
        intake.INTAKE,
        lambda command: command.rejection_id,
        _no_account,
        Needs.NOTHING,
        "billing:tenant:admin",
    ),
    Spec(
        gl_export.RequestGlExport,
        gl_export.GL_EXPORT,
        lambda command: command.gl_export_id,
        _no_account,
        Needs.NOTHING,
        "billing:gl:export",
    ),
    Spec(
        gl_export.CompleteGlExport,
        gl_export.GL_EXPORT,
        lambda command: command.gl_export_id,
        _no_account,
        Needs.NOTHING,
        "billing:gl:export",
    ),
    Spec(
        gl_export.FailGlExport,
        gl_export.GL_EXPORT,
        lambda command: command.gl_export_id,
        _no_account,
        Needs.NOTHING,
        "billing:gl:export",
    ),
    Spec(
        statement.StartStatementRun,
        statement.STATEMENT,
        lambda command: command.stream_id,
        _no_account,
        Needs.NOTHING,
        "billing:statement:run",
    ),
    Spec(
        statement.CompleteStatementRun,
        statement.STATEMENT,
        lambda command: command.stream_id,
        _no_account,
        Needs.NOTHING,
        "billing:statement:run",
    ),
    Spec(
        statement.FailStatementRun,
        statement.STATEMENT,
        lambda command: command.stream_id,
        _no_account,
        Needs.NOTHING,
        "billing:statement:run",
    ),
)

BY_COMMAND: Final = {spec.command: spec for spec in COMMANDS}
DECIDERS: Final = {spec.decider.prefix: spec.decider for spec in COMMANDS}


def decider_of(stream_id: str) -> Decider:
    """The decider whose events a stream holds, by the prefix of its id."""
    return DECIDERS[stream_id.partition("_")[0]]
