"""Read what arrived: from a NATS message to a typed message of a tenant, or the reason why not."""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog

from contracts import inbound
from contracts.cloudevent import IDENTITY_BYTES_MAX, CloudEvent, NotACloudEvent, from_nats
from contracts.inbound import InboundInvalid, InboundMessage, InboundTypeUnknown
from services.execute.envelope import TENANT

NOBODY: Final = "_nobody"
"""Keeps what came for no tenant, and takes nothing itself: `rejected list --tenant _nobody`."""

TAKEN_OVER: Final = ("correlationid", "traceparent")
DETAIL_LETTERS_MAX: Final = 2_000

_log = structlog.get_logger()


class Arrived(NamedTuple):
    """A message as it came off the stream; `sequence` is its place there, and it was delivered so
    many times, this one included."""

    subject: str
    headers: Mapping[str, str] | None
    payload: bytes
    sequence: int
    delivered: int = 1


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
        if problem := _too_long(event):
            return _unreadable(tenant, event, problem)
        message = inbound.decode(event.type, event.data)
    except (NotACloudEvent, InboundTypeUnknown, InboundInvalid) as invalid:
        return _unreadable(tenant, event, str(invalid.args[0]))
    except Exception as fault:  # the others of its batch are not to blame
        return at_fault(tenant, event, fault)
    return Readable(tenant, event, message, content_hash(event))


def content_hash(event: CloudEvent) -> bytes:
    """SHA-256 over the type, a zero byte and the data: what makes a repeat the same message."""
    return hashlib.sha256(b"\0".join((event.type.encode(), event.data))).digest()


def _too_long(event: CloudEvent) -> str | None:
    """What every event that a message leads to carries on in a header: too long there, and the
    relay could publish none of them."""
    for name in TAKEN_OVER:
        value = event.extensions.get(name)
        if value and len(value.encode()) > IDENTITY_BYTES_MAX:
            return f"{name} too long at ce-{name}; use at most {IDENTITY_BYTES_MAX} bytes"
    return None


def at_fault(tenant: str, event: CloudEvent | None, fault: Exception) -> Unreadable:
    """A message that we failed at, with the cause in the log: it is kept, and repeated once that
    is mended; whatever one message sets off, it must not stop the others."""
    _log.error(
        "message failed", tenant=tenant, message_id=event.id if event else None, exc_info=fault
    )
    detail = f"the message could not be taken: {type(fault).__name__}"
    return Unreadable(tenant, event, "INTERNAL", detail)


def _unreadable(tenant: str, event: CloudEvent | None, detail: str) -> Unreadable:
    # It may quote what was sent, which may be a megabyte.
    return Unreadable(tenant, event, "VALIDATION_FAILED", detail[:DETAIL_LETTERS_MAX])
