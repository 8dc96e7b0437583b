"""What happens to a customer's credit: money of earlier payments that settles invoices later."""

from contracts.event import Posted
from contracts.ids import CreditAllocationId
from contracts.money import Money
from contracts.payment import Allocation


class CreditAllocated(Posted, frozen=True, kw_only=True):
    """Credit of a customer settled invoices, and what the account owed on none: the difference."""

    credit_allocation_id: CreditAllocationId
    amount: Money
    allocations: tuple[Allocation, ...]
