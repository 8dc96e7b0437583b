"""The AsyncAPI 3 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0): which
messages Daybook takes and sends, on which subjects, with which headers."""

from typing import Any, Final, NamedTuple

from contracts import bus
from contracts.calendar import DATE_SCHEMA
from contracts.catalogue import CATALOGUE, subject_parts
from contracts.inbound import INBOUND
from contracts.schema import schemas_of

_BINDINGS: Final = {"nats": {"bindingVersion": "0.1.0"}}
_DESCRIPTION: Final = (
    "An event-sourced billing ledger. It takes CloudEvents 1.0 over NATS, in binary or structured"
    " mode, and sends every event of its log in binary mode: exactly once in the stream, in order"
    " per account. Headers are described for binary mode; in structured mode they are members of"
    " the document."
)
_PARAMETERS: Final = {
    "tenant": {"description": "1 to 63 of a-z, 0-9, _ and -.", "examples": ["demo"]},
    "partition": {
        "description": f"0 to {bus.PARTITIONS - 1}, by the account: the first four bytes of the"
        " SHA-256 of ce-partitionkey, an unsigned big-endian integer, modulo the number of"
        " partitions.",
        "examples": ["7"],
    },
}

_TEXT: Final = {"type": "string"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_COUNT: Final = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_COMMON: Final = {
    "ce-specversion": {"const": "1.0"},
    "ce-type": _TEXT,
    "ce-traceparent": _TEXT | {"description": "W3C trace context."},
}
_TAKEN_HEADERS: Final = {
    "type": "object",
    "required": ["ce-specversion", "ce-id", "ce-source", "ce-type"],
    "properties": _COMMON
    | {
        "ce-id": _TEXT | {"description": "With ce-source the identity of the message, for ever."},
        "ce-source": _TEXT | {"description": "The sending system, a URI reference."},
        "ce-time": _INSTANT | DATE_SCHEMA,
        "ce-datacontenttype": _TEXT | {"description": "JSON, or absent."},
        "ce-subject": _TEXT,
    },
}
_SENT_HEADERS: Final = {
    "type": "object",
    "required": [
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-subject",
        "ce-datacontenttype",
        "ce-dataschema",
        "ce-sequence",
        "ce-partitionsequence",
        "ce-streamversion",
        "ce-partitionkey",
        "ce-correlationid",
        "Nats-Msg-Id",
    ],
    "properties": _COMMON
    | {
        "ce-id": _TEXT | {"description": "<ce-subject>-<ce-streamversion>"},
        "ce-source": _TEXT | {"examples": [bus.source_of("demo")]},
        "ce-time": _INSTANT | {"description": "When it was recorded."},
        "ce-subject": _TEXT | {"description": "The stream, such as a charge or an invoice."},
        "ce-datacontenttype": {"const": bus.CONTENT_TYPE},
        "ce-dataschema": _TEXT | {"format": "uri"},
        "ce-sequence": {
            "type": "string",
            "pattern": f"^[0-9]{{{bus.SEQUENCE_DIGITS}}}$",
            "description": "Position in the log, dense from 1; the sequence in the stream as well.",
        },
        "ce-partitionsequence": _COUNT | {"description": "Dense within the partition."},
        "ce-streamversion": _COUNT | {"description": "Dense within ce-subject."},
        "ce-partitionkey": _TEXT | {"description": "The account, or else ce-subject."},
        "ce-correlationid": _TEXT | {"description": "The same for all that one cause set off."},
        "ce-causationid": _TEXT | {"description": "The event or message that led to it."},
        "Nats-Msg-Id": _TEXT | {"description": "The same as ce-id."},
    },
}


_CHECKPOINT: Final = "daybook.checkpoint"
_CHECKPOINT_TITLE: Final = "The root over the first events of the log, signed."
_CHECKPOINT_REF: Final = {"$ref": f"#/components/messages/{_CHECKPOINT}"}
_CHECKPOINT_CHANNEL: Final = {
    "address": bus.CHECKPOINTS_SUBJECT,
    "messages": {_CHECKPOINT: _CHECKPOINT_REF},
    "x-jetstream-stream": bus.CHECKPOINTS_STREAM,
}
_CHECKPOINT_OPERATION: Final = {
    "action": "send",
    "channel": {"$ref": f"#/channels/{_CHECKPOINT}"},
    "summary": _CHECKPOINT_TITLE,
    "messages": [{"$ref": f"#/channels/{_CHECKPOINT}/messages/{_CHECKPOINT}"}],
    "bindings": _BINDINGS,
}
_CHECKPOINT_MESSAGE: Final = {
    "name": _CHECKPOINT,
    "title": _CHECKPOINT,
    "summary": _CHECKPOINT_TITLE,
    "contentType": "text/plain; charset=utf-8",
    "headers": {
        "type": "object",
        "properties": {"Nats-Msg-Id": _TEXT | {"description": "<log id>/<size>"}},
    },
    "payload": _TEXT | {"description": "A note: https://c2sp.org/tlog-checkpoint"},
}


class _Message(NamedTuple):
    """One message type as the document shows it, in either direction."""

    wire_type: str
    action: str
    stream: str
    address: str
    title: str
    headers: dict[str, Any]
    payload: str
    retired: bool = False


def asyncapi() -> dict[str, Any]:
    """The whole document, complete in itself: all its references lead to places inside it."""
    messages, schemas = _messages()
    channels = {message.wire_type: _channel(message) for message in messages}
    operations = {
        f"{message.action}.{message.wire_type}": _operation(message) for message in messages
    }
    components = {message.wire_type: _component(message) for message in messages}
    headers = {"TakenHeaders": _TAKEN_HEADERS, "SentHeaders": _SENT_HEADERS}
    return {
        "asyncapi": "3.0.0",
        # Message types carry their versions; the document as a whole needs none that moves.
        "info": {"title": "Daybook", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": bus.CONTENT_TYPE,
        "channels": channels | {_CHECKPOINT: _CHECKPOINT_CHANNEL},
        "operations": operations | {f"send.{_CHECKPOINT}": _CHECKPOINT_OPERATION},
        "components": {
            "messages": components | {_CHECKPOINT: _CHECKPOINT_MESSAGE},
            "schemas": headers | schemas,
        },
    }


def _messages() -> tuple[list[_Message], dict[str, Any]]:
    taken_payloads, taken_schemas = schemas_of(
        [message.shape for message in INBOUND],
        "#/components/schemas/intake.{name}",
        open_enums=False,
    )
    sent_payloads, sent_schemas = schemas_of(
        [entry.shape for entry in CATALOGUE], "#/components/schemas/{name}", open_enums=True
    )
    taken = [
        _Message(
            message.wire_type,
            action="receive",
            stream=bus.INTAKE_STREAM,
            address=f"intake.{{tenant}}.{message.wire_type}",
            title=message.description,
            headers=_headers("TakenHeaders", {"ce-type": {"const": message.wire_type}}),
            payload=payload,
        )
        for message, payload in zip(INBOUND, taken_payloads, strict=True)
    ]
    return taken + _sent(sent_payloads), taken_schemas | sent_schemas


def _sent(payloads: list[str]) -> list[_Message]:
    return [
        _Message(
            entry.wire_type,
            action="send",
            stream=bus.EVENTS_STREAM,
            address=".".join(
                ("billing", "{tenant}", "{partition}", *subject_parts(entry.wire_type))
            ),
            title=(entry.shape.__doc__ or entry.name).partition("\n")[0],
            headers=_headers(
                "SentHeaders",
                {
                    "ce-type": {"const": entry.wire_type},
                    "ce-dataschema": {"const": bus.schema_of(entry.wire_type)},
                },
            ),
            payload=payload,
            retired=entry.upcast is not None,
        )
        for entry, payload in zip(CATALOGUE, payloads, strict=True)
    ]


def _headers(name: str, constants: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}, {"properties": constants}]}


def _channel(message: _Message) -> dict[str, Any]:
    return {
        "address": message.address,
        "messages": {message.wire_type: {"$ref": f"#/components/messages/{message.wire_type}"}},
        "parameters": {
            name: parameter
            for name, parameter in _PARAMETERS.items()
            if f"{{{name}}}" in message.address
        },
        "x-jetstream-stream": message.stream,
    }


def _operation(message: _Message) -> dict[str, Any]:
    channel = f"#/channels/{message.wire_type}"
    return {
        "action": message.action,
        "channel": {"$ref": channel},
        "summary": message.title,
        "messages": [{"$ref": f"{channel}/messages/{message.wire_type}"}],
        "bindings": _BINDINGS,
    }


def _component(message: _Message) -> dict[str, Any]:
    return {
        "name": message.wire_type,
        "title": message.wire_type,
        "summary": message.title,
        "contentType": bus.CONTENT_TYPE,
        "headers": message.headers,
        "payload": {"$ref": message.payload},
    } | ({"x-retired": True} if message.retired else {})
