"""How events stand on the bus: streams, subjects, partitions, and what CloudEvents headers say."""

import hashlib
from typing import Final

from contracts.catalogue import subject_parts

EVENTS_STREAM: Final = "BILLING_EVENTS"
EVENTS_SUBJECTS: Final = "billing.>"
INTAKE_STREAM: Final = "BILLING_INTAKE"
INTAKE_SUBJECTS: Final = "intake.>"
CHECKPOINTS_STREAM: Final = "BILLING_CHECKPOINTS"
CHECKPOINTS_SUBJECT: Final = "daybook.checkpoints"
"""Of the signed checkpoints of the log: notes in UTF-8, as c2sp.org/tlog-checkpoint has them."""

PARTITIONS: Final = 16
CONTENT_TYPE: Final = "application/json"
SEQUENCE_DIGITS: Final = 20  # of the largest position, so that `ce-sequence` orders as text


def partition_of(partition_key: str, partitions: int) -> int:
    """The partition of an account or stream: the first four bytes of the SHA-256 of its id in
    UTF-8, as an unsigned big-endian integer, modulo the number of partitions."""
    digest = hashlib.sha256(partition_key.encode()).digest()
    return int.from_bytes(digest[:4], "big") % partitions


def subject_of(tenant: str, partition: int, type_: str) -> str:
    """The subject of an event: billing.<tenant>.<partition>.<entity>.<action>.v<N>."""
    return ".".join(("billing", tenant, str(partition), *subject_parts(type_)))


def source_of(tenant: str) -> str:
    """The CloudEvents source of a tenant's events."""
    return f"/daybook/{tenant}"


def schema_of(type_: str) -> str:
    """The CloudEvents dataschema of a wire type: where its JSON Schema is published."""
    return f"https://daybook.dev/schemas/{type_}.json"
