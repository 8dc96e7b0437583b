"""Temporal payloads by msgspec: the structs of `messages`, as the JSON they are elsewhere too.

Temporal's own converter knows neither structs nor dates.
"""

import dataclasses
from typing import Any, Final

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)


class MsgspecPayloadConverter(EncodingPayloadConverter):
    """Encodes and decodes by msgspec; raises msgspec.ValidationError for a body of another type."""

    @property
    def encoding(self) -> str:
        """The name that tells which converter reads a payload."""
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        """A value as a payload."""
        return Payload(
            metadata={"encoding": self.encoding.encode()}, data=msgspec.json.encode(value)
        )

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value of a payload."""
        return msgspec.json.decode(payload.data, type=Any if type_hint is None else type_hint)


class PayloadConverter(CompositePayloadConverter):
    """The default converters, with msgspec in the place of the JSON one."""

    def __init__(self) -> None:
        msgspec_converter = MsgspecPayloadConverter()
        super().__init__(
            *(
                msgspec_converter if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


PLAIN: Final = dataclasses.replace(
    DataConverter.default,
    payload_converter_class=PayloadConverter,
    # Messages and stack traces of failures are payloads too, so that the codec reaches them.
    failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
)


def sealed_by(codec: PayloadCodec) -> DataConverter:
    """The converter whose payloads a codec seals."""
    return dataclasses.replace(PLAIN, payload_codec=codec)
