"""Refunds over HTTP: ask for one, approve or reject it as somebody else, read and list them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.ids import AccountId, PaymentId, RefundId
from contracts.inbound import Id, Line
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.refund import (
    RefundApproved,
    RefundFailed,
    RefundIssued,
    RefundRejected,
    RefundRequested,
)
from contracts.views import RefundStatus, RefundSummary
from domain.refund import ApproveRefund, RejectRefund, RequestRefund
from projections.refunds_queries import find_refund, find_refunds
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Recorded
from services.api.parameters import (
    AskedFrom,
    AskedTo,
    Cursor,
    Limit,
    OfAccount,
    OfPayment,
    RefundPath,
    check_period,
)
from services.api.problems import Problem
from services.api.reading import Reading
from services.api.routes import command, created, query

_STATUS: Final[dict[type, RefundStatus]] = {
    RefundRequested: RefundStatus.REQUESTED,
    RefundApproved: RefundStatus.APPROVED,
    RefundRejected: RefundStatus.REJECTED,
    RefundIssued: RefundStatus.ISSUED,
    RefundFailed: RefundStatus.FAILED,
}
Reason = Annotated[Line, Meta(description="kept sealed: it may say something of a person")]


class RequestRefundRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Ask that money of a payment be given back the way it came."""

    payment_id: Id
    amount: Amount
    reason: Reason | None = None


class ApproveRefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but the refund and the caller."""


class RejectRefundRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Do not make a refund, and say why."""

    reason: Reason


class RequestedRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as the command left it."""

    refund_id: RefundId
    payment_id: PaymentId
    account_id: AccountId
    facility: str
    status: RefundStatus
    method: Annotated[PaymentMethod, Meta(description="the payment's")]
    amount: Money
    reason: str | None
    requested_by: str
    requested_on: date
    version: Annotated[int, Meta(description="version of the refund")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class Refund(RefundSummary, frozen=True, kw_only=True):
    """Money of a payment that is to be given back, and who said so."""

    reason: str | None  # type: ignore[assignment]  # sealed in the read model, opened at this edge
    rejection_reason: str | None  # type: ignore[assignment]  # as the reason above


class Refunds(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds, the latest asked for first."""

    items: tuple[Refund, ...]
    cursor: Annotated[str | None, Meta(description="asks for the next page; null on the last")]


@command(
    "/refunds",
    RequestRefund,
    summary="Request a refund",
    codes=(
        *("IDEMPOTENCY_KEY_REQUIRED", "NOT_FOUND", "CURRENCY_UNSUPPORTED", "STATE_CONFLICT"),
        *("ALREADY_EXISTS", "AMOUNT_EXCEEDS_REFUNDABLE"),
    ),
    key_required=True,
)
async def request_refund(
    data: JSONBody[RequestRefundRequest], call: NamedDependency[Call]
) -> Response[RequestedRefund]:
    """Reserves the amount and waits for somebody else.

    It approves itself where all refunds of the payment together stay below the threshold.
    """
    payment = await call.ledger.find(call.tenant, data.payment_id)
    account_id = getattr(payment.event, "account_id", None)
    if account_id is None or not data.payment_id.startswith("pay_"):
        raise Problem("NOT_FOUND", f"there is no payment {data.payment_id}")
    done = await call.execute(
        data,
        RequestRefund(
            refund_id=RefundId(call.new_id("rfd")),
            payment_id=PaymentId(data.payment_id),
            account_id=account_id,
            amount=data.amount.money,
            requested_by=call.caller.actor,
            reason=await call.ledger.seal_for(call.tenant, account_id, data.reason),
        ),
    )
    return await _answer(call, done)


@command(
    "/refunds/{refund_id:str}/approve",
    ApproveRefund,
    summary="Approve a refund",
    codes=("NOT_FOUND", "STATE_CONFLICT", "FOUR_EYES"),
)
async def approve_refund(
    call: NamedDependency[Call], refund_id: RefundPath
) -> Response[RequestedRefund]:
    """Lets a refund be made that somebody else asked for."""
    approval = ApproveRefund(refund_id=RefundId(refund_id), approved_by=call.caller.actor)
    return await _answer(call, await call.execute(ApproveRefundRequest(), approval))


@command(
    "/refunds/{refund_id:str}/reject",
    RejectRefund,
    summary="Reject a refund",
    codes=("NOT_FOUND", "STATE_CONFLICT", "FOUR_EYES"),
)
async def reject_refund(
    data: JSONBody[RejectRefundRequest], call: NamedDependency[Call], refund_id: RefundPath
) -> Response[RequestedRefund]:
    """Refuses a refund that somebody else asked for; its amount can be asked for again."""
    asked = await call.ledger.find(call.tenant, refund_id)
    reason = await call.ledger.seal_for(call.tenant, asked.event.account_id, data.reason)
    assert reason is not None, "a reason is required"
    rejection = RejectRefund(
        refund_id=RefundId(refund_id), rejected_by=call.caller.actor, reason=reason
    )
    return await _answer(call, await call.execute(data, rejection))


@query(
    "/refunds/{refund_id:str}",
    "refunds",
    summary="Read a refund",
    codes=("NOT_FOUND",),
)
async def get_refund(reading: NamedDependency[Reading], refund_id: RefundPath) -> Refund:
    """The refund with who asked, who decided, and what bore it."""
    async with reading.connection() as connection:
        found = await find_refund(connection, refund_id)
    if found is None:
        raise Problem("NOT_FOUND", f"there is no refund {refund_id}")
    (refund,) = await _opened(reading, [found])
    return refund


@query("/refunds", "refunds", summary="List refunds")
async def list_refunds(
    reading: NamedDependency[Reading],
    account_id: OfAccount = None,
    payment_id: OfPayment = None,
    status: Annotated[
        RefundStatus | None, QueryParameter(required=False, description="only those in this state")
    ] = None,
    date_from: AskedFrom = None,
    date_to: AskedTo = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Refunds:
    """Refunds, the latest asked for first."""
    check_period(("date_from", date_from), ("date_to", date_to))
    async with reading.connection() as connection:
        page = await find_refunds(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            status=status,
            date_from=date_from,
            date_to=date_to,
            cursor=cursor,
            limit=limit,
        )
    return Refunds(items=tuple(await _opened(reading, page.items)), cursor=page.cursor)


async def _opened(reading: Reading, found: Sequence[RefundSummary]) -> list[Refund]:
    texts = await reading.names(
        sealed for refund in found for sealed in (refund.reason, refund.rejection_reason)
    )
    return [
        Refund(**msgspec.structs.asdict(refund) | {"reason": reason, "rejection_reason": rejection})
        for refund, reason, rejection in zip(found, texts[::2], texts[1::2], strict=True)
    ]


async def _answer(call: Call, done: Recorded) -> Response[RequestedRefund]:
    asked: RefundRequested = done.event
    (last,) = await call.ledger.history(
        call.tenant, asked.refund_id, range(done.version, done.version + 1)
    )
    answer = RequestedRefund(
        refund_id=asked.refund_id,
        payment_id=asked.payment_id,
        account_id=asked.account_id,
        facility=asked.facility,
        status=_STATUS[type(last)],
        method=asked.method,
        amount=asked.amount,
        reason=await call.open(asked.reason),
        requested_by=asked.requested_by,
        requested_on=asked.requested_on,
        version=done.version,
        token=done.token,
    )
    return created(f"/v1/refunds/{asked.refund_id}", answer, done)
