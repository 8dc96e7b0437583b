"""What the surfaces of bills have in common: keys, customers, reading back what was written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from contracts.bill import BillLineItemAdded, BillSurface, ClosedBy
from contracts.ids import BillId, LineItemId
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
from services.api.ledger import Ledger
from services.api.names import open_all
from services.api.outage import outage_as_problem
from services.api.problems import Problem, invalid
from services.bills.keys import sent_item
from services.bills.reading import ALL, Connection, FoundBill, read_bill, read_items
from services.execute.envelope import BusIdentity, Done, HttpIdentity
from services.sealing import Keys, make_keys, read_keys, seal
from services.tenant_view import tenant_view

READ_BILLS: Final = "billing:bill:read"
CONSUMER: Final = "bills"
"""Under it the inbox keeps the keys of a bill's line items, for ever."""

_KEY_HEADERS: Final = ("x-idempotency-key", "idempotency-key")
_POLL_SECONDS: Final = 0.05


class Details(NamedTuple):
    """Line items by bill, and the keys of the customers."""

    items: dict[str, list[BillLineItemAdded]]
    keys: Keys


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
            return await self._find(connection, bill_id, what)

    async def find_to_add(self, bill_id: str, what: str = "") -> tuple[FoundBill, Keys]:
        """A bill as it stands, and its customer's key, made where there is none; raises Problem
        NOT_FOUND."""
        async with self.reading() as connection:
            found = await self._find(connection, bill_id, what)
            keys = await self._keys(connection, [found])
        if not keys:
            subject = naming.bill_customer(found.state.customer_id)
            with outage_as_problem():
                keys = await make_keys(self.dependencies.writer, self.tenant, [subject])
        return found, keys

    async def details(self, bills: Sequence[FoundBill], newest: int = ALL) -> Details:
        """The line items of bills, and what opens their texts."""
        async with self.reading() as connection:
            return await self._details(connection, bills, newest)

    async def look(
        self, bill_id: str, newest: int = ALL, what: str = ""
    ) -> tuple[FoundBill, Details]:
        """A bill as it stands now, with its details; raises Problem NOT_FOUND."""
        async with self.reading() as connection:
            found = await self._find(connection, bill_id, what)
            return found, await self._details(connection, [found], newest)

    async def texts(self, keys: Keys, privates: Sequence[Private | None]) -> list[str]:
        """The texts of personal fields; empty for one that nothing opens any more."""
        return [text or "" for text in await open_all(keys, self.tenant, privates)]

    def seal_under(self, keys: Keys, bill: Known, text: str | None) -> Private | None:
        """Seal a text under the key of a bill's customer."""
        if text is None:
            return None
        return seal(keys, self.tenant, naming.bill_customer(bill.customer_id), text)

    async def add(
        self, bill: FoundBill, item: NewLineItem, description: str, key: str | None
    ) -> tuple[Done, BillLineItemAdded]:
        """Add an item, once under a key that names it on its bill for ever; raises Problem.

        `description` is the item's, before it was sealed.
        """
        identity = None if key is None else BusIdentity(CONSUMER, bill.bill_id, key)
        own: BillCall = msgspec.structs.replace(self, identity=identity)
        command = AddLineItem(bill_id=bill.bill_id, account_id=bill.state.account_id, item=item)
        done = await own.done(sent_item(item, description), command)
        return done, await self.ledger.last(self.tenant, done)

    async def _find(self, connection: Connection, bill_id: str, what: str = "") -> FoundBill:
        found = await read_bill(connection, self.tenant, bill_id)
        if found is None:
            raise Problem("NOT_FOUND", f"there is no bill {what or bill_id}")
        return found

    async def _details(
        self, connection: Connection, bills: Sequence[FoundBill], newest: int
    ) -> Details:
        ids = [bill.bill_id for bill in bills]
        items = await read_items(connection, self.tenant, ids, newest)
        return Details(items, await self._keys(connection, bills))

    async def _keys(self, connection: Connection, bills: Sequence[FoundBill]) -> Keys:
        subjects = {naming.bill_customer(bill.state.customer_id) for bill in bills}
        return await read_keys(connection, self.tenant, subjects)

    def item_id(self, bill_id: BillId, key: str | None) -> LineItemId:
        """The id of a line item: the same for a repeat under its key."""
        if key is None:
            return LineItemId(self.fresh_id("lin"))
        return naming.line_item_id(bill_id, key)

    async def close(
        self, request: msgspec.Struct, bill: FoundBill, reason: str | None
    ) -> tuple[Done, FoundBill]:
        """Close a bill, and wait a moment for the charge of its card; raises Problem."""
        command = CloseBill(
            bill_id=bill.bill_id,
            account_id=bill.state.account_id,
            closed_by=ClosedBy.REQUEST,
            reason=await self.seal(naming.bill_customer(bill.state.customer_id), reason or None),
        )
        done = await self.done(request, command)
        return done, await self.settled(bill.bill_id)

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


def check_surface(found: FoundBill, surface: BillSurface, customer_id: str) -> FoundBill:
    """A bill of this surface's customer; raises Problem NOT_FOUND."""
    if found.state.surface is not surface or found.state.customer_id != customer_id:
        raise Problem("NOT_FOUND", f"this customer has no bill {found.bill_id}")
    return found
