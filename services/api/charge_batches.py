"""Many charges in one request: all or none, or each for itself."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.charge import ChargeCaptured
from contracts.ids import ChargeId, event_id
from domain.charge import CaptureCharge
from services.api.auth import STATE_PRICES
from services.api.calls import Call
from services.api.charge_bodies import (
    CaptureChargeRequest,
    Charge,
    PricedCharge,
    charge_of,
    command_of,
    priced,
)
from services.api.codes import CODES
from services.api.ledger import Recorded
from services.api.parameters import DryRun
from services.api.problems import of_item
from services.api.routes import command, previewed
from services.execute.envelope import Done, Outcome, Refused
from services.execute.preview import Preview

CHARGES_MAX: Final = 1_000
BODY_BYTES_MAX: Final = 4 * 1024 * 1024


class CaptureChargesRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Charge many services, of any accounts. `atomic`: all of them or none."""

    charges: Annotated[tuple[CaptureChargeRequest, ...], Meta(min_length=1, max_length=CHARGES_MAX)]
    atomic: Annotated[
        bool, Meta(description="refuse all when one is refused; otherwise each stands for itself")
    ] = False


class ItemProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why one item was refused, as a request of its own would be."""

    status: Annotated[int, Meta(description="the HTTP status of a single command")]
    code: Annotated[str, Meta(description="stable code", examples=["PRICE_NOT_FOUND"])]
    title: str
    detail: str


class ChargeItem(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: its charge, or why it was refused."""

    charge: Charge | None
    problem: ItemProblem | None


class ChargeBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each item, in the order of the request."""

    captured: Annotated[int, Meta(description="how many items were captured")]
    refused: Annotated[int, Meta(description="how many items were refused")]
    items: tuple[ChargeItem, ...]
    token: Annotated[
        str | None, Meta(description="for `after=`, of the last that was captured; null: none was")
    ]


class PricedItem(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one item."""

    charge: PricedCharge | None
    problem: ItemProblem | None


class PricedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of each item, in the order of the request; nothing was written."""

    captured: int
    refused: int
    items: tuple[PricedItem, ...]


@command(
    "/charges:batch",
    CaptureCharge,
    summary="Capture many charges",
    codes=(
        "IDEMPOTENCY_KEY_REQUIRED",
        "NOT_FOUND",
        "CODE_INVALID",
        "CODE_UNVERIFIED",
        "PRICE_NOT_FOUND",
        "CURRENCY_UNSUPPORTED",
        "STATE_CONFLICT",
        "ALREADY_EXISTS",
    ),
    key_required=True,
    of_account=False,
    body_bytes_max=BODY_BYTES_MAX,
    preview=PricedBatch,
)
async def capture_charges(
    data: JSONBody[CaptureChargesRequest], call: NamedDependency[Call], dry_run: DryRun = False
) -> Response[ChargeBatch]:
    """Up to 1,000 charges in one transaction, 4 MiB at most.

    With `atomic` one refusal refuses all; the problem's `errors` name the item. Otherwise 201 says
    what became of each. Accounts' ETags are not taken here. With `dry_run=true` it answers 200 with
    what would become of each, and writes nothing.
    """
    if any(charge.unit_price is not None for charge in data.charges):
        call.caller.allow(STATE_PRICES)
    if dry_run:
        return previewed(await _preview(data, call))
    commands = [
        command_of(charge, ChargeId(call.new_id("chg", str(index))))
        for index, charge in enumerate(data.charges)
    ]
    done = await call.execute_group(data, commands, atomic=data.atomic, path=_path)
    batch = await _batch(call, done)
    headers = {"Idempotency-Replayed": "true"} if done.replayed else {}
    return Response(batch, status_code=201, headers=headers)


def _path(index: int) -> str:
    return f"$.charges[{index}]"


async def _batch(call: Call, done: Done) -> ChargeBatch:
    captured = [item.stream_id for item in done.items if isinstance(item, Done)]
    events = await call.ledger.openings(call.tenant, captured)
    return ChargeBatch(
        captured=len(captured),
        refused=len(done.items) - len(captured),
        items=tuple(_item(item, events) for item in done.items),
        token=done.token or None,
    )


def _item(outcome: Outcome, events: dict[str, ChargeCaptured]) -> ChargeItem:
    if isinstance(outcome, Refused):
        return ChargeItem(charge=None, problem=_problem(outcome))
    event = events[outcome.stream_id]
    token = event_id(outcome.stream_id, outcome.version)
    return ChargeItem(charge=charge_of(Recorded(event, outcome.version, token)), problem=None)


def _problem(refused: Refused) -> ItemProblem:
    code = CODES[refused.code]
    return ItemProblem(
        status=code.status, code=refused.code, title=code.title, detail=refused.detail
    )


async def _preview(data: CaptureChargesRequest, call: Call) -> PricedBatch:
    commands = [command_of(charge, ChargeId(call.fresh_id("chg"))) for charge in data.charges]
    found = await call.preview_all(commands)
    refused = [(index, each) for index, each in enumerate(found) if isinstance(each, Refused)]
    if refused and data.atomic:
        index, first = refused[0]
        raise of_item(first, _path(index))
    items = _priced(found)
    return PricedBatch(captured=len(items) - len(refused), refused=len(refused), items=items)


def _priced(found: Sequence[Preview]) -> tuple[PricedItem, ...]:
    return tuple(
        PricedItem(charge=None, problem=_problem(each))
        if isinstance(each, Refused)
        else PricedItem(charge=priced(_captured(each)), problem=None)
        for each in found
    )


def _captured(events: Sequence[object]) -> ChargeCaptured:
    (event,) = events
    assert isinstance(event, ChargeCaptured), "a new charge is captured"
    return event
