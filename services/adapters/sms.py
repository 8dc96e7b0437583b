"""Text messages by an HTTP hook: a signed POST to whoever sends them."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.recipients import AddressInvalid, telephone_number
from services.adapters.outbound import Away, Outbound
from services.cannot_run import CannotRun
from services.ports import Delivered, DeliveryMisconfigured, Dispatch, NotDelivered, Undeliverable
from services.settings import Secret

_KEY_LETTERS_MIN: Final = 16
_AGAIN: Final = (408, 409, 425, 429)


class SmsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the POST."""

    delivery_id: str
    tenant: str
    to: str
    language: str
    text: str
    link: str | None


class Sms:
    """See Delivery.

    `Daybook-Signature: t=<unix seconds>,v1=<hex>` is the HMAC-SHA-256 of `<t>.<body>`; a receiver
    refuses what is older than five minutes. `Idempotency-Key` is the delivery's id.
    """

    def __init__(
        self, outbound: Outbound, key: Secret, *, clock: Callable[[], float] = time.time
    ) -> None:
        if len(key) < _KEY_LETTERS_MIN:
            raise CannotRun(
                f"DAYBOOK_SMS_KEY signs what goes to DAYBOOK_SMS_URL: {_KEY_LETTERS_MIN} letters "
                "at least"
            )
        self._outbound = outbound
        self._key = str(key).encode()
        self._clock = clock

    async def deliver(self, dispatch: Dispatch) -> Delivered | Undeliverable | NotDelivered:
        """Hand a text message with its link to the hook."""
        try:
            to = telephone_number(dispatch.to)
        except AddressInvalid as invalid:
            return Undeliverable(code="ADDRESS_INVALID", message=str(invalid))
        message = SmsMessage(
            delivery_id=dispatch.delivery_id,
            tenant=dispatch.tenant,
            to=to,
            language=dispatch.language,
            text=dispatch.text,
            link=dispatch.link,
        )
        body = msgspec.json.encode(message)
        headers = {
            "Daybook-Signature": signature(self._key, int(self._clock()), body),
            "Idempotency-Key": dispatch.delivery_id,
        }
        try:
            answer = await self._outbound.post("", body, "application/json", headers)
        except Away as away:
            return NotDelivered(reason=str(away))
        return _meaning(answer.status, dispatch.delivery_id)


def signature(key: bytes, seconds: int, body: bytes) -> str:
    """The value of Daybook-Signature."""
    mac = hmac.new(key, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


def _meaning(status: int, delivery_id: str) -> Delivered | Undeliverable | NotDelivered:
    if 200 <= status < 300:
        return Delivered(reference=delivery_id)
    if status in (401, 403, 404):
        raise DeliveryMisconfigured(
            f"the SMS hook answers HTTP {status}: check DAYBOOK_SMS_URL and DAYBOOK_SMS_KEY"
        )
    if 400 <= status < 500 and status not in _AGAIN:
        return Undeliverable(code="REFUSED", message=f"the SMS hook answers HTTP {status}")
    return NotDelivered(reason=f"the SMS hook answers HTTP {status}")
