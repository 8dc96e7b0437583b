"""Charges over HTTP: capture one, read it."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.connection import Request
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.charge import ChargeCaptured, CodeStatus, PriceSource
from contracts.ids import AccountId, ChargeId, EncounterId, PriceListId
from contracts.inbound import CaptureChargeMessage
from contracts.money import Money
from domain.charge import CaptureCharge
from services.api.auth import STATE_PRICES, Caller
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.parameters import ChargePath
from services.api.routes import command, created, query


class CaptureChargeRequest(
    CaptureChargeMessage,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Charge a service to an account. Without a unit price the price list decides."""

    unit_price: Annotated[Amount | None, Meta(description=f"takes the scope {STATE_PRICES}")] = None


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge in the books: its price, its tax and where they came from are final."""

    charge_id: ChargeId
    account_id: AccountId
    facility: str
    code: str
    system: str
    modifiers: tuple[str, ...]
    quantity: int
    service_date: Annotated[date, Meta(description="local date at the facility")]
    booked_on: Annotated[date, Meta(description="the posting date")]
    unit_price: Money
    price_source: PriceSource
    price_list_id: PriceListId | None
    net: Money
    tax: Money
    total: Money
    tax_rate_ppm: Annotated[int, Meta(description="tax rate in parts per million of the net")]
    tax_rule: str | None
    code_status: CodeStatus
    encounter_id: EncounterId | None
    reference: str | None
    version: Annotated[int, Meta(description="version of the charge")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


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
)
async def capture_charge(
    data: JSONBody[CaptureChargeRequest],
    call: NamedDependency[Call],
) -> Response[Charge]:
    """Resolves the price, computes the tax and books receivable against revenue and tax."""
    if data.unit_price is not None:
        call.caller.allow(STATE_PRICES)
    captured = await call.execute(data, _command(data, ChargeId(call.new_id("chg"))))
    charge = _charge(captured)
    return created(f"/v1/charges/{charge.charge_id}", charge, captured)


@query("/charges/{charge_id:str}", summary="Read a charge", codes=("NOT_FOUND",))
async def get_charge(
    request: Request[Caller, Any, Any], ledger: NamedDependency[Ledger], charge_id: ChargePath
) -> Charge:
    """The charge as it stands in the log; what was captured can be read at once."""
    return _charge(await ledger.find(request.user.tenant, charge_id))


def _command(data: CaptureChargeRequest, charge_id: ChargeId) -> CaptureCharge:
    return CaptureCharge(
        charge_id=charge_id,
        account_id=AccountId(data.account_id),
        facility=data.facility,
        code=data.code,
        system=data.system,
        modifiers=data.modifiers,
        quantity=data.quantity,
        service_on=data.service_date,
        currency=data.currency,
        unit_price=data.unit_price.money if data.unit_price else None,
        encounter_id=EncounterId(data.encounter_id) if data.encounter_id else None,
        reference=data.reference,
    )


def _charge(captured: Recorded) -> Charge:
    event: ChargeCaptured = captured.event
    return Charge(
        charge_id=event.charge_id,
        account_id=event.account_id,
        facility=event.facility,
        code=event.code,
        system=event.system,
        modifiers=event.modifiers,
        quantity=event.quantity,
        service_date=event.effective_on,
        booked_on=event.booked_on,
        unit_price=event.unit_price,
        price_source=event.price_source,
        price_list_id=event.price_list_id,
        net=event.net,
        tax=event.tax,
        total=event.total,
        tax_rate_ppm=event.tax_rate_ppm,
        tax_rule=event.tax_rule,
        code_status=event.code_status,
        encounter_id=event.encounter_id,
        reference=event.reference,
        version=captured.version,
        token=captured.token,
    )
