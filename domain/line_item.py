"""Line items of bills: what one comes to in its bill's currency, rounded once."""

import hashlib
import re
from datetime import datetime
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from contracts.bill import BillLineItemAdded, BillSurface, ConvertedFrom
from contracts.charge import QUANTITY_MAX
from contracts.ids import AccountId, BillId, LineItemId
from contracts.money import MINOR_MAX, Money, format_minor, nearest_minor
from contracts.private import Private
from domain.accrual import policy_of
from domain.book import Book
from domain.rejections import Invalid

DIGITS_MAX: Final = 16
PLACES_MAX: Final = 8
# What Python's decimals take besides, such as 1_000 and 1E3, no reader of the event would expect.
_DECIMAL: Final = re.compile(r"-?([0-9]{1,256})(?:\.([0-9]{1,256}))?")
_EXACT: Final = Context(prec=64)
"""Of all digits that an amount and a quantity can have."""


class NewLineItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line item as it was sent: `unit_amount` is a decimal string in its own currency."""

    line_item_id: LineItemId
    unit_amount: str
    currency: str
    quantity: int = 1
    description: Private | None = None
    idempotency_key: str | None = None
    reference: str | None = None
    incurred_at: datetime | None = None


class Place(NamedTuple):
    """Where a line item goes: its bill as far as it counts, and the number that it gets."""

    bill_id: BillId
    account_id: AccountId
    surface: BillSurface
    currency: str
    starts_at: datetime
    number: int
    belongs_to: str | None = None


def priced(item: NewLineItem, place: Place, book: Book) -> BillLineItemAdded:
    """The item in its bill's currency; raises Invalid and CurrencyUnsupported."""
    if not 1 <= item.quantity <= QUANTITY_MAX:
        raise Invalid(f"quantity must be from 1 to {QUANTITY_MAX}")
    amount, added_at = check_amount(item.unit_amount), book.recorded_at
    incurred_at = item.incurred_at or added_at
    on = incurred_at.astimezone(book.calendar.zone()).date()
    rate = book.rates.find(place.surface, item.currency, place.currency, on)
    policy = policy_of(place.surface, book.accrual)
    factor = policy.factor(place.starts_at, added_at)
    exact = Fraction(amount) * item.quantity * rate.exact * Fraction(factor or 1)
    is_converted = item.currency != place.currency
    return BillLineItemAdded(
        bill_id=place.bill_id,
        account_id=place.account_id,
        line_item_id=item.line_item_id,
        number=place.number,
        amount=Money.of(_minor(exact, place.currency), place.currency),
        unit_amount=f"{amount:f}",
        currency=item.currency,
        quantity=item.quantity,
        added_at=added_at,
        incurred_at=incurred_at,
        description=item.description,
        converted_from=_converted_from(item, amount, rate.text) if is_converted else None,
        accrual_factor=None if factor is None else str(factor),
        idempotency_key=item.idempotency_key,
        reference=item.reference,
        belongs_to=place.belongs_to,
    )


def check_amount(text: str) -> Decimal:
    """A positive decimal amount of a currency's units, whoever sent it; raises Invalid."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise Invalid("amount must be a decimal number, such as 10.50")
    amount = Decimal(text)
    if amount <= 0:
        raise Invalid("amount must be more than zero")
    whole, places = found[1].lstrip("0"), (found[2] or "").rstrip("0")
    if len(whole) + len(places) > DIGITS_MAX + PLACES_MAX or len(places) > PLACES_MAX:
        raise Invalid(f"amount has more than {PLACES_MAX} digits behind the point, or is too large")
    return amount


def _converted_from(item: NewLineItem, amount: Decimal, rate: str) -> ConvertedFrom:
    exact = _EXACT.multiply(amount, Decimal(item.quantity))
    return ConvertedFrom(amount=f"{exact:f}", currency=item.currency, rate=rate)


def _minor(exact: Fraction, currency: str) -> int:
    minor = nearest_minor(exact, currency)
    if minor > MINOR_MAX:
        most = format_minor(MINOR_MAX, currency)
        raise Invalid(f"the line item would be more than {most} {currency}")
    return minor


def digest_after(digest: str, event: BillLineItemAdded) -> str:
    """The chain over a bill's lines after one more; see `BillClosing.lines_digest`."""
    line = f"{digest} {event.line_item_id} {event.amount.minor}"
    return hashlib.sha256(line.encode()).hexdigest()
