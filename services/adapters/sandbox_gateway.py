"""A payment gateway that moves no money: the embedded default, with test cards that each do one
thing, and the same answer to the same key in every process, also after a restart.
"""

import hashlib
from importlib.resources import files
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from contracts.money import Money
from services.card_numbers import refuse_card_number
from services.ports import (
    Declined,
    KeyReused,
    Refunded,
    RefundRefused,
    SavedMethod,
    Taken,
    Unknown,
)

PAYS: Final = "pm_card_visa"
DECLINED: Final = "pm_card_visa_chargeDeclined"
LACKS_FUNDS: Final = "pm_card_visa_chargeDeclinedInsufficientFunds"
TIMES_OUT: Final = "pm_sandbox_timeout"
REFUND_FAILS: Final = "pm_card_refundFail"

CARDS: Final = {
    PAYS: "pays",
    "pm_card_mastercard": "pays",
    DECLINED: "is declined",
    LACKS_FUNDS: "is declined for insufficient funds",
    TIMES_OUT: "gives no answer at first, though the money is taken: asked again, it says so",
    REFUND_FAILS: "pays, and every refund of it fails for good",
}
"""The test cards, by the token that a customer's browser would have; most are Stripe's as well."""

_DECLINES: Final = {
    DECLINED: Declined(code="generic_decline", message="Your card was declined."),
    LACKS_FUNDS: Declined(code="insufficient_funds", message="Your card has insufficient funds."),
}
_BRANDS: Final = {"pm_card_mastercard": ("mastercard", "4444")}
_SAVED: Final = "sandbox_"
_Answer = Taken | Declined | Refunded | RefundRefused | SavedMethod
_NOTE: Final = (files("services.adapters") / "sql" / "sandbox_note.sql").read_text()
_FIND: Final = "SELECT answer FROM sandbox_gateway WHERE names = $1 AND kind = 'charge'"
_FIND_REFUND: Final = "SELECT answer FROM sandbox_gateway WHERE names = $1 AND kind = 'refund'"
_CHARGE: Final = (
    "SELECT token, amount_minor FROM sandbox_gateway"
    " WHERE reference = $1 AND kind = 'charge' FOR UPDATE"
)
_RETURNED: Final = (
    "SELECT coalesce(sum(amount_minor), 0)::bigint FROM sandbox_gateway"
    " WHERE of_reference = $1 AND key <> $2"
)
_METHOD: Final = (
    "SELECT token FROM sandbox_gateway WHERE reference = $1 AND kind = 'method' AND NOT is_removed"
)
_REMOVE: Final = "UPDATE sandbox_gateway SET is_removed = true WHERE reference = $1"
One = TypeVar("One")
Other = TypeVar("Other")


