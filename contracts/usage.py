"""What meters send us: fees for some use, each for the bill of its month."""

from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.calendar import check_day
from contracts.money import Currency, parse_money
from contracts.texts import CUSTOMER, UNITS, Instant, Line


class UsageFeeIncurred(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A meter says what a customer owes for some use; it goes to the bill of its local month."""

    customer: Annotated[
        str,
        Meta(
            description="id of the customer: printable, without `/`",
            min_length=1,
            max_length=1_024,
            pattern=CUSTOMER,
        ),
    ]
    currency: Currency
    amount: Annotated[
        str,
        Meta(
            description="decimal string, more than zero, never a float",
            examples=["1.25"],
            max_length=21,
            pattern=UNITS,
        ),
    ]
    description: Annotated[Line, Meta(description="sealed before it is stored")]
    reference: Annotated[
        Line | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
    incurred_at: Instant

    def __post_init__(self) -> None:
        check_day("incurred_at", self.incurred_at)
        if parse_money(self.amount, self.currency).minor <= 0:
            raise ValueError("Expected `amount` to be more than zero")
