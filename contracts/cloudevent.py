"""CloudEvents 1.0 (https://github.com/cloudevents/spec) as NATS messages, both directions.

Binary mode follows the NATS protocol binding (1.0.3-wip), structured mode the JSON event format.
An envelope of our own, since the official SDK has no NATS binding and costs ten times as much.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Final, NoReturn
from urllib.parse import quote, unquote_to_bytes

import msgspec
from msgspec import Meta, Raw

from contracts.calendar import check_day

SPEC_VERSION: Final = "1.0"
STRUCTURED_TYPE: Final = "application/cloudevents+json"
# Source and id are one key of the inbox; a Postgres index row holds about 2,700 bytes.
IDENTITY_BYTES_MAX: Final = 1_000

# The type system of CloudEvents excludes control characters, surrogates and noncharacters.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PLAIN: Final = re.compile(r"[!#$&-~]*")  # what the binding sends as it is
_SAFE_IN_HEADER: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

_decode_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_attribute: Final = msgspec.json.Decoder(str | int | bool | None).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_time: Final[Callable[[str], datetime]] = msgspec.json.Decoder(
    Annotated[datetime, Meta(tz=True)]
).decode
_decode_any: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class NotACloudEvent(ValueError):
    """A message that is no CloudEvents 1.0 message: what is wrong, where, and what to send."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(f"{what} at {where}; {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 event; `data` is exactly the bytes that were or will be sent."""

    id: str
    source: str
    type: str
    time: Annotated[datetime, Meta(tz=True)] | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, str] = {}
    data: bytes = b""


def from_nats(headers: Mapping[str, str] | None, payload: bytes) -> CloudEvent:
    """The event of a NATS message in binary or structured mode; raises NotACloudEvent.

    Structured is what says so in `Content-Type`, and a JSON object that came without any `ce-`
    header, as the binding was structured only before NATS had headers.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    for name, value in (headers or {}).items():
        lowered = name.lower()
        if lowered.startswith("ce-"):
            attributes[lowered[3:]] = value
        elif lowered == "content-type":
            content_type = value.strip().lower()
    if not _PLAIN.fullmatch("".join(attributes.values())):
        attributes = {
            name: _from_header(value, f"header ce-{name}") for name, value in attributes.items()
        }
    if content_type.startswith("application/cloudevents"):
        _check_format(content_type)
    elif attributes:
        return _event(attributes, payload, "header ce-")
    return from_structured(payload)


def from_structured(document: bytes) -> CloudEvent:
    """The event of a document of the JSON event format; raises NotACloudEvent."""
    try:
        members = _decode_members(document)
    except _UNREADABLE as error:
        raise NotACloudEvent(
            f"no JSON object ({error})",
            "the payload",
            "send `ce-` headers, or a CloudEvent as JSON with `specversion`",
        ) from error
    content, encoded = members.pop("data", None), members.pop("data_base64", None)
    attributes = _attributes(members)
    if encoded is not None and bytes(encoded) != b"null":
        if content is not None:
            _refuse("both `data` and `data_base64`", "$", "send one of them")
        return _event(attributes, _from_base64(encoded), "$.")
    data = b"" if content is None else _content(content, attributes.get("datacontenttype"))
    return _event(attributes, data, "$.")


def to_nats_binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers and payload of a NATS message in binary mode; the payload is the data as it is."""
    headers = {f"ce-{name}": to_header(value) for name, value in _members(event).items()}
    return headers, event.data


def to_header(value: str) -> str:
    """The value of an attribute as it stands in a header."""
    return value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE_IN_HEADER)


def to_structured(event: CloudEvent) -> bytes:
    """The event as one line of JSON. Data that would not survive embedding is in base64."""
    members: dict[str, str | Raw] = {**_members(event)}
    if event.data and _embeds(event.data, event.datacontenttype):
        members["data"] = Raw(event.data)
    elif event.data:
        members["data_base64"] = base64.b64encode(event.data).decode()
    return _encode(members)


def _event(attributes: dict[str, str], data: bytes, where: str) -> CloudEvent:
    version = attributes.pop("specversion", None)
    if version != SPEC_VERSION:
        found = "no specversion" if version is None else f"specversion {version!r}"
        _refuse(found, f"{where}specversion", f"send CloudEvents {SPEC_VERSION}")
    event = CloudEvent(
        id=_required(attributes, "id", where),
        source=_required(attributes, "source", where),
        type=_required(attributes, "type", where),
        time=_time(attributes.pop("time", None), where),
        subject=attributes.pop("subject", None) or None,
        datacontenttype=attributes.pop("datacontenttype", None) or None,
        dataschema=attributes.pop("dataschema", None) or None,
        extensions=attributes,
        data=data,
    )
    for name in attributes:
        if not (name.isascii() and name.isalnum()) or name == "data":
            _refuse(f"attribute name {name!r}", f"{where}{name}", "use a-z and 0-9 only")
    return event


def _required(attributes: dict[str, str], name: str, where: str) -> str:
    value = attributes.pop(name, None)
    if not value:
        _refuse(f"no {name}", f"{where}{name}", "id, source and type are required")
    # Four bytes a letter at most: only long ones need counting.
    if len(value) * 4 > IDENTITY_BYTES_MAX and len(value.encode()) > IDENTITY_BYTES_MAX:
        _refuse(f"{name} too long", f"{where}{name}", f"use at most {IDENTITY_BYTES_MAX} bytes")
    return value


def _time(text: str | None, where: str) -> datetime | None:
    if not text:
        return None
    try:
        time = _decode_time(f'"{text}"')
    except _UNREADABLE as error:
        remedy = "send RFC 3339 with an offset, such as 2026-03-02T08:30:00Z"
        raise NotACloudEvent(f"no instant {text!r}", f"{where}time", remedy) from error
    try:
        check_day("time", time)
    except ValueError as error:
        remedy = "send when it happened, or leave it out"
        raise NotACloudEvent(str(error), f"{where}time", remedy) from error
    return time


def _members(event: CloudEvent) -> dict[str, str]:
    members = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.source,
        "type": event.type,
    }
    if event.time is not None:
        members["time"] = event.time.isoformat().replace("+00:00", "Z")
    if event.subject is not None:
        members["subject"] = event.subject
    if event.datacontenttype is not None:
        members["datacontenttype"] = event.datacontenttype
    if event.dataschema is not None:
        members["dataschema"] = event.dataschema
    members.update(event.extensions)
    return members


def _check_format(content_type: str) -> None:
    if content_type.partition(";")[0].rstrip() != STRUCTURED_TYPE:
        _refuse(f"event format {content_type!r}", "header Content-Type", f"use {STRUCTURED_TYPE}")


def _from_header(value: str, where: str) -> str:
    # The order is the binding's: quoted string first, then a single round of percent-decoding.
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return _checked(unquote_to_bytes(value).decode(), where)
    except UnicodeError as error:
        raise NotACloudEvent("invalid UTF-8", where, "percent-encode UTF-8") from error


def _checked(value: str, where: str) -> str:
    if _FORBIDDEN.search(value):
        _refuse("a control character, surrogate or noncharacter", where, "leave it out")
    return value


def _attributes(members: dict[str, Raw]) -> dict[str, str]:
    attributes = {}
    for name, raw in members.items():
        where = f"$.{name}"
        try:
            value = _decode_attribute(raw)
        except _UNREADABLE as error:
            remedy = "an attribute is a string, an integer or a boolean"
            raise NotACloudEvent(f"unreadable value ({error})", where, remedy) from error
        if isinstance(value, str):
            attributes[name] = _checked(value, where)
        elif value is not None:  # null is the same as unset
            attributes[name] = str(value).lower()
    return attributes


def _content(raw: Raw, content_type: str | None) -> bytes:
    if not _is_json(content_type) and bytes(raw).startswith(b'"'):
        try:
            return _decode_text(raw).encode()
        except _UNREADABLE as error:
            raise NotACloudEvent(f"unreadable text ({error})", "$.data", "send UTF-8") from error
    return bytes(raw)


def _from_base64(raw: Raw) -> bytes:
    try:
        return base64.b64decode(_decode_text(raw), validate=True)
    except (*_UNREADABLE, binascii.Error) as error:
        raise NotACloudEvent(f"no base64 ({error})", "$.data_base64", "encode again") from error


def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def _embeds(data: bytes, content_type: str | None) -> bool:
    # Payloads are hashed, so embedding must give back the same bytes, and one event is one line.
    if not _is_json(content_type) or b"\n" in data or b"\r" in data or data != data.strip():
        return False
    try:
        _decode_any(data)
    except _UNREADABLE:
        return False
    return True


def _refuse(what: str, where: str, remedy: str) -> NoReturn:
    raise NotACloudEvent(what, where, remedy)
