"""What workflows are found by in Temporal: registered when a worker starts, kept up to date."""

import asyncio
from typing import Any, Final

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.service import RPCError, RPCStatusCode

from contracts.bill_views import BillStatus
from services.sagas.bill_messages import BillStanding

CUSTOMER: Final = SearchAttributeKey.for_keyword("CustomerID")
PERIOD: Final = SearchAttributeKey.for_int("BillingPeriodNum")
STATUS: Final = SearchAttributeKey.for_keyword("BillStatus")
CURRENCY: Final = SearchAttributeKey.for_keyword("BillCurrency")
ITEMS: Final = SearchAttributeKey.for_int("BillItemCount")
TOTAL: Final = SearchAttributeKey.for_int("BillTotalCents")

LETTERS_MAX: Final = 255
"""A keyword that is longer would fail the workflow."""
_KEYWORD: Final = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
_INT: Final = IndexedValueType.INDEXED_VALUE_TYPE_INT
_TYPES: Final = {
    CUSTOMER.name: _KEYWORD,
    PERIOD.name: _INT,
    STATUS.name: _KEYWORD,
    CURRENCY.name: _KEYWORD,
    ITEMS.name: _INT,
    TOTAL.name: _INT,
}
_NAMED: Final = {
    BillStatus.PENDING: "OPEN",
    BillStatus.ACTIVE: "OPEN",
    BillStatus.CLOSING: "PENDING",
    BillStatus.CLOSED: "CLOSED",
    BillStatus.ATTENTION_REQUIRED: "ERROR",
}
"""As the monthly surface names the states."""
_AGAIN_SECONDS_MIN: Final = 0.25
_AGAIN_SECONDS_MAX: Final = 10.0
_THERE: Final = (RPCStatusCode.ALREADY_EXISTS,)
_REFUSED: Final = (
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNIMPLEMENTED,
    RPCStatusCode.INVALID_ARGUMENT,
)
_log = structlog.get_logger()


def attributes_of(bill: BillStanding) -> list[SearchAttributeUpdate[Any]]:
    """What a bill is found by."""
    return [
        CUSTOMER.value_set(bill.customer_id[:LETTERS_MAX]),
        PERIOD.value_set(bill.month_number),
        STATUS.value_set(_NAMED[bill.status]),
        CURRENCY.value_set(bill.currency),
        ITEMS.value_set(bill.item_count),
        TOTAL.value_set(bill.total_minor),
    ]


async def ensure_search_attributes(client: Client) -> None:
    """Register them, each for itself, where they are not yet; raises RPCError."""
    for name, kind in _TYPES.items():
        request = AddSearchAttributesRequest(
            search_attributes={name: kind}, namespace=client.namespace
        )
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            if error.status not in _THERE:
                raise
    _log.info("search attributes are there", names=list(_TYPES))


async def keep_search_attributes(client: Client, stopping: asyncio.Event) -> None:
    """Ensure them once, however long Temporal is away before that."""
    pause_seconds = _AGAIN_SECONDS_MIN
    while not stopping.is_set():
        try:
            await ensure_search_attributes(client)
        except RPCError as error:
            if error.status in _REFUSED:
                # A namespace of somebody else's: workflows wait until they are registered there.
                _log.error("search attributes are to be registered by hand", error=repr(error))
                return
            _log.error("search attributes wait: Temporal is away", error=repr(error))
        else:
            return
        try:
            await asyncio.wait_for(stopping.wait(), pause_seconds)
        except TimeoutError:
            pause_seconds = min(_AGAIN_SECONDS_MAX, pause_seconds * 2)