class SandboxGateway:
    """Answers by the test card; the pool acts as daybook_writer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def charge(
        self, payment_id: str, amount: Money, method: str, key: str
    ) -> Taken | Declined | Unknown:
        """See PaymentGateway."""
        refuse_card_number(method)
        async with self._pool.acquire() as connection, connection.transaction():
            token = await _token(connection, method)
            if token is None:
                answer: _Answer = Declined(code="resource_missing", message=_no_such(method))
            else:
                taken = Taken(reference=_reference("pi", key))
                answer = _DECLINES.get(token, taken)
            noted = await _note(
                connection, "charge", key, payment_id, answer, amount, token=token, asked=method
            )
        if token == TIMES_OUT and noted["times_asked"] == 1:
            return Unknown(reason="no answer within the time (the sandbox's card that times out)")
        return _read(noted, Taken, Declined)

    async def find_charge(self, payment_id: str) -> Taken | Declined | Unknown | None:
        """See PaymentGateway."""
        found = await self._pool.fetchval(_FIND, payment_id)
        return None if found is None else msgspec.json.decode(found, type=Taken | Declined)

    async def refund(
        self, refund_id: str, payment_reference: str, amount: Money, key: str
    ) -> Refunded | RefundRefused | Unknown:
        """See PaymentGateway."""
        async with self._pool.acquire() as connection, connection.transaction():
            charge = await connection.fetchrow(_CHARGE, payment_reference)
            returned = await connection.fetchval(_RETURNED, payment_reference, key)
            answer = _refund(charge, returned, amount, key)
            counts = charge is not None and isinstance(answer, Refunded)
            noted = await _note(
                connection,
                "refund",
                key,
                refund_id,
                answer,
                amount,
                of_reference=payment_reference if counts else None,
                asked=payment_reference,
            )
        return _read(noted, Refunded, RefundRefused)

    async def find_refund(
        self, refund_id: str, payment_reference: str
    ) -> Refunded | RefundRefused | Unknown | None:
        """See PaymentGateway."""
        found = await self._pool.fetchval(_FIND_REFUND, refund_id)
        return None if found is None else msgspec.json.decode(found, type=Refunded | RefundRefused)

    async def save_method(
        self, account_id: str, setup: str, key: str
    ) -> SavedMethod | Declined | Unknown:
        """See PaymentGateway."""
        refuse_card_number(setup)
        brand, last4 = _BRANDS.get(setup, ("visa", "4242"))
        answer: _Answer = SavedMethod(
            reference=_reference("sandbox", key), brand=brand, last4=last4, expires="2099-12"
        )
        if setup not in CARDS:
            answer = Declined(code="resource_missing", message=_no_such(setup))
        async with self._pool.acquire() as connection, connection.transaction():
            noted = await _note(
                connection, "method", key, account_id, answer, None, token=setup, asked=setup
            )
        return _read(noted, SavedMethod, Declined)

    async def remove_method(self, reference: str) -> Unknown | None:
        """See PaymentGateway."""
        await self._pool.execute(_REMOVE, reference)
        return None


async def _token(connection: Any, method: str) -> str | None:
    if method.startswith(_SAVED):
        found: str | None = await connection.fetchval(_METHOD, method)
        return found
    return method if method in CARDS else None


def _refund(charge: Any, returned: int, amount: Money, key: str) -> _Answer:
    if charge is None:
        return RefundRefused(code="resource_missing", message="there is no such payment")
    if charge["token"] == REFUND_FAILS:
        return RefundRefused(code="expired_or_canceled_card", message="the card takes no refund")
    if returned + amount.minor > charge["amount_minor"]:
        return RefundRefused(
            code="charge_already_refunded", message="more than what is left of the payment"
        )
    return Refunded(reference=_reference("re", key))


async def _note(
    connection: Any,
    kind: str,
    key: str,
    names: str,
    answer: _Answer,
    amount: Money | None,
    *,
    asked: str,
    token: str | None = None,
    of_reference: str | None = None,
) -> Any:
    """Note the answer, unless the key has one; returns what holds. Raises KeyReused."""
    money = "" if amount is None else f"{amount.amount} {amount.currency}"
    digest = hashlib.sha256("\0".join((kind, names, asked, money)).encode()).digest()
    noted = await connection.fetchrow(
        _NOTE,
        key,
        kind,
        names,
        digest,
        _reference(kind, key) if isinstance(answer, Declined | RefundRefused) else answer.reference,
        of_reference,
        token,
        None if amount is None else amount.minor,
        msgspec.json.encode(answer).decode(),
    )
    if noted["digest"] != digest:
        raise KeyReused(f"the key {key!r} was used for another {noted['kind']}")
    return noted


def _reference(prefix: str, key: str) -> str:
    return f"{prefix}_{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _no_such(method: str) -> str:
    known = "; ".join(f"{token} {does}" for token, does in CARDS.items())
    return f"No such payment method: {method[:60]!r}. The sandbox has: {known}"


def _read(noted: Any, one: type[One], other: type[Other]) -> One | Other:
    kinds: Any = one | other
    answer: One | Other = msgspec.json.decode(noted["answer"], type=kinds)
    return answer
