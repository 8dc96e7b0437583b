"""Payments over HTTP: post one, read one, list them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.ids import AccountId, PaymentId, PaymentMethodId
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
from services.api.calls import Call
from services.api.card_payments import initiation, outcome
from services.api.dependencies import Dependencies
from services.api.ledger import Ledger, Recorded
from services.api.parameters import (
    BookedFrom,
    BookedTo,
    Cursor,
    Limit,
    OfAccount,
    OfRemittance,
    PaymentPath,
    check_period,
)
from services.api.payment_bodies import PostPaymentRequest, wanted_allocations
from services.api.reading import Reading
from services.api.routes import command, created, query


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment in the books and the invoices that it was allocated to."""

    payment_id: PaymentId
    account_id: AccountId
    facility: str
    status: Annotated[PaymentStatus, Meta(description="`posted`, but for a card payment")]
    method: PaymentMethod
    amount: Money
    allocations: tuple[Allocation, ...]
    credited: Annotated[
        Money, Meta(description="what became credit; the rest settled what is owed on no invoice")
    ]
    received_on: date | None
    booked_on: Annotated[date | None, Meta(description="the posting date; null until it is posted")]
    reference: str | None
    payment_ref: Annotated[
        str | None, Meta(description="the gateway's own identifier of a card payment")
    ]
    payment_method_id: Annotated[
        PaymentMethodId | None, Meta(description="the saved card that it is charged to")
    ]
    failure: Annotated[
        str | None,
        Meta(
            description="with `failed`: why the gateway took no money, in a word",
            examples=["insufficient_funds"],
        ),
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
    begun=Payment,
)
async def post_payment(
    data: JSONBody[PostPaymentRequest],
    call: NamedDependency[Call],
    dependencies: NamedDependency[Dependencies],
) -> Response[Payment]:
    """Settles the named invoices, or the oldest outstanding ones; the rest is credit.

    With a payment_method_id or a payment_token the gateway charges the card. What it says within
    two seconds is answered with 201: `status` is `posted`, or `failed` with the `failure` where
    the card was declined. Otherwise 202, with `status` `initiated`: read the payment at its
    Location, or repeat with the same key. It is charged once, however often it is sent.
    """
    if data.by_gateway:
        return await _by_gateway(data, call, dependencies.outcome_seconds)
    posted = await call.execute(data, _command(data, PaymentId(call.new_id("pay"))))
    payment = _payment(posted)
    return created(f"/v1/payments/{payment.payment_id}", payment, posted)


async def _by_gateway(
    data: PostPaymentRequest, call: Call, outcome_seconds: float
) -> Response[Payment]:
    wanted = await initiation(
        call,
        payment_id=PaymentId(call.new_id("pay")),
        account_id=data.account_id,
        amount=data.amount.money,
        allocations=wanted_allocations(data.allocations),
        reference=data.reference,
        payment_method_id=data.payment_method_id,
        payment_token=data.payment_token,
    )
    begun = await call.execute(data, wanted)
    recorded, later = await outcome(call.ledger, call.tenant, begun, seconds=outcome_seconds)
    payment = _payment(recorded, later)
    status_code = 202 if payment.status is PaymentStatus.INITIATED else 201
    return created(f"/v1/payments/{payment.payment_id}", payment, recorded, status_code=status_code)


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
    remittance_id: OfRemittance = None,
    status: Annotated[
        PaymentStatus | None, QueryParameter(required=False, description="only those in this state")
    ] = None,
    method: Annotated[
        PaymentMethod | None, QueryParameter(required=False, description="only those that came so")
    ] = None,
    date_from: BookedFrom = None,
    date_to: BookedTo = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PaymentPage:
    """Payments, the latest first. One that is not posted has no posting date, is in no period."""
    check_period(("date_from", date_from), ("date_to", date_to))
    async with reading.connection() as connection:
        return await find_payments(
            connection,
            account_id=account_id,
            remittance_id=remittance_id,
            status=status,
            method=method,
            date_from=date_from,
            date_to=date_to,
            cursor=cursor,
            limit=limit,
        )


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


def _payment(recorded: Recorded, later: Sequence[PaymentPosted | PaymentFailed] = ()) -> Payment:
    """A payment by what its stream began with, and what came of a card payment."""
    first: PaymentPosted | PaymentInitiated = recorded.event
    posted = next((e for e in (first, *later) if isinstance(e, PaymentPosted)), None)
    failed = next((event for event in later if isinstance(event, PaymentFailed)), None)
    unposted = PaymentStatus.FAILED if failed else PaymentStatus.INITIATED
    begun = first if isinstance(first, PaymentInitiated) else None
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
        payment_method_id=begun.payment_method_id if begun else None,
        failure=failed.code if failed is not None and posted is None else None,
        version=recorded.version,
        token=recorded.token,
    )
