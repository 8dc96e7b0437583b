"""The words of documents, a file a language: a missing or misspelt label fails when it is read."""

from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from contracts.adjustment import AdjustmentReason
from contracts.payment import PaymentMethod

Language = Literal["en", "ps", "prs", "ar"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ps", "prs", "ar")


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every label of every document in one language."""

    invoice: str
    statement: str
    draft: str
    void: str
    paid: str
    draft_note: str
    void_note: str
    void_credit: str
    bill_to: str
    account_holder: str
    patient: str
    account: str
    invoice_number: str
    issued_on: str
    due_on: str
    drafted: str
    currency: str
    amount_due: str
    credit_balance: str
    please_pay_by: str
    past_due: str
    nothing_due: str
    service_on: str
    service: str
    quantity: str
    unit_price: str
    net: str
    tax: str
    total: str
    subtotal: str
    tax_at: str
    settled: str
    payments: str
    adjustments: str
    amount: str
    date: str
    description: str
    period: str
    period_between: str
    statement_on: str
    opening_balance: str
    closing_balance: str
    turnover: str
    charges: str
    credits: str
    balance: str
    ageing: str
    current: str
    days_1_30: str
    days_31_60: str
    days_61_90: str
    days_over_90: str
    unapplied_credit: str
    slip: str
    slip_cut: str
    pay_to: str
    reference: str
    scan: str
    page: str
    phone: str
    email: str
    tax_id: str
    methods: dict[str, str]
    reasons: dict[str, str]
    entries: dict[str, str]
    other_entry: str

    def method(self, method: PaymentMethod) -> str:
        """How money came in."""
        return self.methods.get(method.value, method.value)

    def reason(self, reason: AdjustmentReason) -> str:
        """Why something was adjusted."""
        return self.reasons.get(reason.value, reason.value)

    def entry(self, wire_type: str) -> str:
        """What an event of this type (`billing.charge.captured.v1`) is to its customer."""
        return self.entries.get(".".join(wire_type.split(".")[1:3]), self.other_entry)


@cache
def words_of(language: Language) -> Words:
    """The words of a language."""
    text = (files("services.documents") / "wording" / f"{language}.json").read_bytes()
    return msgspec.json.decode(text, type=Words)
