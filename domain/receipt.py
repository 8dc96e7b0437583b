"""Money that came in: booked where it lies now, against invoices and the customer's credit."""

from datetime import date
from typing import Final

import msgspec

from contracts.ids import AccountId, PaymentId, RemittanceId
from contracts.ledger import GlAccount
from contracts.money import Money
from contracts.payment import PaymentMethod, PaymentPosted
from domain import ledger
from domain.allocation import Settlement
from domain.book import Book
from domain.decider import Decision
from domain.rejections import CurrencyUnsupported, Invalid
from domain.settling import settled
from domain.write_side import AccountHead

RECEIVED_IN: Final = {
    PaymentMethod.CASH: GlAccount.CASH,
    PaymentMethod.CARD: GlAccount.CARD_CLEARING,
    PaymentMethod.BANK: GlAccount.BANK,
    PaymentMethod.REMITTANCE: GlAccount.BANK,
}
"""Where money lies by how it came in; a refund takes it from there."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What came in, and from whom."""

    payment_id: PaymentId
    account_id: AccountId
    amount: Money
    method: PaymentMethod
    received_on: date | None = None
    payer: str | None = None
    remittance_id: RemittanceId | None = None
    reference: str | None = None


def received(receipt: Receipt, settles: Settlement, book: Book) -> Decision:
    """Book the money, and what it settles; the rest is credit."""
    account = book.account(receipt.account_id)
    credited_minor = receipt.amount.minor - settles.total_minor
    postings = ledger.payment(RECEIVED_IN[receipt.method], settles.total_minor, credited_minor)
    today = book.today(account.facility)
    posted = PaymentPosted(
        payment_id=receipt.payment_id,
        account_id=receipt.account_id,
        facility=account.facility,
        currency=account.currency,
        effective_on=receipt.received_on or today,
        booked_on=today,
        postings=ledger.within_balance(account, postings),
        method=receipt.method,
        amount=receipt.amount,
        allocations=tuple(settles.invoices),
        credited=Money.of(credited_minor, account.currency),
        payer=receipt.payer,
        remittance_id=receipt.remittance_id,
        reference=receipt.reference,
    )
    paid_off = settled(settles.invoices, receipt.account_id, receipt.payment_id, today, book)
    return [(receipt.payment_id, posted), *paid_off]


def check_amount(amount: Money, account: AccountHead) -> None:
    """Refuse what is no payment on this account; raises Invalid and CurrencyUnsupported."""
    if amount.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the payment in {amount.currency}"
        )
    if amount.minor <= 0:
        raise Invalid("amount must be positive")
