"""What Daybook asks of other systems: each port has a real adapter and an embedded default."""

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import msgspec

from contracts.money import Money
from services.fhir.showing import Shown
from services.objects import ObjectFound, ObjectOpened

# --- codes ---


class Coded(NamedTuple):
    """A code of a tenant's charge on the day of the service; also a modifier (see codes.py)."""

    tenant: str
    system: str
    code: str
    on: date


class Verdict(StrEnum):
    """What is known of a code: `unverified` means that whoever knows could not be asked."""

    VALID = "valid"
    INVALID = "invalid"
    UNVERIFIED = "unverified"


class Finding(NamedTuple):
    """A verdict and, unless the code is valid, why: a sentence for whoever sent it."""

    verdict: Verdict
    detail: str = ""


class CodeValidator(Protocol):
    """Knows code systems."""

    async def check(self, codes: Collection[Coded]) -> Mapping[Coded, Finding]:
        """What is known of these; one whose system is not known here is absent. Never raises
        because another system is away: what depends on it is unverified."""


# --- licences ---


class LicencesAway(Exception):
    """Whoever knows what is licensed does not answer; the text says why."""


class LicenceClient(Protocol):
    """Knows which modules are licensed."""

    async def modules(self, tenant: str) -> frozenset[str]:
        """The active modules of a tenant; raises LicencesAway."""


# --- payments ---


class Taken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """The money is the gateway's to pay out; `reference` is its name for the payment."""

    reference: str


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag="declined"):
    """No money was taken and none will be under this key."""

    code: str
    message: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag="unknown"):
    """Nobody can say yet: ask again with the same key, and never with another one."""

    reason: str


class Refunded(msgspec.Struct, frozen=True, kw_only=True, tag="refunded"):
    """The money goes back."""

    reference: str


class RefundRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refund_refused"):
    """It does not go back this way, for good."""

    code: str
    message: str


class SavedMethod(msgspec.Struct, frozen=True, kw_only=True, tag="saved"):
    """A payment method at the gateway; nothing here could pay anywhere else."""

    reference: str
    brand: str
    last4: str
    expires: str
    """YYYY-MM, the last month in which it pays."""


class GatewayMisconfigured(Exception):
    """The gateway does not know us or not this way of asking: an operator mends that."""


class KeyReused(Exception):
    """The gateway has seen this key with other content: a fault of ours, nothing is concluded."""


class PaymentGateway(Protocol):
    """Takes money from cards and gives it back; every call may be repeated under its key.

    A key names one payment, refund or saved method for ever. All raise GatewayMisconfigured,
    KeyReused and CardNumberRefused.
    """

    async def charge(
        self, payment_id: str, amount: Money, method: str, key: str
    ) -> Taken | Declined | Unknown:
        """Take money by a method's reference, once per key."""

    async def find_charge(self, payment_id: str) -> Taken | Declined | Unknown | None:
        """What became of a payment; None when the gateway has none of that id.

        For a charge that stayed unknown: a gateway keeps keys for a day only, so whoever asks
        again after hours looks here first.
        """

    async def refund(
        self, refund_id: str, payment_reference: str, amount: Money, key: str
    ) -> Refunded | RefundRefused | Unknown:
        """Give back a part or all of a payment, once per key."""

    async def find_refund(
        self, refund_id: str, payment_reference: str
    ) -> Refunded | RefundRefused | Unknown | None:
        """What became of a refund, however long ago; None when the gateway has none of that id."""

    async def save_method(
        self, account_id: str, setup: str, key: str
    ) -> SavedMethod | Declined | Unknown:
        """Keep what the customer's browser set up with the gateway, for later charges."""

    async def remove_method(self, reference: str) -> Unknown | None:
        """Forget a saved method; one that is gone is gone."""


# --- delivery ---


