"""Read what arrived: from a NATS message to a typed message of a tenant, or the reason why not."""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from contracts import inbound
from contracts.cloudevent import CloudEvent, NotACloudEvent, from_nats
from contracts.inbound import InboundInvalid, InboundMessage, InboundTypeUnknown
from services.execute.envelope import TENANT

NOBODY: Final = "_nobody"
"""Keeps what came for no tenant, and takes nothing itself: `rejected list --tenant _nobody`."""


class Arrived(NamedTuple):
    """A message as it came off the stream; `sequence` is its place there."""

    subject: str
    headers: Mapping[str, str] | None
    payload: bytes
    sequence: int


class Readable(NamedTuple):
    """A message whose type and content are known."""

    tenant: str
    event: CloudEvent
    message: InboundMessage
    payload_hash: bytes


class Unreadable(NamedTuple):
    """A message that cannot be taken, and why: a code of the error table and a sentence."""

    tenant: str
    event: CloudEvent | None
    code: str
    detail: str


def read(arrived: Arrived, prefix_tokens: int) -> Readable | Unreadable:
    """Decode a message of subject `<prefix>intake.<tenant>.<type>`; the prefix may have tokens."""
    tokens = arrived.subject.split(".", prefix_tokens + 2)
    tenant, subject_type = tokens[prefix_tokens + 1], tokens[-1]
    event: CloudEvent | None = None
    if tenant == NOBODY or not TENANT.fullmatch(tenant):
        detail = f"the subject names no tenant, as intake.<tenant>.<type> does, but {tenant!r}"
        return _unreadable(NOBODY, event, detail)
    try:
        event = from_nats(arrived.headers, arrived.payload)
        if event.type != subject_type:
            return _unreadable(
                tenant,
                event,
                f"the subject says {subject_type}, the event {event.type}: publish it on "
                f"intake.{tenant}.{event.type}",
            )
        message = inbound.decode(event.type, event.data)
    except (NotACloudEvent, InboundTypeUnknown, InboundInvalid) as invalid:
        return _unreadable(tenant, event, str(invalid.args[0]))
    return Readable(tenant, event, message, content_hash(event))


def content_hash(event: CloudEvent) -> bytes:
    """SHA-256 over the type, a zero byte and the data: what makes a repeat the same message."""
    return hashlib.sha256(b"\0".join((event.type.encode(), event.data))).digest()


def _unreadable(tenant: str, event: CloudEvent | None, detail: str) -> Unreadable:
    return Unreadable(tenant, event, "VALIDATION_FAILED", detail)
