"""How streams are named: after what makes each unique, so that a repeat names the same stream."""

import hashlib
from typing import Final

from contracts.ids import (
    AccountId,
    AdjustmentId,
    BillId,
    ChargeId,
    CreditAllocationId,
    EncounterId,
    InvoiceId,
    LineItemId,
    PaymentId,
    PriceListId,
    RejectionId,
    RemittanceId,
    StreamId,
    WorkflowRunId,
    derive,
)

_CUSTOMER_LETTERS_MAX: Final = 256


def account_id(tenant: str, patient_id: str, currency: str) -> AccountId:
    """One account per patient and currency."""
    return AccountId(derive("acc", tenant, patient_id, currency))


def encounter_id(tenant: str, natural_key: str) -> EncounterId:
    """The claim id where the sender has one, otherwise its encounter id."""
    return EncounterId(derive("enc", tenant, natural_key))


def remittance_id(tenant: str, payer: str, remittance_ref: str) -> RemittanceId:
    """A payer numbers its remittances."""
    return RemittanceId(derive("rem", tenant, payer, remittance_ref))


def encounter_charge_id(encounter: EncounterId, line: int) -> ChargeId:
    """The charge of one service of an encounter."""
    return ChargeId(derive("chg", encounter, str(line)))


def encounter_invoice_id(encounter: EncounterId, attempt: int) -> InvoiceId:
    """The invoice of an encounter; what was mended later comes on the next one."""
    return InvoiceId(derive("inv", encounter, str(attempt)))


def claim_payment_id(remittance: RemittanceId, claim: int) -> PaymentId:
    """The payment of one claim of a remittance."""
    return PaymentId(derive("pay", remittance, str(claim)))


def claim_adjustment_id(remittance: RemittanceId, claim: int, line: int) -> AdjustmentId:
    """One adjustment of one claim of a remittance."""
    return AdjustmentId(derive("adj", remittance, str(claim), str(line)))


def void_adjustment_id(invoice: InvoiceId, taken_back: str) -> AdjustmentId:
    """The adjustment of a void: of the charge of a line, of a reason, or of the issue itself."""
    return AdjustmentId(derive("adj", invoice, "void", taken_back))


def void_allocation_id(invoice: InvoiceId) -> CreditAllocationId:
    """The credit of a void that settles at once what is owed on no invoice."""
    return CreditAllocationId(derive("crd", invoice, "void"))


def message_payment_id(tenant: str, source: str, message_id: str) -> PaymentId:
    """The payment that a message on the bus posts."""
    return PaymentId(derive("pay", tenant, source, message_id))


def message_adjustment_id(tenant: str, source: str, message_id: str) -> AdjustmentId:
    """The adjustment that a message on the bus applies."""
    return AdjustmentId(derive("adj", tenant, source, message_id))


def message_credit_allocation_id(tenant: str, source: str, message_id: str) -> CreditAllocationId:
    """The allocation of credit that a message on the bus asks for."""
    return CreditAllocationId(derive("crd", tenant, source, message_id))


def message_charge_id(tenant: str, source: str, message_id: str) -> ChargeId:
    """The charge that a message on the bus captures."""
    return ChargeId(derive("chg", tenant, source, message_id))


def rejection_id(tenant: str, stream: str, sequence: int) -> RejectionId:
    """A message that could not be taken, by its place in the intake stream."""
    return RejectionId(derive("rej", tenant, stream, str(sequence)))


def keyed_price_list_id(tenant: str, *identity: str) -> PriceListId:
    """A price list, by the identity of the command that publishes it."""
    return PriceListId(derive("prl", tenant, *identity))


def statement_runs_id(tenant: str, as_of: str) -> StreamId:
    """The runs as of a day: of all facilities or of one, nobody is in two at a time."""
    return StreamId(derive("run", tenant, as_of))


def bill_customer(customer_id: str) -> str:
    """Whose account and whose key a bill's customer has: the customer, by a digest where the id is
    longer than an index takes."""
    if len(customer_id) <= _CUSTOMER_LETTERS_MAX:
        return customer_id
    return f"sha256/{hashlib.sha256(customer_id.encode()).hexdigest()}"


def bill_account_id(tenant: str, customer_id: str, currency: str) -> AccountId:
    """The account that a customer's bills in a currency are owed on."""
    return account_id(tenant, bill_customer(customer_id), currency)


def monthly_bill_id(tenant: str, customer_id: str, month: str) -> BillId:
    """One bill per customer and calendar month."""
    return BillId(derive("bill", tenant, customer_id, month))


def bill_invoice_id(bill: BillId) -> InvoiceId:
    """The invoice that a bill is owed by."""
    return InvoiceId(derive("inv", bill))


def bill_payment_id(bill: BillId, attempt: int) -> PaymentId:
    """The charge of a saved card for a bill; each attempt to close it asks once."""
    return PaymentId(derive("pay", bill, str(attempt)))


def line_item_id(bill: BillId, *identity: str) -> LineItemId:
    """A line item, by what names it on its bill."""
    return LineItemId(derive("lin", bill, *identity))


def fee_item_id(tenant: str, source: str, message_id: str) -> LineItemId:
    """The line item that a message on the bus adds, whatever bill it comes to."""
    return LineItemId(derive("lin", tenant, source, message_id))


def periods_id(tenant: str, customer_id: str) -> StreamId:
    """The billing periods of a customer: one runs at a time."""
    return StreamId(derive("per", tenant, customer_id))


def workflow_run_subject(run: WorkflowRunId) -> str:
    """Whose key seals what a run of a workflow was given and gave."""
    return f"workflow-run/{run}"
