"""A command on its way into the ledger, and what became of it."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from contracts.event import Event
from contracts.ids import split_event_id

# A token of a subject: anything else could be committed but never published.
TENANT: Final = re.compile(r"[a-z0-9_-]{1,63}")


class BusIdentity(NamedTuple):
    """A message or a saga's step: taken once by a consumer, for ever."""

    consumer: str
    source: str
    id: str


class HttpIdentity(NamedTuple):
    """An Idempotency-Key on a concrete path; answered again for at least 45 days."""

    method: str
    path: str
    key: str


Identity = BusIdentity | HttpIdentity


class RejectedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a message that could not be taken; the content is sealed."""

    subject_id: str
    content: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A command of a tenant with its identity and its cause.

    `payload_hash` is the SHA-256 of what the caller sent, before anything was sealed;
    `expected_version` is the account's version that the caller named with If-Match.
    """

    tenant: str
    command: Any
    actor: str
    correlation_id: str
    identity: Identity | None = None
    payload_hash: bytes = b""
    causation_id: str | None = None
    traceparent: str | None = None
    expected_version: int | None = None
    rejected: RejectedMessage | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The command holds: its stream, the version there, and the token to wait for."""

    stream_id: str
    version: int
    token: str
    replayed: bool = False
    opening: Event | None = None
    """The event that the stream begins with, when this command made it just now."""
    last: Event | None = None
    """The event that the token names, when this command recorded it just now."""
    items: "tuple[Done | Refused, ...]" = ()
    """Of a group, what became of each command, in order."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The command changed nothing; `code` is of the error table.

    `transient` means that the same command may be taken a moment later.
    """

    code: str
    detail: str
    transient: bool = False
    replayed: bool = False
    item: int | None = None
    """Of a group that was refused whole, the place of the command that was to blame, from 0."""


Outcome = Done | Refused

Examine = Callable[[Sequence[tuple[str, Any]]], Awaitable[Sequence[Any]]]
"""What is asked of others before commands are queued, outside of any transaction: takes each with
its tenant, and answers it as it is to be decided."""

KEY_REUSED: Final = Refused(
    code="IDEMPOTENCY_KEY_REUSED",
    detail="this identity was used before with other content: use a new one",
)
IN_FLIGHT: Final = Refused(
    code="IDEMPOTENCY_IN_FLIGHT",
    detail="the same command is being executed right now: try again",
    transient=True,
)

# Refusals of what was sent or of the version it was meant for, not of what it asks: once that is
# mended (a price published, the account read again), the same key may be used again.
_NOT_KEPT: Final = frozenset(
    {
        "VALIDATION_FAILED",
        "CODE_INVALID",
        "CODE_UNVERIFIED",
        "PRICE_NOT_FOUND",
        "CURRENCY_UNSUPPORTED",
        "ACCOUNT_VERSION_CONFLICT",
        "FOUR_EYES",  # it depends on who sends it
    }
)


def is_kept(refused: Refused) -> bool:
    """Whether a refusal is the answer to its Idempotency-Key from now on."""
    return not refused.transient and refused.code not in _NOT_KEPT


def claim_key(tenant: str, identity: Identity) -> int:
    """The advisory lock of an identity: 64 bits; a collision only makes a caller try again."""
    framed = "\0".join((tenant, *identity)).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(framed, digest_size=8).digest(), "big", signed=True)


def done_again(stream_id: str, version: int, token: str | None) -> Done:
    """The stored result of a command that was done before."""
    last = token or f"{stream_id}-{version}"
    split_event_id(last)
    return Done(stream_id=stream_id, version=version, token=last, replayed=True)
