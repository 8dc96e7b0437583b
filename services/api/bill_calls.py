"""What the surfaces of bills have in common: keys, customers, reading back what was written."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter
from msgspec import Meta

from contracts.bill import BillLineItemAdded, BillSurface, ClosedBy
from contracts.ids import BillId, LineItemId
from contracts.inbound import CUSTOMER, PLAIN_PATTERNS
from contracts.private import Private
from domain import naming
from domain.bill import CloseBill
from domain.bill_adding import AddLineItem
from domain.bill_states import Closing, Known
from domain.line_item import NewLineItem
from services.api.auth import Caller
from services.api.calls import KEY, KEY_TEXT, Call
from services.api.context import context_of
from services.api.dependencies import Dependencies
from services.api.ledger import Ledger, Recorded
from services.api.names import opened
from services.api.outage import outage_as_problem
from services.api.problems import Problem, invalid
from services.bills.keys import sent_item
from services.bills.reading import ALL, Connection, FoundBill, read_bill, read_items
from services.execute.envelope import BusIdentity, HttpIdentity
from services.tenant_view import tenant_view

READ_BILLS: Final = "billing:bill:read"
CONSUMER: Final = "bills"
"""Under it the inbox keeps the keys of a bill's line items, for ever."""
CUSTOMER_LETTERS_MAX: Final = 1_024

_KEY_HEADERS: Final = ("x-idempotency-key", "idempotency-key")
_CUSTOMER: Final = rf"^(?!\s)[^/\x00-\x1f\x7f-\x9f]{{1,{CUSTOMER_LETTERS_MAX}}}$"
_POLL_SECONDS: Final = 0.05

CustomerPath = Annotated[
    str,
    PathParameter(
        description="id of the customer: printable, without `/`, percent-encoded",
        # Said, not checked by the framework, which would answer 404.
        schema_extra={
            "pattern": PLAIN_PATTERNS[CUSTOMER],
            "minLength": 1,
            "maxLength": CUSTOMER_LETTERS_MAX,
            "examples": ["cust-1"],
        },
    ),
]
BillPath = Annotated[
    str, PathParameter(pattern="^bill_[0-7][0-9a-z]{25}$", description="id of the bill")
]
CustomerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CUSTOMER_LETTERS_MAX,
        pattern=CUSTOMER,
        description="id of the customer: printable, without `/`",
    ),
]
Reason = Annotated[str, Meta(max_length=255, description="kept sealed under the customer's key")]


class BillCall(Call, frozen=True, kw_only=True):
    """A request about bills: the command's envelope, and what is read back for the answer."""

    dependencies: Dependencies

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A transaction that sees what was just written."""
        with outage_as_problem():
            async with tenant_view(self.dependencies.writer, self.tenant, readonly=True) as held:
                yield held

    async def find(self, bill_id: str, what: str = "") -> FoundBill:
        """A bill as it stands; raises Problem NOT_FOUND, which names it as its surface does."""
        async with self.reading() as connection:
            found = await read_bill(connection, self.tenant, bill_id)
        if found is None:
            raise Problem("NOT_FOUND", f"there is no bill {what or bill_id}")
        return found

    async def items(
        self, bills: Sequence[FoundBill], newest: int = ALL
    ) -> dict[str, list[BillLineItemAdded]]:
        """The line items of bills."""
        async with self.reading() as connection:
            ids = [bill.bill_id for bill in bills]
            return await read_items(connection, self.tenant, ids, newest)

    async def texts(self, privates: Sequence[Private | None]) -> list[str]:
        """The texts of personal fields; empty for one that nothing opens any more."""
        found = await opened(self.dependencies.writer, self.tenant, list(privates))
        return [text or "" for text in found]

    async def seal_of(self, bill: Known, text: str | None) -> Private | None:
        """Seal a text under the key of a bill's customer."""
        return await self.seal(naming.bill_customer(bill.customer_id), text)

    async def add(
        self, bill: FoundBill, item: NewLineItem, description: str, key: str | None
    ) -> tuple[Recorded, BillLineItemAdded]:
        """Add an item, once under a key that names it on its bill for ever; raises Problem.

        `description` is the item's, before it was sealed.
        """
        identity = None if key is None else BusIdentity(CONSUMER, bill.bill_id, key)
        own: BillCall = msgspec.structs.replace(self, identity=identity)
        command = AddLineItem(bill_id=bill.bill_id, account_id=bill.state.account_id, item=item)
        recorded = await own.execute(sent_item(item, description), command)
        version = int(recorded.token.rpartition("-")[2])
        (added,) = await self.ledger.history(self.tenant, bill.bill_id, range(version, version + 1))
        return recorded, added

    def item_id(self, bill_id: BillId, key: str | None) -> LineItemId:
        """The id of a line item: the same for a repeat under its key."""
        if key is None:
            return LineItemId(self.fresh_id("lin"))
        return naming.line_item_id(bill_id, key)

    async def close(
        self, request: msgspec.Struct, bill: FoundBill, reason: str | None
    ) -> tuple[Recorded, FoundBill]:
        """Close a bill, and wait a moment for the charge of its card; raises Problem."""
        command = CloseBill(
            bill_id=bill.bill_id,
            account_id=bill.state.account_id,
            closed_by=ClosedBy.REQUEST,
            reason=await self.seal_of(bill.state, reason or None),
        )
        recorded = await self.execute(request, command)
        return recorded, await self.settled(bill.bill_id)

    async def settled(self, bill_id: str) -> FoundBill:
        """The bill once its charge has an end, or as it stands when that takes too long."""
        deadline = asyncio.get_running_loop().time() + self.dependencies.outcome_seconds
        while isinstance((found := await self.find(bill_id)).state, Closing):
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return found