class Channel(StrEnum):
    """How somebody is reached."""

    EMAIL = "email"
    SMS = "sms"
    PRINT = "print"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A document that goes along."""

    name: str
    media_type: str
    content: bytes


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one person; `delivery_id` names it, so that a repeat is recognised.

    `to` is what the channel needs: an e-mail address, a telephone number, nothing for paper.
    """

    delivery_id: str
    tenant: str
    to: str = ""
    name: str = ""
    language: str = "en"
    subject: str
    text: str
    link: str | None = None
    attachment: Attachment | None = None


class Delivered(msgspec.Struct, frozen=True, kw_only=True, tag="delivered"):
    """Somebody else has it now; `reference` finds it there."""

    reference: str


class Undeliverable(msgspec.Struct, frozen=True, kw_only=True, tag="undeliverable"):
    """It will not arrive this way, however often it is tried."""

    code: str
    message: str


class NotDelivered(msgspec.Struct, frozen=True, kw_only=True, tag="not_delivered"):
    """Nobody took it over, as far as we know: try again later, under the same delivery id."""

    reason: str


class DeliveryMisconfigured(Exception):
    """The channel cannot be used as it is set up; the text says what to mend."""


class Delivery(Protocol):
    """A channel to people; whoever calls repeats."""

    async def deliver(self, dispatch: Dispatch) -> Delivered | Undeliverable | NotDelivered:
        """Hand it over; raises DeliveryMisconfigured."""


# --- objects ---


class ObjectStore(Protocol):
    """Keeps files by key; keys are `services.objects.object_key`, which begin with the tenant.

    Raises ObjectStoreUnreachable and ObjectStoreDenied, and ValueError for what is no key.
    """

    @property
    def address(self) -> str:
        """Where it is, for people: no secret is in it."""

    async def put(self, key: str, content: bytes | AsyncIterable[bytes]) -> None:
        """Keep an object, in place of one that is there; nobody ever sees half of it.

        What is streamed takes bounded memory; what ends in an error leaves what was there.
        """

    async def open(self, key: str) -> ObjectOpened:
        """Read an object in chunks, which must be read or closed; raises ObjectNotFound."""

    async def head(self, key: str) -> ObjectFound | None:
        """The object's size, or None when there is none."""

    def below(self, prefix: str) -> AsyncIterator[ObjectFound]:
        """The objects below a folder of keys, in the order of their keys."""

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""


# --- FHIR ---


class FhirAway(Exception):
    """The FHIR server does not answer, or does not know us: try again later. Nothing is known of
    what it did meanwhile; `status` is that of HTTP where it said so."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class FhirRefused(Exception):
    """The FHIR server will not do it, however often it is asked; `status` is that of HTTP."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class FhirClient(Protocol):
    """Reads and writes resources of a FHIR R4 server, for one tenant or one organisation of it.

    Raises FhirAway while the server does not answer, and FhirRefused for what it will not do.
    """

    async def read(self, type_: str, id_: str) -> dict[str, Any] | None:
        """A resource, or None where there is none."""

    async def search(self, type_: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Every resource that is found, all pages of them."""

    async def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource as it was made, with the id that the server gave it."""

    async def upsert(
        self, resource: dict[str, Any], identifier: str | None = None
    ) -> dict[str, Any]:
        """Make or replace it: the one of its id, or of an identifier, as `system|value`."""

    async def patch(self, type_: str, id_: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """Change a resource by a JSON Patch (RFC 6902); the resource as it is then."""


FhirOf = Callable[[str, str | None], FhirClient]
"""The client of a tenant, below one of its organisations where that is named."""


class NotKept(NamedTuple):
    """A resource that the FHIR server refuses, with its HTTP status and its reason."""

    shown: Shown
    status: int
    detail: str


class FhirGateway(Protocol):
    """Keeps what our events look like on a FHIR server, one resource for each of our ids."""

    async def keep(self, tenant: str, shown: Sequence[Shown]) -> list[NotKept]:
        """Make or replace these, unless what is there shows the log further on; those that are
        refused for good. May be repeated. Raises FhirAway."""
