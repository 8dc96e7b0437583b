"""How line items come to bills: to the one that is named, or a fee to the month that it is for."""

import msgspec

from contracts.bill import BillActivated, BillSurface
from contracts.event import Event
from contracts.ids import AccountId, BillId
from contracts.money import format_minor, sum_minor_max
from domain.bill_making import CreateBill, create
from domain.bill_states import Active, BillState, Known, Pending, evolve
from domain.book import Book
from domain.decider import Decision
from domain.line_item import NewLineItem, Place, priced
from domain.rejections import AccountSuspended, BillMoved, BillNotOpen, Invalid
from domain.write_side import AccountStatus


class AddLineItem(msgspec.Struct, frozen=True, kw_only=True):
    """Add to a bill."""

    bill_id: BillId
    account_id: AccountId
    item: NewLineItem


class AddFee(msgspec.Struct, frozen=True, kw_only=True):
    """Add to the first of a customer's monthly bills that is open, or can be made.

    `months` begins with the one that the fee belongs to; all are of one account.
    """

    customer_id: str
    account_id: AccountId
    currency: str
    months: tuple[str, ...]
    bill_ids: tuple[BillId, ...]
    item: NewLineItem


def activated(bill_id: BillId, bill: Known, book: Book) -> BillActivated:
    """The bill takes line items from now on."""
    return BillActivated(bill_id=bill_id, account_id=bill.account_id, activated_at=book.recorded_at)


def add(
    bill_id: BillId,
    bill: Pending | Active,
    item: NewLineItem,
    belongs_to: str | None,
    book: Book,
) -> Decision:
    """The item, behind the activation that nobody has recorded yet.

    Raises BillNotOpen, AccountSuspended, Invalid, CurrencyUnsupported.
    """
    _check_account(bill.account_id, book)
    if _is_over(bill, book):
        raise BillNotOpen(f"bill {bill_id} ended at {bill.ends_at:%FT%TZ}: it closes by itself")
    events: list[tuple[str, Event]] = []
    if isinstance(bill, Pending):
        if bill.starts_at <= book.recorded_at:
            events.append((bill_id, activated(bill_id, bill, book)))
        elif bill.surface is not BillSurface.MONTHLY:  # to its clients a coming month is open
            raise BillNotOpen(f"bill {bill_id} is pending: it begins at {bill.starts_at:%FT%TZ}")
    place = Place(
        bill_id=bill_id,
        account_id=bill.account_id,
        surface=bill.surface,
        currency=bill.currency,
        starts_at=bill.starts_at,
        number=bill.item_count + 1,
        belongs_to=belongs_to,
    )
    added = priced(item, place, book)
    if bill.total_minor + added.amount.minor > sum_minor_max(bill.currency):
        most = format_minor(sum_minor_max(bill.currency), bill.currency)
        raise Invalid(f"the bill's total would exceed {most} {bill.currency}")
    return [*events, (bill_id, added)]


def add_fee(command: AddFee, book: Book) -> Decision:
    """The month's own bill; when that is closed, the next one that is not.

    Raises BillMoved when that one is of another account: neither its lock nor its state was had,
    and what it is exchanged by was not loaded.
    """
    belongs_to = command.months[0]
    for month, bill_id in zip(command.months, command.bill_ids, strict=True):
        link = None if month == belongs_to else belongs_to
        match book.states.get(bill_id):
            case None:
                return _create_and_add(command, month, bill_id, link, book)
            case Known(last_item=last) if last == command.item.line_item_id:
                return []
            case (Pending() | Active()) as bill if not _is_over(bill, book):
                if bill.account_id != command.account_id:
                    raise BillMoved(f"bill {bill_id} was made on {bill.account_id} meanwhile")
                return add(bill_id, bill, command.item, link, book)
            case _:
                pass  # over, or closed: the next one
    raise BillNotOpen(f"every bill of this customer from {belongs_to} on is closed")


def _create_and_add(
    command: AddFee, month: str, bill_id: BillId, link: str | None, book: Book
) -> Decision:
    making = CreateBill(
        bill_id=bill_id,
        account_id=command.account_id,
        customer_id=command.customer_id,
        surface=BillSurface.MONTHLY,
        currency=command.currency,
        month=month,
    )
    made = create(making, book)
    bill: BillState | None = None
    for stream_id, event in made:
        if stream_id == bill_id:
            bill = evolve(bill, event)  # type: ignore[arg-type]  # of this stream, so of a bill
    assert isinstance(bill, Pending | Active), "a bill that was just made is open"
    _check_account(command.account_id, book)
    place = Place(
        bill_id=bill_id,
        account_id=command.account_id,
        surface=BillSurface.MONTHLY,
        currency=command.currency,
        starts_at=bill.starts_at,
        number=1,
        belongs_to=link,
    )
    return [*made, (bill_id, priced(command.item, place, book))]


def _is_over(bill: Known, book: Book) -> bool:
    """Whether a bill's end has come, however late it is that somebody closes it."""
    return bill.ends_at is not None and bill.ends_at <= book.recorded_at


def _check_account(account_id: AccountId, book: Book) -> None:
    account = book.accounts.get(account_id)  # none where it is opened with its first bill
    if account is not None and account.status is AccountStatus.SUSPENDED:
        raise AccountSuspended(f"account {account_id} is suspended: no new line items")
