"""The general ledger's accounts and the posting, the line of a transaction."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class GlAccount(StrEnum):
    """The chart of accounts; the numbers are the ledger's and never change their meaning."""

    CASH = "1010"
    CARD_CLEARING = "1020"
    BANK = "1030"
    RECEIVABLE = "1100"
    CUSTOMER_CREDIT = "2100"
    TAX_PAYABLE = "2200"
    REVENUE = "4000"
    FEE_REVENUE = "4100"
    CONTRACTUAL = "4900"
    COURTESY = "4910"
    CHARITY = "6100"
    BAD_DEBT = "6110"


GL_NAMES: dict[GlAccount, str] = {
    GlAccount.CASH: "Cash",
    GlAccount.CARD_CLEARING: "Card clearing",
    GlAccount.BANK: "Bank and remittance",
    GlAccount.RECEIVABLE: "Accounts receivable",
    GlAccount.CUSTOMER_CREDIT: "Customer credit",
    GlAccount.TAX_PAYABLE: "Tax payable",
    GlAccount.REVENUE: "Patient service revenue",
    GlAccount.FEE_REVENUE: "Fee revenue",
    GlAccount.CONTRACTUAL: "Contractual adjustments",
    GlAccount.COURTESY: "Courtesy adjustments and corrections",
    GlAccount.CHARITY: "Charity care",
    GlAccount.BAD_DEBT: "Bad debt",
}


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a transaction: positive is debit, negative is credit."""

    gl_account: GlAccount
    amount_minor: Annotated[int, Meta(description="minor units of the event's currency")]


def sum_on(gl_account: GlAccount, postings: Iterable[Posting]) -> int:
    """What postings add up to on one account, in minor units."""
    return sum(posting.amount_minor for posting in postings if posting.gl_account is gl_account)
