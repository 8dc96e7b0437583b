"""A customer's credit: allocated later, never more of it than there is and no refund holds."""

import msgspec

from contracts.credit import CreditAllocated
from contracts.ids import AccountId, CreditAllocationId
from contracts.money import Money, format_minor
from contracts.payment import Allocation
from domain import allocation
from domain.allocation import Settlement
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import (
    AlreadyExists,
    CreditExceeded,
    CurrencyUnsupported,
    Invalid,
    NothingOutstanding,
)
from domain.settling import settled, used
from domain.write_side import AccountHead


class AllocateCredit(msgspec.Struct, frozen=True, kw_only=True):
    """Settle what is owed: as `allocations` say, or the oldest with at most `amount` of credit."""

    credit_allocation_id: CreditAllocationId
    account_id: AccountId
    amount: Money | None = None
    allocations: tuple[Allocation, ...] | None = None


class Allocated(msgspec.Struct, frozen=True, kw_only=True, tag="allocated"):
    """Credit that settled what was owed."""

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
    settles = _settles(command, account, book)
    today = book.today(account.facility)
    stream = command.credit_allocation_id
    allocated = used(stream, settles, account, today)
    paid_off = settled(settles.invoices, command.account_id, stream, today, book)
    return [(stream, allocated), *paid_off]


def _settles(command: AllocateCredit, account: AccountHead, book: Book) -> Settlement:
    free_minor = book.free_credit_minor(command.account_id)
    usable = _usable(command, account, free_minor)
    if command.allocations is None:
        found = allocation.oldest_first(usable, book.owed(command.account_id))
        if not found.total_minor:
            raise NothingOutstanding(f"account {account.account_id} owes nothing that is due")
        return found
    if not command.allocations:
        raise Invalid("allocations names no invoice: leave it out for the oldest")
    wanted_minor = sum(part.amount.minor for part in command.allocations)
    if command.amount is None and wanted_minor > usable.minor:
        _exceeded(wanted_minor, account, free_minor)
    outstanding = book.invoices(command.account_id)
    return Settlement(allocation.as_named(usable, command.allocations, outstanding, "amount"))


def _usable(command: AllocateCredit, account: AccountHead, free_minor: int) -> Money:
    if command.amount is None:
        wanted_minor = free_minor
    elif command.amount.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the amount in {command.amount.currency}"
        )
    else:
        wanted_minor = command.amount.minor
        if wanted_minor <= 0:
            raise Invalid("amount must be positive: it is how much credit is used")
    if wanted_minor > free_minor or not free_minor:
        _exceeded(wanted_minor, account, free_minor)
    return Money.of(wanted_minor, account.currency)


def _exceeded(wanted_minor: int, account: AccountHead, free_minor: int) -> None:
    currency, held_minor = account.currency, max(account.credit_minor, 0) - free_minor
    free, wanted = format_minor(free_minor, currency), format_minor(wanted_minor, currency)
    has = f"{free} {currency} of credit" if free_minor else "no credit"
    less = f", less than {wanted}" if wanted_minor and free_minor else ""
    held = f" (refunds hold {format_minor(held_minor, currency)} more)" if held_minor else ""
    raise CreditExceeded(f"account {account.account_id} has {has}{less}{held}")


def evolve(_state: CreditState | None, event: CreditAllocated) -> CreditState:
    """The allocation after an event."""
    return Allocated(
        account_id=event.account_id,
        amount_minor=event.amount.minor,
        allocations=event.allocations,
    )


CREDIT = Decider("crd", decide, evolve, CreditState)
