"""Our events as the `eventsourcing` library has them: `Recorded` in code, `StoredEvent` in rows.

The topic is the wire type, never a class path; bodies go through contracts.catalogue and nothing
else, so that what the library reads is what was hashed and published.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Cipher,
    Compressor,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
    Transcoder,
)
from msgspec import Meta

from contracts import catalogue
from contracts.event import Event, Metadata
from contracts.ids import EventId, StreamId, event_id

_encode: Final = msgspec.json.Encoder().encode
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place and its circumstances; the library's DomainEventProtocol."""

    originator_id: str
    """`<tenant>/<stream id>`: stream ids are unique within a tenant only."""
    originator_version: int
    timestamp: datetime
    metadata: Metadata
    body: Event

    @property
    def tenant(self) -> str:
        """Whose event it is."""
        return split_originator_id(self.originator_id)[0]

    @property
    def stream_id(self) -> StreamId:
        """The stream within the tenant."""
        return split_originator_id(self.originator_id)[1]

    @property
    def event_id(self) -> EventId:
        """The name of the event on the bus and in the ledger."""
        return event_id(self.stream_id, self.originator_version)


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a StoredEvent: what a row of `events` has beside its name, type and version."""

    recorded_at: Annotated[datetime, Meta(tz=True)]
    metadata: msgspec.Raw
    body: msgspec.Raw


_decode_state: Final = msgspec.json.Decoder(_State).decode


class CatalogueMapper(Mapper[str]):
    """Maps `Recorded` to `StoredEvent` and back; retired versions come back as current ones."""

    def __init__(
        self,
        transcoder: Transcoder | None = None,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        """Takes what the library's factory passes (MAPPER_TOPIC); its transcoder is not needed."""
        if compressor or cipher:
            raise ValueError("bodies are stored as they are published: no compressor, no cipher")

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The row of a `Recorded`; raises TypeError for any other event of the library."""
        if not isinstance(domain_event, Recorded):
            raise TypeError(f"{type(domain_event).__qualname__} is no Recorded event")
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=catalogue.wire_type(type(domain_event.body)),
            state=frame(
                domain_event.timestamp,
                _encode(domain_event.metadata),
                catalogue.encode(domain_event.body),
            ),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        """The `Recorded` of a row; raises MapperDeserialisationError."""
        try:
            state = _decode_state(stored_event.state)
            return Recorded(
                originator_id=str(stored_event.originator_id),
                originator_version=stored_event.originator_version,
                timestamp=state.recorded_at,
                metadata=_decode_metadata(state.metadata),
                body=catalogue.decode(stored_event.topic, bytes(state.body)),
            )
        except (catalogue.UnknownEventType, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MapperDeserialisationError(
                f"{stored_event.topic} {stored_event.originator_id}"
                f"-{stored_event.originator_version}: {error}"
            ) from error


def frame(recorded_at: datetime, metadata: bytes, body: bytes) -> bytes:
    """The state of a StoredEvent; body and metadata, which are JSON, go in byte for byte."""
    state = _State(recorded_at=recorded_at, metadata=msgspec.Raw(metadata), body=msgspec.Raw(body))
    return _encode(state)


def originator_id(tenant: str, stream_id: str) -> str:
    """The library's name of a stream."""
    return f"{tenant}/{stream_id}"


def split_originator_id(originator: Any) -> tuple[str, StreamId]:
    """Tenant and stream of the library's name of a stream; raises ValueError for what is none."""
    tenant, slash, stream_id = str(originator).partition("/")
    if not (tenant and slash and stream_id):
        raise ValueError(f"{originator!r} is no <tenant>/<stream id>")
    return tenant, StreamId(stream_id)
