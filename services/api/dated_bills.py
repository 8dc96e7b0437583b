"""Bills with a start and an end: `/v1/bills`, as existing clients speak it, amounts in cents."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Annotated, Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from contracts.bill import BillLineItemAdded, BillSurface
from contracts.bill_views import BillStatus
from contracts.ids import BillId
from contracts.money import MoneyInvalid, format_minor, nearest_minor
from domain import naming
from domain.bill import CloseBill, RetryBill
from domain.bill_adding import AddLineItem
from domain.bill_making import CreateBill
from domain.bill_states import AttentionRequired, Closed, Ending
from domain.line_item import NewLineItem
from services.api.bill_calls import READ_BILLS, BillCall, Details, key_of
from services.api.bill_fields import BillPath, number_of
from services.api.dated_bill_bodies import (
    AddLineItemRequest,
    Bill,
    BillAnswer,
    BillsAnswer,
    CloseBillRequest,
    Conversion,
    CreateBillRequest,
    LineItem,
    LineItemAnswer,
    RetryBillRequest,
)
from services.api.problems import invalid
from services.api.routes import answered, command, query
from services.bills.reading import NEWEST, FoundBill, page_of_dated

_TAG: Final = "bills"
_CONFLICTS: Final = ("NOT_FOUND", "STATE_CONFLICT", "IDEMPOTENCY_KEY_REQUIRED")


@command(
    "/bills",
    CreateBill,
    summary="Make a bill with a start and an end",
    codes=("CURRENCY_UNSUPPORTED", "ALREADY_EXISTS", "IDEMPOTENCY_KEY_REQUIRED"),
    key_required=True,
    of_account=False,
    tag=_TAG,
)
async def create_bill(
    data: JSONBody[CreateBillRequest], bill_call: NamedDependency[BillCall]
) -> Response[BillAnswer]:
    """Pending until its start, then it takes line items; at its end it closes by itself."""
    bill_id = BillId(bill_call.new_id("bill"))
    made = await bill_call.done(
        data,
        CreateBill(
            bill_id=bill_id,
            account_id=naming.bill_account_id(bill_call.tenant, bill_id, data.currency),
            customer_id=bill_id,
            surface=BillSurface.DATED,
            currency=data.currency,
            starts_at=_utc(data.start_time),
            ends_at=_utc(data.end_time),
            idempotency_key=key_of(bill_call),
        ),
    )
    answer = await _answer(bill_call, *await bill_call.look(bill_id))
    return answered(answer, made, Location=f"/v1/bills/{bill_id}")


@command(
    "/bills/{bill_id:str}/line_items",
    AddLineItem,
    summary="Add a line item to a bill",
    codes=("CURRENCY_UNSUPPORTED", *_CONFLICTS),
    key_required=True,
    of_account=False,
    tag=_TAG,
)
async def add_line_item(
    data: JSONBody[AddLineItemRequest], bill_call: NamedDependency[BillCall], bill_id: BillPath
) -> Response[LineItemAnswer]:
    """Taken while the bill is active; the key names the item on this bill, for ever."""
    (found, keys), key = await bill_call.find_to_add(bill_id), key_of(bill_call)
    item = NewLineItem(
        line_item_id=bill_call.item_id(found.bill_id, key),
        unit_amount=_units(data.amount_cents, data.currency),
        currency=data.currency,
        description=bill_call.seal_under(keys, found.state, data.description or None),
        idempotency_key=key,
        reference=data.reference_id or None,
    )
    done, added = await bill_call.add(found, item, data.description, key)
    (text,) = await bill_call.texts(keys, [added.description])
    return answered(LineItemAnswer(line_item=_line_item(added, text)), done)


@command(
    "/bills/{bill_id:str}/close",
    CloseBill,
    summary="Close a bill",
    codes=_CONFLICTS,
    key_required=True,
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def close_bill(
    data: JSONBody[CloseBillRequest], bill_call: NamedDependency[BillCall], bill_id: BillPath
) -> Response[BillAnswer]:
    """With a saved card the bill is `closing` while the charge takes longer than a moment."""
    found = await bill_call.find(bill_id)
    done, closed = await bill_call.close(data, found, data.reason)
    return answered(await _answer(bill_call, closed, await bill_call.details([closed])), done)


@command(
    "/bills/{bill_id:str}/retry",
    RetryBill,
    summary="Finalise a bill again that needed attention",
    codes=_CONFLICTS,
    key_required=True,
    of_account=False,
    status_code=200,
    tag=_TAG,
)
async def retry_bill(
    bill_call: NamedDependency[BillCall], bill_id: BillPath
) -> Response[BillAnswer]:
    """Of a bill of any surface, once what stood against it is mended."""
    found = await bill_call.find(bill_id)
    command_ = RetryBill(bill_id=found.bill_id, account_id=found.state.account_id)
    done = await bill_call.done(RetryBillRequest(), command_)
    settled = await bill_call.settled(bill_id)
    return answered(await _answer(bill_call, settled, await bill_call.details([settled])), done)


@query(
    "/bills/{bill_id:str}", summary="Read a bill", scope=READ_BILLS, codes=("NOT_FOUND",), tag=_TAG
)
async def get_bill(bill_call: NamedDependency[BillCall], bill_id: BillPath) -> BillAnswer:
    """The bill as it stands, of any surface, with all its line items."""
    return await _answer(bill_call, *await bill_call.look(bill_id))


@query("/bills", summary="List bills", scope=READ_BILLS, tag=_TAG)
async def list_bills(
    bill_call: NamedDependency[BillCall],
    limit: Annotated[
        int, QueryParameter(required=False, ge=1, le=100, description="bills of a page")
    ] = 10,
    offset: Annotated[
        int,
        QueryParameter(required=False, ge=0, le=1_000_000_000, description="how many to pass over"),
    ] = 0,
) -> BillsAnswer:
    """Those that were made here, the newest first."""
    async with bill_call.reading() as connection:
        found, count = await page_of_dated(connection, bill_call.tenant, limit=limit, offset=offset)
    bills = await _bills(bill_call, found, await bill_call.details(found, NEWEST))
    return BillsAnswer(bills=bills, total_count=count, limit=limit, offset=offset)


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


def _units(amount_cents: int, currency: str) -> str:
    try:
        return format_minor(amount_cents, currency)
    except MoneyInvalid as wrong:
        raise invalid("$.currency", str(wrong), code="CURRENCY_UNSUPPORTED") from None


async def _answer(call: BillCall, found: FoundBill, details: Details) -> BillAnswer:
    (bill,) = await _bills(call, [found], details)
    return BillAnswer(bill=bill)


async def _bills(call: BillCall, found: Sequence[FoundBill], details: Details) -> tuple[Bill, ...]:
    items, keys = details
    reasons = [bill.state.reason if isinstance(bill.state, Ending) else None for bill in found]
    said = [item.description for bill in found for item in items.get(bill.bill_id, ())]
    texts = iter(await call.texts(keys, [*reasons, *said]))
    closed = [next(texts) for _ in found]
    return tuple(
        _bill(call.tenant, bill, reason, tuple(_lines(items.get(bill.bill_id, ()), texts)))
        for bill, reason in zip(found, closed, strict=True)
    )


def _lines(items: Sequence[BillLineItemAdded], texts: Iterator[str]) -> Iterator[LineItem]:
    for item in items:
        yield _line_item(item, next(texts))


def _bill(tenant: str, found: FoundBill, reason: str, lines: tuple[LineItem, ...]) -> Bill:
    bill = found.state
    return Bill(
        id=found.bill_id,
        currency=bill.currency,
        status=BillStatus(str(type(bill).__struct_config__.tag)),
        close_reason=reason or None,
        error_message=bill.detail if isinstance(bill, AttentionRequired) else None,
        total_amount_cents=bill.total_minor,
        start_time=bill.starts_at,
        end_time=bill.ends_at,
        billed_at=bill.closed_at if isinstance(bill, Closed) else None,
        idempotency_key=bill.idempotency_key,
        workflow_id=f"bill/{tenant}/{found.bill_id}",
        line_items=lines,
        created_at=bill.created_at,
        updated_at=bill.updated_at,
        item_count=bill.item_count if len(lines) < bill.item_count else None,
    )


def _line_item(item: BillLineItemAdded, text: str) -> LineItem:
    return LineItem(
        id=item.line_item_id,
        bill_id=item.bill_id,
        amount_cents=item.amount.minor,
        currency=item.amount.currency,
        description=text,
        incurred_at=item.incurred_at,
        reference_id=item.reference or "",
        metadata=_conversion(item),
        idempotency_key=item.idempotency_key,
        created_at=item.added_at,
        updated_at=item.added_at,
    )


def _conversion(item: BillLineItemAdded) -> Conversion | None:
    original = item.converted_from
    if original is None:
        return None
    return Conversion(
        # It may have more digits than its currency; what counts was rounded once, in the bill's.
        original_amount_cents=nearest_minor(Fraction(original.amount), original.currency),
        original_currency=original.currency,
        exchange_rate=number_of(original.rate),
    )


ROUTES: Final = (create_bill, add_line_item, close_bill, retry_bill, get_bill, list_bills)
