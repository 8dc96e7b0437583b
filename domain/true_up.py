"""The final tax of an invoice: each charge taxed again by the rules in force as it is issued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from contracts.charge import ChargeTaxTruedUp
from contracts.ids import ChargeId, InvoiceId
from contracts.money import Money
from domain.book import Book
from domain.charge import Captured
from domain.tax import tax_minor

if TYPE_CHECKING:  # which decides by this module
    from domain.invoice import Draft


def true_up(invoice_id: InvoiceId, draft: Draft, book: Book) -> list[ChargeTaxTruedUp]:
    """An event for each charge whose tax is another now, in the order of the lines.

    Rounded half-even per line, as at capture; so the parts sum to the whole by themselves.
    """
    found = (_trued_up(invoice_id, charge_id, draft, book) for charge_id in draft.charge_ids)
    return [event for event in found if event is not None]


def difference_minor(trued_up: Iterable[ChargeTaxTruedUp]) -> int:
    """How much more tax these charges have than before; negative when it is less."""
    return sum(event.tax.minor - event.tax_before.minor for event in trued_up)


def _trued_up(
    invoice_id: InvoiceId, charge_id: ChargeId, draft: Draft, book: Book
) -> ChargeTaxTruedUp | None:
    charge: Captured = book.states[charge_id]
    # A state that an older release stored does not have it.
    facility = charge.asked.facility if charge.asked else draft.facility
    rule = book.tax_rules.find(facility, charge.code, charge.service_on)
    final_minor = tax_minor(charge.net_minor, rule.rate_ppm) if rule else 0
    if final_minor == charge.tax_minor:
        return None
    return ChargeTaxTruedUp(
        charge_id=charge_id,
        account_id=draft.account_id,
        invoice_id=invoice_id,
        tax_before=Money.of(charge.tax_minor, draft.currency),
        tax=Money.of(final_minor, draft.currency),
        tax_rate_ppm=rule.rate_ppm if rule else 0,
        tax_rule=rule.rule if rule else None,
    )
