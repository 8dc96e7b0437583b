"""Reports that the query API returns; every figure with the GL accounts it comes from is in
docs/reports.md. Money is a decimal string with its currency, never a float.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta

from contracts.aging import AgingBuckets
from contracts.ids import AccountId
from contracts.money import Currency, Money
from contracts.views import Instant, Position, View


class RevenueFigures(View, frozen=True, kw_only=True):
    """What was earned and received in a period of posting dates, and what is owed at its end."""

    currency: Currency
    captured: Annotated[
        Money, Meta(description="net revenue: charges and fees less reversals and voids")
    ]
    tax: Annotated[Money, Meta(description="tax on it, less what was reversed")]
    adjusted: Annotated[Money, Meta(description="credit adjustments less debit adjustments")]
    collected: Annotated[Money, Meta(description="money received less money refunded")]
    outstanding: Annotated[Money, Meta(description="receivable at the end of the last day")]
    credit: Annotated[Money, Meta(description="what we owe customers at the end of the last day")]
    days_in_receivables: Annotated[
        str | None,
        Meta(
            description="outstanding over captured with tax per day of the period, to a tenth; null"
            " where nothing was captured",
            examples=["31.4"],
        ),
    ]


class FacilityRevenue(RevenueFigures, frozen=True, kw_only=True):
    """The figures of one facility in one currency."""

    facility: str


class Revenue(View, frozen=True, kw_only=True):
    """What was earned, adjusted and collected by facility and currency; both days inclusive."""

    booked_from: date
    booked_to: date
    rows: tuple[FacilityRevenue, ...]
    totals: Annotated[
        dict[str, RevenueFigures], Meta(description="all these facilities, by currency")
    ]
    position: Annotated[int, Meta(description="position in the log up to which it is known")]


class AgedBalance(AgingBuckets, frozen=True, kw_only=True):
    """How old a balance is: the buckets, `unbilled` and `unallocated` less `credit`."""

    credit: Annotated[Money, Meta(description="what we owe the customer")]
    balance: Annotated[Money, Meta(description="receivable less credit")]


class AgingTotal(AgedBalance, frozen=True, kw_only=True):
    """All accounts of a facility in one currency."""

    currency: Currency
    accounts: Annotated[int, Meta(description="accounts on which anything is open")]


class AgingReport(View, frozen=True, kw_only=True):
    """How old what is owed to a facility was on a local date, as last computed.

    It holds the accounts that are kept at the facility, whoever charged them.
    """

    facility: str
    as_of: Annotated[
        date, Meta(description="days past due count to it; nothing booked later counts")
    ]
    time_zone: Annotated[str, Meta(description="the facility's, of which the date is")]
    refreshed_at: Instant
    position: Position
    totals: tuple[AgingTotal, ...]


class AgingReports(View, frozen=True, kw_only=True):
    """The report of each facility."""

    reports: tuple[AgingReport, ...]


class AgedAccount(AgedBalance, frozen=True, kw_only=True):
    """An account of a report."""

    account_id: AccountId
    currency: Currency


class AgedAccounts(View, frozen=True, kw_only=True):
    """The accounts of a facility's report by id; all pages are of one and the same report."""

    facility: str
    as_of: date
    refreshed_at: Instant
    position: Position
    items: tuple[AgedAccount, ...]
    cursor: str | None
