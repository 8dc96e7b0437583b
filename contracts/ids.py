"""TypeIDs (https://github.com/jetify-com/typeid): a short prefix and 128 bits in base32.

What a command makes is named after the command's identity, so a repeated command names the same
stream: the second defence against doing it twice. The 128 bits are then a UUIDv8 (RFC 9562, 5.8).
"""

import hashlib
from typing import NewType
from uuid import UUID

from typeid.codecs import base32

AccountId = NewType("AccountId", str)
ChargeId = NewType("ChargeId", str)
InvoiceId = NewType("InvoiceId", str)
PaymentId = NewType("PaymentId", str)
PaymentMethodId = NewType("PaymentMethodId", str)
CreditAllocationId = NewType("CreditAllocationId", str)
RefundId = NewType("RefundId", str)
AdjustmentId = NewType("AdjustmentId", str)
EncounterId = NewType("EncounterId", str)
RemittanceId = NewType("RemittanceId", str)
PriceListId = NewType("PriceListId", str)
RejectionId = NewType("RejectionId", str)
GlExportId = NewType("GlExportId", str)
RunId = NewType("RunId", str)
"""The event id of its start: the runs as of a day share a stream."""
BillId = NewType("BillId", str)
LineItemId = NewType("LineItemId", str)
PeriodId = NewType("PeriodId", str)
"""The event id of its start: the periods of a customer share a stream."""
WorkflowRunId = NewType("WorkflowRunId", str)
StreamId = NewType("StreamId", str)
EventId = NewType("EventId", str)


def derive(prefix: str, *parts: str) -> str:
    """The TypeID named by these parts: the same parts always give the same id."""
    framed = b""
    for part in parts:
        encoded = part.encode()
        framed += len(encoded).to_bytes(4, "big") + encoded
    named = bytearray(hashlib.sha256(framed).digest()[:16])
    named[6] = named[6] & 0x0F | 0x80  # version 8
    named[8] = named[8] & 0x3F | 0x80  # variant of RFC 9562
    return f"{prefix}_{base32.encode(bytes(named))}"


def from_uuid(prefix: str, uuid: UUID) -> str:
    """The TypeID of a UUID that an edge drew."""
    return f"{prefix}_{base32.encode(uuid.bytes)}"


def event_id(stream_id: str, version: int) -> EventId:
    """An event is named by its stream and its version there; no other name is needed."""
    return EventId(f"{stream_id}-{version}")


def split_event_id(event: str) -> tuple[StreamId, int]:
    """The stream and version of an event id; raises ValueError for what is none."""
    stream, dash, version = event.rpartition("-")
    if not dash or not stream or not version.isdecimal():
        raise ValueError(f"{event!r} is no event id, such as chg_01h455vb4pex5vsknk084sn02q-1")
    return StreamId(stream), int(version)
