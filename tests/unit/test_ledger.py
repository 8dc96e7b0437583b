"""Double entry: whatever is booked sums to zero."""

import pytest

from contracts.ledger import GL_NAMES, GlAccount, Posting
from domain import ledger


def lines(postings: tuple[Posting, ...]) -> list[tuple[str, int]]:
    return [(posting.gl_account.value, posting.amount_minor) for posting in postings]


def test_lines_that_do_not_sum_to_zero_are_no_transaction() -> None:
    with pytest.raises(ValueError, match="do not sum to zero"):
        ledger.transaction((GlAccount.CASH, 5), (GlAccount.RECEIVABLE, -4))


def test_zero_lines_are_left_out() -> None:
    assert lines(
        ledger.transaction((GlAccount.CASH, 5), (GlAccount.BANK, 0), (GlAccount.REVENUE, -5))
    ) == [("1010", 5), ("4000", -5)]
    assert ledger.transaction() == ()


def test_a_charge_is_owed_against_revenue_and_tax() -> None:
    assert lines(ledger.charge(100, 7)) == [("1100", 107), ("4000", -100), ("2200", -7)]
    assert lines(ledger.charge(100, 0)) == [("1100", 100), ("4000", -100)]


def test_a_payment_is_money_against_what_it_settles_and_credit() -> None:
    assert lines(ledger.payment(GlAccount.CASH, 80, 20)) == [
        ("1010", 100),
        ("1100", -80),
        ("2100", -20),
    ]
    assert lines(ledger.payment(GlAccount.BANK, 80, 0)) == [("1030", 80), ("1100", -80)]
    assert lines(ledger.payment(GlAccount.CARD_CLEARING, 0, 5)) == [("1020", 5), ("2100", -5)]


def test_an_adjustment_lowers_or_raises_what_is_owed() -> None:
    assert lines(ledger.adjustment(GlAccount.CHARITY, 5)) == [("6100", 5), ("1100", -5)]
    assert lines(ledger.adjustment(GlAccount.CHARITY, -5)) == [("6100", -5), ("1100", 5)]


def test_every_account_has_a_name_and_a_number_of_its_own() -> None:
    assert set(GL_NAMES) == set(GlAccount)
    assert len({account.value for account in GlAccount}) == len(GlAccount)
