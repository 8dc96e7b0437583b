"""Payments over HTTP: post one, read one, list them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.calendar import check_day
from contracts.ids import AccountId, InvoiceId, PaymentId
from contracts.inbound import Day, Id, Line
from contracts.money import Money
from contracts.payment import (
    Allocation,
    PaymentFailed,
    PaymentInitiated,
    PaymentMethod,
    PaymentPosted,
)
from contracts.views import PaymentPage, PaymentStatus
from domain.payment import PostPayment
from projections.payments_queries import find_payments
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.parameters import Cursor, Limit, OfAccount, PaymentPath
from services.api.reading import Reading
from services.api.routes import command, created, query

ALLOCATIONS_MAX = 500


class WantedAllocation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of the payment for one invoice."""

    invoice_id: Id
    amount: Amount


class PostPaymentRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Post money received. What no invoice takes becomes the customer's credit."""

    account_id: Id
    amount: Amount
    method: PaymentMethod
    received_on: Annotated[Day | None, Meta(description="local date; today if left out")] = None
    allocations: Annotated[
        Annotated[tuple[WantedAllocation, ...], Meta(max_length=ALLOCATIONS_MAX)] | None,
        Meta(description="what to settle; the oldest invoices first if left out"),
    ] = None
    reference: Annotated[
        Line | None,
        Meta(description="your own identifier, published as it is: never a person's data"),
    ] = None

    def __post_init__(self) -> None:
        check_day("received_on", self.received_on)


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment in the books and the invoices that it was allocated to."""

    payment_id: PaymentId
    account_id: AccountId
    facility: str
    status: Annotated[PaymentStatus, Meta(description="`posted`, but for a card payment")]
    method: PaymentMethod
    amount: Money
    allocations: tuple[Allocation, ...]
    credited: Annotated[Money, Meta(description="what no invoice took")]
    received_on: date | None
    booked_on: Annotated[date | None, Meta(description="the posting date; null until it is posted")]
    reference: str | None
    payment_ref: Annotated[
        str | None, Meta(description="the gateway's own identifier of a card payment")
    ]
    version: Annotated[int, Meta(description="version of the payment")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/payments",
    PostPayment,
    summary="Post a payment",
    codes=(
        "IDEMPOTENCY_KEY_REQUIRED",
        "NOT_FOUND",
        "CURRENCY_UNSUPPORTED",
        "STATE_CONFLICT",
        "ALREADY_EXISTS",
    ),
    key_required=True,
)
async def post_payment(
    data: JSONBody[PostPaymentRequest],
    call: NamedDependency[Call],
) -> Response[Payment]:
    """Settles the named invoices, or the oldest outstanding ones; the rest is credit."""
    posted = await call.execute(data, _command(data, PaymentId(call.new_id("pay"))))
    payment = _payment(posted)
    return created(f"/v1/payments/{payment.payment_id}", payment, posted)


@query("/payments/{payment_id:str}", summary="Read a payment", codes=("NOT_FOUND",))
async def get_payment(
    reading: NamedDependency[Reading],
    ledger: NamedDependency[Ledger],
    payment_id: PaymentPath,
) -> Payment:
    """The payment as it stands in the log; what was posted can be read at once."""
    tenant = reading.tenant
    first = await ledger.find(tenant, payment_id)
    if first.version == 1:
        return _payment(first)
    later = await ledger.history(tenant, payment_id, range(2, first.version + 1))
    return _payment(first, later)


@query("/payments", "payments", summary="List payments")
async def list_payments(
    reading: NamedDependency[Reading],
    account_id: OfAccount = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PaymentPage:
    """Payments with their allocations, the latest first."""
    async with reading.connection() as connection:
        return await find_payments(connection, account_id=account_id, cursor=cursor, limit=limit)


def _command(data: PostPaymentRequest, payment_id: PaymentId) -> PostPayment:
    return PostPayment(
        payment_id=payment_id,
        account_id=AccountId(data.account_id),
        amount=data.amount.money,
        method=data.method,
        received_on=data.received_on,
        allocations=wanted_allocations(data.allocations),
        reference=data.reference,
    )


def wanted_allocations(
    wanted: Sequence[WantedAllocation] | None,
) -> tuple[Allocation, ...] | None:
    """The allocations that a caller named, as the ledger knows them."""
    if wanted is None:
        return None
    return tuple(
        Allocation(invoice_id=InvoiceId(part.invoice_id), amount=part.amount.money)
        for part in wanted
    )


def _payment(recorded: Recorded, later: Sequence[PaymentPosted | PaymentFailed] = ()) -> Payment:
    """A payment by what its stream began with, and what came of a card payment."""
    first: PaymentPosted | PaymentInitiated = recorded.event
    posted = next((e for e in (first, *later) if isinstance(e, PaymentPosted)), None)
    failed = any(isinstance(event, PaymentFailed) for event in later)
    unposted = PaymentStatus.FAILED if failed else PaymentStatus.INITIATED
    return Payment(
        payment_id=first.payment_id,
        account_id=first.account_id,
        facility=first.facility,
        status=PaymentStatus.POSTED if posted else unposted,
        method=first.method,
        amount=first.amount,
        allocations=posted.allocations if posted else (),
        credited=posted.credited if posted else Money.of(0, first.currency),
        received_on=posted.effective_on if posted else None,
        booked_on=posted.booked_on if posted else None,
        reference=first.reference,
        payment_ref=posted.reference if posted is not None and posted is not first else None,
        version=recorded.version,
        token=recorded.token,
    )
