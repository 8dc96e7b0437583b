"""An event as a message: a binary CloudEvent whose header block is built by hand.

A dict of headers, checked and encoded one by one, would cost three times as much as the rest.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import asyncpg
import msgspec

from contracts.bus import CONTENT_TYPE, SEQUENCE_DIGITS, schema_of, source_of, subject_of
from contracts.cloudevent import SPEC_VERSION, to_header
from contracts.event import Metadata
from contracts.ids import event_id
from relay.jetstream import StreamSettings

# Those of a batch, and room for the digits of its numbers.
BATCH_HEADERS_BYTES_MAX: Final = 200
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


def _unchanged(value: str) -> str:
    return value


class NoMessage(Exception):
    """An event that cannot be a message: `code` says in a word why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Message(NamedTuple):
    """What goes out: the header lines, each with its line end, and the stored body as it is."""

    position: int
    id: str
    subject: str
    headers: str
    body: bytes

    def under_another_id(self) -> "Message":
        """The same message with an id for JetStream that nothing else has."""
        position, id_, subject, headers, body = self
        named = f"Nats-Msg-Id: {to_header(id_)}"
        return Message(position, id_, subject, headers.replace(named, f"{named}@{position}"), body)

    @property
    def size(self) -> int:
        """Bytes that count against the server's `max_payload`, but for the batch's headers."""
        return len(self.headers) + len(self.body)


class Messages:
    """Makes messages for the streams of some settings."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._same = lru_cache(maxsize=4_096)(self._same_headers)
        self._subject = lru_cache(maxsize=65_536)(self._subject_of)

    def until_obstacle(
        self, rows: Sequence[asyncpg.Record], size_max: int
    ) -> tuple[list[Message], NoMessage | None]:
        """The messages of these rows up to the first that cannot be one, and why it cannot."""
        messages: list[Message] = []
        for row in rows:
            try:
                messages.append(self.message(row, size_max))
            except NoMessage as obstacle:
                return messages, obstacle
        return messages, None

    def message(self, row: asyncpg.Record, size_max: int) -> Message:
        """The message of a row of sql/read.sql; raises NoMessage, also when it is too large."""
        position, tenant, partition, partition_position, stream_id, version = row[:6]
        type_, partition_key, recorded_at, body, metadata = row[7:]
        try:
            cause = _decode_metadata(metadata)
        except msgspec.DecodeError as error:
            raise NoMessage("metadata", f"unreadable metadata: {error}") from error
        named, causation = event_id(stream_id, version), cause.causation_id
        correlation, trace = cause.correlation_id, cause.traceparent
        # One look at all of them: what needs encoding is rare, and looking is not for nothing.
        texts = f"{stream_id}{partition_key}{correlation}{causation}{trace}"
        written = _unchanged if to_header(texts) is texts else to_header
        optional = "" if causation is None else f"ce-causationid: {written(causation)}\r\n"
        if trace is not None:
            optional += f"ce-traceparent: {written(trace)}\r\n"
        headers = (
            f"{self._same(tenant, type_)}"
            f"ce-id: {written(named)}\r\n"
            f"ce-time: {recorded_at.isoformat()[:-6]}Z\r\n"
            f"ce-subject: {written(stream_id)}\r\n"
            f"ce-sequence: {position:0{SEQUENCE_DIGITS}}\r\n"
            f"ce-partitionsequence: {partition_position}\r\n"
            f"ce-streamversion: {version}\r\n"
            f"ce-partitionkey: {written(partition_key)}\r\n"
            f"ce-correlationid: {written(correlation)}\r\n"
            f"{optional}"
            f"Nats-Msg-Id: {written(named)}\r\n"
        )
        size = len(headers) + len(body) + BATCH_HEADERS_BYTES_MAX
        if size > size_max:
            raise NoMessage("max_payload", f"{size} bytes, the server takes {size_max}")
        return Message(position, named, self._subject(tenant, partition, type_), headers, body)

    def _same_headers(self, tenant: str, type_: str) -> str:
        return (
            f"ce-specversion: {SPEC_VERSION}\r\n"
            f"ce-type: {to_header(type_)}\r\n"
            f"ce-source: {to_header(source_of(tenant))}\r\n"
            f"ce-datacontenttype: {CONTENT_TYPE}\r\n"
            f"ce-dataschema: {to_header(schema_of(type_))}\r\n"
        )

    def _subject_of(self, tenant: str, partition: int, type_: str) -> str:
        for token in (tenant, *type_.split(".")):
            if _TOKEN.fullmatch(token) is None:
                raise NoMessage("subject", f"{token!r} cannot stand in a subject")
        return self._settings.subject(subject_of(tenant, partition, type_))


def traceparent_of(row: asyncpg.Record) -> str | None:
    """The trace context of the command that decided an event of sql/read.sql."""
    return _decode_metadata(row["metadata"]).traceparent
