"""What the key of a line item stands for, whichever way the item came: HTTP or a signal."""

import hashlib
from typing import Final

import msgspec

from domain.line_item import NewLineItem

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class SentItem(msgspec.Struct, frozen=True, kw_only=True):
    """All of a line item that another one under its key must not differ in.

    10.5 and 10.50 are one amount; the description is what was sent, since a sealed one is another
    each time.
    """

    amount: str
    currency: str
    quantity: int
    description: str
    reference: str


def sent_item(item: NewLineItem, description: str | None) -> SentItem:
    """A line item as its key names it; `description` is the one before it was sealed."""
    whole, _, places = item.unit_amount.partition(".")
    return SentItem(
        amount=".".join((whole.lstrip("0"), places.rstrip("0"))),
        currency=item.currency,
        quantity=item.quantity,
        description=description or "",
        reference=item.reference or "",
    )


def hash_of(sent: SentItem) -> bytes:
    """The digest that the inbox keeps beside the key."""
    return hashlib.sha256(_encode(sent)).digest()
