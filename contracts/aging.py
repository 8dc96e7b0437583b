"""How old what is owed is: the buckets of days past due, and what is on no invoice."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.money import Money


class AgingBuckets(msgspec.Struct, frozen=True, kw_only=True):
    """What is owed on issued invoices by days past due, and what is on none.

    Together they are the receivable.
    """

    current: Annotated[Money, Meta(description="on invoices that are not past due")]
    days_1_30: Money
    days_31_60: Money
    days_61_90: Money
    days_over_90: Money
    unbilled: Annotated[Money, Meta(description="charges that are on no issued invoice")]
    unallocated: Annotated[
        Money,
        Meta(
            description="owed on no invoice: refunds beyond the credit, debit adjustments of the"
            " account, less what settled it; negative where an older release lowered what is owed"
        ),
    ]


class AccountAging(AgingBuckets, frozen=True, kw_only=True):
    """How old what is owed on an account is, today at its facility."""

    as_of: Annotated[date, Meta(description="the local date that days past due count to")]
