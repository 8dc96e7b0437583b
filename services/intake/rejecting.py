"""What could not be taken: kept whole and sealed, announced as an event, never dropped."""

import base64
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from contracts.cloudevent import CloudEvent
from contracts.intake import IntakeRejected
from domain import naming
from domain.intake import RejectIntake
from services.execute.envelope import BusIdentity, Envelope, RejectedMessage
from services.intake.reading import Arrived, Unreadable
from services.sealing import Keys, seal

CONSUMER: Final = "intake-rejections"
_TEXT_MAX: Final = 2_000
_SUBJECT_LETTERS_MAX: Final = 256  # as in `inbound.Id`; a longer one does not fit the key's index
_decode_any: Final = msgspec.json.Decoder().decode


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed content of a rejected message: exactly what arrived."""

    headers: dict[str, str]
    payload_base64: str


class Rejection(NamedTuple):
    """A message that is to be kept, with whose key seals it."""

    arrived: Arrived
    unreadable: Unreadable
    stream: str
    subject_id: str


def rejection_of(arrived: Arrived, unreadable: Unreadable, stream: str) -> Rejection:
    """What is to be kept; sealed under the patient's key where the message names a patient."""
    own = naming.rejection_id(unreadable.tenant, stream, arrived.sequence)
    return Rejection(arrived, unreadable, stream, _patient(arrived, unreadable.event) or own)


def envelope_of(rejection: Rejection, keys: Keys, received_at: datetime) -> Envelope:
    """The command that notes a rejection, with the sealed message beside it."""
    arrived, unreadable = rejection.arrived, rejection.unreadable
    event, tenant = unreadable.event, unreadable.tenant
    kept = Kept(
        headers={
            _encodable(name): _encodable(value) for name, value in (arrived.headers or {}).items()
        },
        payload_base64=base64.b64encode(arrived.payload).decode(),
    )
    content = seal(keys, tenant, rejection.subject_id, msgspec.json.encode(kept).decode())
    rejected = IntakeRejected(
        rejection_id=naming.rejection_id(tenant, rejection.stream, arrived.sequence),
        subject=_clean(arrived.subject),
        source=_clean(event.source) if event else None,
        message_id=_clean(event.id) if event else None,
        message_type=_clean(event.type) if event else None,
        code=unreadable.code,
        detail=_clean(unreadable.detail),
        received_at=received_at,
    )
    return Envelope(
        tenant=tenant,
        command=RejectIntake(rejection=rejected),
        actor="intake",
        correlation_id=rejected.rejection_id,
        identity=BusIdentity(CONSUMER, rejection.stream, str(arrived.sequence)),
        causation_id=rejected.message_id,
        rejected=RejectedMessage(subject_id=content.subject, content=content.sealed),
    )


def restore(content: str) -> Kept:
    """The message as it arrived, from its opened content."""
    return msgspec.json.decode(content, type=Kept)


def _clean(text: str) -> str:
    """Text that Postgres stores and a terminal shows, whatever arrived."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:_TEXT_MAX])
    return printable.encode(errors="replace").decode()


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _patient(arrived: Arrived, event: CloudEvent | None) -> str | None:
    """The patient that a message names, read as well as it can be read."""
    try:
        content: Any = _decode_any(event.data if event else arrived.payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    found = content
    for name in ("data",) if event is None else ():
        found = found.get(name) if isinstance(found, dict) else None
    found = found.get("patient") if isinstance(found, dict) else None
    patient_id = found.get("patient_id") if isinstance(found, dict) else None
    if isinstance(patient_id, str) and 0 < len(patient_id) <= _SUBJECT_LETTERS_MAX:
        return patient_id if _clean(patient_id) == patient_id else None
    return None