async def provide_bill_call(
    request: Request[Caller, Any, Any],
    ledger: NamedDependency[Ledger],
    dependencies: NamedDependency[Dependencies],
    x_idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="X-Idempotency-Key",
            required=False,
            description="Names this command: a repeat with the same key and body changes nothing,"
            " with another body it is refused. 1 to 255 printable ASCII characters.",
            schema_extra={"pattern": f"^{KEY_TEXT.pattern}$"},
        ),
    ] = None,
) -> BillCall:
    """The call of a request; the key may also come as Idempotency-Key. Raises Problem."""
    context = context_of(request.scope)
    return BillCall(
        caller=request.user,
        correlation_id=context.correlation_id,
        traceparent=context.traceparent,
        identity=_identity(request),
        expected_version=None,
        ledger=ledger,
        dependencies=dependencies,
    )


def _identity(request: Request[Any, Any, Any]) -> HttpIdentity | None:
    given = [key for name in _KEY_HEADERS for key in request.headers.getall(name, [])]
    if not given:
        if request.route_handler.opt.get(KEY):
            raise Problem(
                "IDEMPOTENCY_KEY_REQUIRED",
                "send an X-Idempotency-Key of your own, so that a repeat cannot do it twice",
            )
        return None
    if len(set(given)) > 1 or not KEY_TEXT.fullmatch(given[0]):
        raise invalid(
            "header:X-Idempotency-Key", "send one, of 1 to 255 printable ASCII characters"
        )
    return HttpIdentity(request.method, request.scope["path"], given[0])


def key_of(call: Call) -> str | None:
    """The key that a request came under."""
    return call.identity.key if isinstance(call.identity, HttpIdentity) else None


def check_customer(customer_id: str) -> str:
    """A customer's id that can be one; raises Problem."""
    if not re.fullmatch(_CUSTOMER, customer_id):
        raise invalid(
            "path:customerID", f"1 to {CUSTOMER_LETTERS_MAX} printable characters, none of them /"
        )
    return customer_id


def check_surface(found: FoundBill, surface: BillSurface, customer_id: str) -> FoundBill:
    """A bill of this surface's customer; raises Problem NOT_FOUND."""
    if found.state.surface is not surface or found.state.customer_id != customer_id:
        raise Problem("NOT_FOUND", f"this customer has no bill {found.bill_id}")
    return found


def number_of(text: str) -> msgspec.Raw:
    """A decimal as the JSON number that it is, with all its digits."""
    return msgspec.Raw(text.encode())


Number = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
"""A JSON number that never was a float."""
