"""A customer's credit: allocated to invoices later, never more of it than there is."""

import msgspec

from contracts.credit import CreditAllocated
from contracts.ids import AccountId, CreditAllocationId
from contracts.money import Money, format_minor
from contracts.payment import Allocation
from domain import allocation, ledger
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import (
    AlreadyExists,
    CreditExceeded,
    CurrencyUnsupported,
    Invalid,
    NothingOutstanding,
)
from domain.settling import settled
from domain.write_side import AccountHead, ItemKind


class AllocateCredit(msgspec.Struct, frozen=True, kw_only=True):
    """Settle invoices from credit: as `allocations` say, or the oldest with at most `amount`."""

    credit_allocation_id: CreditAllocationId
    account_id: AccountId
    amount: Money | None = None
    allocations: tuple[Allocation, ...] | None = None


class Allocated(msgspec.Struct, frozen=True, kw_only=True, tag="allocated"):
    """Credit that settled invoices."""

    account_id: AccountId
    amount_minor: int
    allocations: tuple[Allocation, ...]


CreditState = Allocated


def decide(command: AllocateCredit, book: Book) -> Decision:
    """Allocate credit once."""
    match book.states.get(command.credit_allocation_id):
        case None:
            return _allocate(command, book)
        case Allocated(account_id=owner) if owner != command.account_id:
            raise AlreadyExists(f"{command.credit_allocation_id} is on another account")
        case known if _is_repeat(command, known):
            return []  # Allocating twice is a retry, not an error.
        case _:
            raise AlreadyExists(
                f"{command.credit_allocation_id} was made before, with other content: "
                "send this one under a key of its own"
            )


def _is_repeat(command: AllocateCredit, known: Allocated) -> bool:
    """As far as the command says what goes where; what was outstanding then is history."""
    if command.amount is not None and command.amount.minor < known.amount_minor:
        return False
    return command.allocations in (None, known.allocations)


def _allocate(command: AllocateCredit, book: Book) -> Decision:
    account = book.account(command.account_id)
    allocations = _allocations(command, account, book)
    amount_minor = sum(part.amount.minor for part in allocations)
    today = book.today(account.facility)
    allocated = CreditAllocated(
        credit_allocation_id=command.credit_allocation_id,
        account_id=command.account_id,
        facility=account.facility,
        currency=account.currency,
        effective_on=today,
        booked_on=today,
        postings=ledger.within_balance(account, ledger.credit_used(amount_minor)),
        amount=Money.of(amount_minor, account.currency),
        allocations=tuple(allocations),
    )
    stream = command.credit_allocation_id
    paid_off = settled(allocations, command.account_id, stream, today, book)
    return [(stream, allocated), *paid_off]


def _allocations(command: AllocateCredit, account: AccountHead, book: Book) -> list[Allocation]:
    usable = _usable(command, account)
    invoices = book.items(command.account_id, ItemKind.INVOICE)
    if command.allocations is None:
        found = allocation.oldest_first(usable, invoices)
        if not found:
            raise NothingOutstanding(f"no invoice of account {account.account_id} is outstanding")
        return found
    if not command.allocations:
        raise Invalid("allocations names no invoice: leave it out for the oldest")
    wanted_minor = sum(part.amount.minor for part in command.allocations)
    if command.amount is None and wanted_minor > usable.minor:
        _exceeded(wanted_minor, account)
    outstanding = {invoice.item_id: invoice for invoice in invoices}
    return allocation.as_named(usable, command.allocations, outstanding, "amount")


def _usable(command: AllocateCredit, account: AccountHead) -> Money:
    if command.amount is None:
        wanted_minor = max(account.credit_minor, 0)
    elif command.amount.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the amount in {command.amount.currency}"
        )
    else:
        wanted_minor = command.amount.minor
        if wanted_minor <= 0:
            raise Invalid("the amount must be positive: it is how much credit is used")
    if wanted_minor > account.credit_minor or account.credit_minor <= 0:
        _exceeded(wanted_minor, account)
    return Money.of(wanted_minor, account.currency)


def _exceeded(wanted_minor: int, account: AccountHead) -> None:
    wanted = format_minor(wanted_minor, account.currency)
    credit = format_minor(account.credit_minor, account.currency)
    raise CreditExceeded(
        f"account {account.account_id} has {credit} {account.currency} of credit, "
        f"less than {wanted}"
        if wanted_minor
        else f"account {account.account_id} has no credit"
    )


def evolve(_state: CreditState | None, event: CreditAllocated) -> CreditState:
    """The allocation after an event."""
    return Allocated(
        account_id=event.account_id,
        amount_minor=event.amount.minor,
        allocations=event.allocations,
    )


CREDIT = Decider("crd", decide, evolve, CreditState)
