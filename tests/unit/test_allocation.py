"""How money finds invoices."""

from datetime import date

from contracts.money import Money
from contracts.payment import Allocation
from domain.allocation import Settlement, as_named, oldest_first, to_invoice
from domain.write_side import UNALLOCATED, ItemKind, OpenItem


def usd(minor: int) -> Money:
    return Money.of(minor, "USD")


def invoice(name: str, minor: int, due_on: date, number: str = "n-1") -> OpenItem:
    return OpenItem(
        kind=ItemKind.INVOICE, item_id=name, outstanding_minor=minor, due_on=due_on, number=number
    )


def beside(minor: int, due_on: date) -> OpenItem:
    return OpenItem(
        kind=ItemKind.UNALLOCATED, item_id=UNALLOCATED, outstanding_minor=minor, due_on=due_on
    )


EARLY, LATE = date(2026, 1, 1), date(2026, 2, 1)


def allocated(allocations: list[Allocation]) -> list[tuple[str, int]]:
    return [(allocation.invoice_id, allocation.amount.minor) for allocation in allocations]


def settled(settlement: Settlement) -> list[tuple[str, int]]:
    assert settlement.beside_minor == 0
    return allocated(settlement.invoices)


def test_the_oldest_due_date_goes_first_then_the_number() -> None:
    invoices = [
        invoice("c", 100, LATE, "n-1"),
        invoice("b", 100, EARLY, "n-3"),
        invoice("a", 100, EARLY, "n-2"),
    ]
    assert settled(oldest_first(usd(250), invoices)) == [("a", 100), ("b", 100), ("c", 50)]


def test_the_millionth_invoice_of_a_year_comes_after_the_one_before_it() -> None:
    invoices = [
        invoice("b", 100, EARLY, "north-2026-1000000"),
        invoice("a", 100, EARLY, "north-2026-999999"),
        invoice("c", 100, EARLY, "north-2027-000001"),
        invoice("d", 100, EARLY, "south-east-2026-000002"),
    ]
    assert [name for name, _ in settled(oldest_first(usd(400), invoices))] == list("abcd")


def test_money_that_is_used_up_touches_no_further_invoice() -> None:
    invoices = [invoice("a", 100, EARLY), invoice("b", 100, LATE)]
    assert settled(oldest_first(usd(100), invoices)) == [("a", 100)]


def test_what_is_owed_on_no_invoice_takes_its_turn_by_its_day() -> None:
    invoices = [invoice("a", 100, EARLY), invoice("b", 100, LATE)]
    between = oldest_first(usd(150), [*invoices, beside(40, date(2026, 1, 15))])
    assert (allocated(between.invoices), between.beside_minor) == ([("a", 100), ("b", 10)], 40)
    assert between.total_minor == 150
    assert oldest_first(usd(30), [*invoices, beside(40, EARLY)]) == Settlement([], 30)


def test_what_lowers_the_account_on_no_invoice_is_no_debt_to_settle() -> None:
    found = oldest_first(usd(150), [beside(-40, EARLY), invoice("a", 100, EARLY)])
    assert (allocated(found.invoices), found.beside_minor) == ([("a", 100)], 0)


def test_more_money_than_is_owed_leaves_the_rest() -> None:
    assert settled(oldest_first(usd(500), [invoice("a", 100, EARLY)])) == [("a", 100)]
    assert oldest_first(usd(500), []) == Settlement([])


def test_one_invoice_takes_no_more_than_is_outstanding() -> None:
    assert allocated(to_invoice(usd(500), invoice("a", 100, EARLY))) == [("a", 100)]
    assert allocated(to_invoice(usd(40), invoice("a", 100, EARLY))) == [("a", 40)]
    assert to_invoice(usd(40), None) == []


def test_a_named_allocation_is_taken_as_it_is() -> None:
    wanted = [Allocation(invoice_id=name, amount=usd(30)) for name in ("b", "a")]  # type: ignore[arg-type]  # short ids
    outstanding = {name: invoice(name, 100, EARLY) for name in ("a", "b")}
    assert as_named(usd(60), wanted, outstanding) == wanted
    assert as_named(usd(61), [], {}) == []
