"""Charges over HTTP: capture one, reverse it, read it."""

from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.charge import ChargeCaptured, ChargeReversed
from contracts.event import Event
from contracts.ids import ChargeId, event_id
from contracts.inbound import Line
from domain.charge import CaptureCharge, ReverseCharge
from services.api.auth import STATE_PRICES
from services.api.calls import Call
from services.api.charge_bodies import (
    CaptureChargeRequest,
    Charge,
    PricedCharge,
    charge_after,
    charge_of,
    command_of,
    priced,
)
from services.api.ledger import Ledger, Recorded
from services.api.parameters import ChargePath, DryRun
from services.api.reading import Reading
from services.api.routes import command, created, previewed, query


class ReverseChargeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a charge back that is on no invoice."""

    reason: Annotated[Line, Meta(description="kept sealed under the person's key")]


@command(
    "/charges",
    CaptureCharge,
    summary="Capture a charge",
    codes=(
        "NOT_FOUND",
        "CODE_INVALID",
        "CODE_UNVERIFIED",
        "PRICE_NOT_FOUND",
        "CURRENCY_UNSUPPORTED",
        "STATE_CONFLICT",
        "ALREADY_EXISTS",
    ),
    preview=PricedCharge,
)
async def capture_charge(
    data: JSONBody[CaptureChargeRequest], call: NamedDependency[Call], dry_run: DryRun = False
) -> Response[Charge]:
    """Resolves the price, computes the tax and books receivable against revenue and tax.

    With `dry_run=true` it answers 200 with what would be booked, and writes nothing.
    """
    if data.unit_price is not None:
        call.caller.allow(STATE_PRICES)
    if dry_run:
        return previewed(priced(await _preview(data, call)))
    captured = await call.execute(data, command_of(data, ChargeId(call.new_id("chg"))))
    charge = charge_of(captured)
    return created(f"/v1/charges/{charge.charge_id}", charge, captured)


async def _preview(data: CaptureChargeRequest, call: Call) -> ChargeCaptured:
    # Under an id that nothing has: what was captured under the key before is not asked.
    (events,) = await call.preview(data, [command_of(data, ChargeId(call.fresh_id("chg")))])
    (event,) = events
    assert isinstance(event, ChargeCaptured), "a new charge is captured"
    return event


@command(
    "/charges/{charge_id:str}/reverse",
    ReverseCharge,
    summary="Reverse a charge",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def reverse_charge(
    data: JSONBody[ReverseChargeRequest], call: NamedDependency[Call], charge_id: ChargePath
) -> Response[Charge]:
    """Books the exact mirror of the charge, once; the charge itself stays in the books.

    What is on an invoice, be it a draft, is not reversed alone: voiding the invoice does it.
    """
    captured: ChargeCaptured = (await call.ledger.find(call.tenant, charge_id)).event
    reversed_ = await call.execute(
        data,
        ReverseCharge(
            charge_id=ChargeId(charge_id),
            account_id=captured.account_id,
            reason=await call.seal_text(captured.account_id, data.reason),
        ),
    )
    charge = await _read(call.ledger, call.tenant, charge_id)
    return created(f"/v1/charges/{charge_id}", charge, reversed_)


@query("/charges/{charge_id:str}", summary="Read a charge", codes=("NOT_FOUND",))
async def get_charge(
    reading: NamedDependency[Reading], ledger: NamedDependency[Ledger], charge_id: ChargePath
) -> Charge:
    """The charge as it stands in the log; what was captured can be read at once."""
    return await _read(ledger, reading.tenant, charge_id)


async def _read(ledger: Ledger, tenant: str, charge_id: str) -> Charge:
    events = await ledger.events(tenant, charge_id)
    token = event_id(charge_id, len(events))
    reason = await _reason(ledger, tenant, events)
    return charge_after(Recorded(events[0], len(events), token), events[1:], reason)


async def _reason(ledger: Ledger, tenant: str, events: list[Event]) -> str | None:
    last = events[-1]
    return await ledger.open(tenant, last.reason) if isinstance(last, ChargeReversed) else None
