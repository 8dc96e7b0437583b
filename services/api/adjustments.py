"""Adjustments over HTTP: lower or raise what is owed for a named reason, read what was applied."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.adjustment import AdjustmentApplied, AdjustmentReason, Direction
from contracts.calendar import check_day
from contracts.ids import AccountId, AdjustmentId, InvoiceId
from contracts.inbound import Day, Id
from contracts.money import Money
from domain.adjustment import ApplyAdjustment
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.parameters import AdjustmentPath
from services.api.reading import Reading
from services.api.routes import command, created, query

Reason = Literal["CONTRACTUAL", "CHARITY", "BAD_DEBT", "COURTESY", "CORRECTION"]
"""INVOICE_VOID is left out: voiding an invoice applies it, nobody else does."""


class ApplyAdjustmentRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Lower (credit) or raise (debit) what is owed, on one invoice or on the account."""

    account_id: Id
    reason: Reason
    direction: Direction
    amount: Amount
    effective_on: Annotated[Day | None, Meta(description="local date; today if left out")] = None
    invoice_id: Annotated[
        Id | None, Meta(description="an outstanding invoice; the account alone if left out")
    ] = None

    def __post_init__(self) -> None:
        check_day("effective_on", self.effective_on)


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment in the books."""

    adjustment_id: AdjustmentId
    account_id: AccountId
    facility: str
    reason: AdjustmentReason
    direction: Direction
    amount: Money
    invoice_id: InvoiceId | None
    effective_on: date
    booked_on: Annotated[date, Meta(description="the posting date")]
    version: Annotated[int, Meta(description="version of the adjustment")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/adjustments",
    ApplyAdjustment,
    summary="Apply an adjustment",
    codes=("NOT_FOUND", "CURRENCY_UNSUPPORTED", "STATE_CONFLICT", "ALREADY_EXISTS"),
)
async def apply_adjustment(
    data: JSONBody[ApplyAdjustmentRequest], call: NamedDependency[Call]
) -> Response[Adjustment]:
    """Books the correction against the account of its reason; no money moves."""
    applied = await call.execute(data, _command(data, AdjustmentId(call.new_id("adj"))))
    adjustment = _adjustment(applied)
    return created(f"/v1/adjustments/{adjustment.adjustment_id}", adjustment, applied)


@query("/adjustments/{adjustment_id:str}", summary="Read an adjustment", codes=("NOT_FOUND",))
async def get_adjustment(
    reading: NamedDependency[Reading],
    ledger: NamedDependency[Ledger],
    adjustment_id: AdjustmentPath,
) -> Adjustment:
    """The adjustment as it stands in the log; what was applied can be read at once."""
    return _adjustment(await ledger.find(reading.tenant, adjustment_id))


def _command(data: ApplyAdjustmentRequest, adjustment_id: AdjustmentId) -> ApplyAdjustment:
    return ApplyAdjustment(
        adjustment_id=adjustment_id,
        account_id=AccountId(data.account_id),
        reason=AdjustmentReason(data.reason),
        direction=data.direction,
        amount=data.amount.money,
        effective_on=data.effective_on,
        invoice_id=InvoiceId(data.invoice_id) if data.invoice_id else None,
    )


def _adjustment(applied: Recorded) -> Adjustment:
    event: AdjustmentApplied = applied.event
    return Adjustment(
        adjustment_id=event.adjustment_id,
        account_id=event.account_id,
        facility=event.facility,
        reason=event.reason,
        direction=event.direction,
        amount=event.amount,
        invoice_id=event.invoice_id,
        effective_on=event.effective_on,
        booked_on=event.booked_on,
        version=applied.version,
        token=applied.token,
    )
