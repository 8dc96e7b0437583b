"""What the tests about money that came in share."""

from contracts.ids import InvoiceId
from contracts.payment import Allocation
from tests.fixtures.clinic_events import usd


def part(invoice_id: InvoiceId, minor: int) -> Allocation:
    """A part of a payment, for an invoice."""
    return Allocation(invoice_id=invoice_id, amount=usd(minor))
