"""How money finds what is owed: invoices as named, otherwise the oldest first."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from contracts.money import Money
from contracts.payment import Allocation
from domain.rejections import Invalid, InvoiceNotOutstanding
from domain.write_side import ItemKind, OpenItem


class Settlement(NamedTuple):
    """What an amount settles: parts of invoices, and what the account owes on none."""

    invoices: list[Allocation]
    beside_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All of it."""
        return self.beside_minor + sum(part.amount.minor for part in self.invoices)


def oldest_first(amount: Money, owed: Iterable[OpenItem]) -> Settlement:
    """Settle by due date, then invoice number, until the money is used up.

    Numbers count within a facility and year: their six digits become seven after 999,999. What is
    on no invoice comes before the invoices of its day.
    """
    left_minor, beside_minor = amount.minor, 0
    invoices = []
    for item in sorted(owed, key=_age):
        taken_minor = min(left_minor, max(item.outstanding_minor, 0))
        if taken_minor == 0:
            continue
        if item.kind is ItemKind.UNALLOCATED:
            beside_minor = taken_minor
        else:
            invoices.append(_allocation(item.item_id, taken_minor, amount.currency))
        left_minor -= taken_minor
    return Settlement(invoices, beside_minor)


def _age(item: OpenItem) -> tuple[date, str, int]:
    assert item.due_on is not None, "what is owed is due on a day"
    series, _, value = (item.number or "-0").rpartition("-")
    return item.due_on, series, int(value)


def to_invoice(amount: Money, invoice: OpenItem | None) -> list[Allocation]:
    """Settle one invoice as far as it is outstanding; nothing when it is settled already."""
    if invoice is None:
        return []
    taken_minor = min(amount.minor, invoice.outstanding_minor)
    return [_allocation(invoice.item_id, taken_minor, amount.currency)]


def as_named(
    amount: Money,
    wanted: Iterable[Allocation],
    outstanding: dict[str, OpenItem],
    whole: str = "payment",
) -> list[Allocation]:
    """Check a caller's own allocation: known invoices, within what is outstanding and received.

    Raises Invalid or InvoiceNotOutstanding.
    """
    named = list(wanted)
    if len({allocation.invoice_id for allocation in named}) != len(named):
        raise Invalid("allocations names an invoice twice: name each once")
    for allocation in named:
        _check(allocation, amount.currency, outstanding.get(allocation.invoice_id))
    total_minor = sum(allocation.amount.minor for allocation in named)
    if total_minor > amount.minor:
        total = Money.of(total_minor, amount.currency).amount
        raise Invalid(f"allocations add up to {total}, more than the {whole}'s {amount.amount}")
    return named


def as_far_as_owed(
    wanted: Iterable[Allocation], outstanding: dict[str, OpenItem]
) -> list[Allocation]:
    """What was meant for each invoice, as far as it is owed by now."""
    parts = []
    for allocation in wanted:
        parts += to_invoice(allocation.amount, outstanding.get(allocation.invoice_id))
    return parts


def _check(allocation: Allocation, currency: str, invoice: OpenItem | None) -> None:
    if invoice is None:
        raise InvoiceNotOutstanding(f"invoice {allocation.invoice_id} has nothing outstanding")
    if allocation.amount.currency != currency:
        raise Invalid(f"the allocation to {allocation.invoice_id} is not in {currency}")
    if not 0 < allocation.amount.minor <= invoice.outstanding_minor:
        outstanding = Money.of(invoice.outstanding_minor, currency).amount
        raise Invalid(
            f"{allocation.amount.amount} cannot be allocated to {allocation.invoice_id}: "
            f"{outstanding} is outstanding"
        )


def _allocation(invoice_id: str, minor: int, currency: str) -> Allocation:
    return Allocation(invoice_id=invoice_id, amount=Money.of(minor, currency))  # type: ignore[arg-type]  # an item id of kind invoice is an InvoiceId
