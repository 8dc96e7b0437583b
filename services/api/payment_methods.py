"""Payment methods over HTTP: have the gateway keep a card, list what is kept, remove one."""

from typing import Annotated, Final

import msgspec
import structlog
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from contracts.ids import AccountId, PaymentMethodId
from contracts.inbound import Line
from contracts.payment_method import PaymentMethodSaved
from domain.payment_method import RemovePaymentMethod, Saved, SavePaymentMethod
from projections.cursor import CursorInvalid, decode_cursor, encode_cursor
from services.api.calls import Call
from services.api.dependencies import Dependencies
from services.api.ledger import Ledger, Recorded
from services.api.parameters import AccountPath, Cursor, Limit
from services.api.problems import Problem, invalid, unavailable
from services.api.reading import Reading
from services.api.routes import command, created, query
from services.api.saved_cards import find_cards
from services.card_numbers import refuse_card_number
from services.ports import Declined, GatewayMisconfigured, KeyReused, PaymentGateway, SavedMethod

MethodPath = Annotated[
    str,
    PathParameter(pattern="^pmt_[0-7][0-9a-z]{25}$", description="id of the payment method"),
]
_QUERY: Final = "payment_methods"
_log = structlog.get_logger()


class SavePaymentMethodRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Keep a card for later charges."""

    setup: Annotated[
        Line,
        Meta(
            description="the token that the gateway gave the customer's browser; a card number is"
            " refused, whatever is around it"
        ),
    ]

    def __post_init__(self) -> None:
        refuse_card_number(self.setup)


class RemovePaymentMethodRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but the payment method."""


class SavedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card that the gateway keeps; what could be charged by it is never shown."""

    payment_method_id: PaymentMethodId
    brand: Annotated[str, Meta(examples=["visa"])]
    last4: Annotated[str | None, Meta(description="null once the person is forgotten")]
    expires: Annotated[str, Meta(description="YYYY-MM: the last month in which it pays")]


class SavedPaymentMethod(SavedCard, frozen=True, kw_only=True):
    """A card as it was saved."""

    account_id: AccountId
    version: Annotated[int, Meta(description="version of the payment method")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class RemovedPaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A card that is not charged any more; the gateway is told to forget it."""

    payment_method_id: PaymentMethodId
    account_id: AccountId
    version: Annotated[int, Meta(description="version of the payment method")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class SavedCards(msgspec.Struct, frozen=True, kw_only=True):
    """The cards that an account can be charged by."""

    items: tuple[SavedCard, ...]
    cursor: Annotated[str | None, Meta(description="asks for the next page; null on the last")]


@command(
    "/accounts/{account_id:str}/payment-methods",
    SavePaymentMethod,
    summary="Save a payment method",
    codes=("IDEMPOTENCY_KEY_REQUIRED", "NOT_FOUND", "ALREADY_EXISTS"),
    key_required=True,
)
async def save_payment_method(
    data: JSONBody[SavePaymentMethodRequest],
    call: NamedDependency[Call],
    dependencies: NamedDependency[Dependencies],
    account_id: AccountPath,
) -> Response[SavedPaymentMethod]:
    """Has the gateway keep what the customer's browser set up with it, and keeps its name for it.

    Repeat with the same key whenever the outcome is not known: the gateway keeps it once.
    """
    method_id = PaymentMethodId(call.new_id("pmt"))
    await call.ledger.find(call.tenant, account_id)  # before the gateway is asked
    known = await call.ledger.openings(call.tenant, [method_id])
    if method_id in known:  # a repeat: the executor compares what was sent
        wanted = _again(known[method_id])
    else:
        saved = await _kept(dependencies.gateway, account_id, data.setup, method_id)
        wanted = SavePaymentMethod(
            payment_method_id=method_id,
            account_id=AccountId(account_id),
            reference=await call.seal_text(account_id, saved.reference),
            brand=saved.brand,
            last4=await call.seal_text(account_id, saved.last4),
            expires=saved.expires,
        )
    return await _answer(call, await call.execute(data, wanted))


@command(
    "/accounts/{account_id:str}/payment-methods/{payment_method_id:str}/remove",
    RemovePaymentMethod,
    summary="Remove a payment method",
    codes=("NOT_FOUND",),
)
async def remove_payment_method(
    call: NamedDependency[Call], account_id: AccountPath, payment_method_id: MethodPath
) -> Response[RemovedPaymentMethod]:
    """Nothing is charged to it from now on, and the gateway is told to forget it."""
    done = await call.execute(
        RemovePaymentMethodRequest(),
        RemovePaymentMethod(
            payment_method_id=PaymentMethodId(payment_method_id), account_id=AccountId(account_id)
        ),
    )
    removed = RemovedPaymentMethod(
        payment_method_id=done.event.payment_method_id,
        account_id=done.event.account_id,
        version=done.version,
        token=done.token,
    )
    return created(_place(account_id), removed, done)


@query(
    "/accounts/{account_id:str}/payment-methods",
    summary="List payment methods",
    codes=("NOT_FOUND",),
)
async def list_payment_methods(
    dependencies: NamedDependency[Dependencies],
    ledger: NamedDependency[Ledger],
    reading: NamedDependency[Reading],
    account_id: AccountPath,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> SavedCards:
    """The cards that are saved and not removed, as the log has them now, by id."""
    try:
        (after,) = ("",) if cursor is None else decode_cursor(_QUERY, cursor, str)
    except CursorInvalid as error:
        raise invalid("query:cursor", str(error)) from error
    await ledger.find(reading.tenant, account_id)
    found = await find_cards(
        dependencies.writer, reading.tenant, account_id, after=after, limit=limit + 1
    )
    kept = found[:limit]
    numbers = await reading.names(state.last4 for _, state in kept)
    return SavedCards(
        items=tuple(
            _card(method_id, state, last4)
            for (method_id, state), last4 in zip(kept, numbers, strict=True)
        ),
        cursor=encode_cursor(_QUERY, kept[-1][0]) if len(found) > limit else None,
    )


async def _kept(gateway: PaymentGateway, account_id: str, setup: str, key: str) -> SavedMethod:
    """What the gateway keeps; raises Problem."""
    try:
        answer = await gateway.save_method(account_id, setup, key)
    except KeyReused as reused:
        raise Problem(
            "IDEMPOTENCY_KEY_REUSED", "the gateway has seen this key with another setup"
        ) from reused
    except GatewayMisconfigured as fault:
        _log.error("the gateway cannot be asked", error=str(fault))
        raise unavailable("the payment gateway cannot be used: try again later") from fault
    if isinstance(answer, SavedMethod):
        return answer
    if isinstance(answer, Declined):
        raise invalid("$.setup", f"the gateway does not take it ({answer.code}): {answer.message}")
    raise unavailable("the payment gateway does not answer: repeat with the same Idempotency-Key")


def _again(saved: PaymentMethodSaved) -> SavePaymentMethod:
    return SavePaymentMethod(
        payment_method_id=saved.payment_method_id,
        account_id=saved.account_id,
        reference=saved.reference,
        brand=saved.brand,
        last4=saved.last4,
        expires=saved.expires,
    )


def _card(method_id: str, saved: Saved, last4: str | None) -> SavedCard:
    return SavedCard(
        payment_method_id=PaymentMethodId(method_id),
        brand=saved.brand,
        last4=last4,
        expires=saved.expires,
    )


def _place(account_id: str) -> str:
    return f"/v1/accounts/{account_id}/payment-methods"


async def _answer(call: Call, done: Recorded) -> Response[SavedPaymentMethod]:
    event: PaymentMethodSaved = done.event
    answer = SavedPaymentMethod(
        payment_method_id=event.payment_method_id,
        account_id=event.account_id,
        brand=event.brand,
        last4=await call.open(event.last4),
        expires=event.expires,
        version=done.version,
        token=done.token,
    )
    return created(_place(event.account_id), answer, done)
