"""Commands that come together: under one identity, in one transaction, answered item by item."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from domain.decider import Rejected
from services.execute.envelope import BusIdentity, Done, Envelope, Outcome, Refused, is_kept


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Commands of one caller, decided in order; each names its account.

    `atomic` ones are done all or none; otherwise each is done or refused for itself. A group keeps
    no order with other commands of its accounts that are under way at the same time.
    """

    commands: tuple[Any, ...]
    atomic: bool


class ItemRefused(Rejected):
    """One command of a group was refused, and with it the group."""

    def __init__(self, rejected: Rejected, item: int) -> None:
        super().__init__(rejected.detail)
        self.code = rejected.code  # type: ignore[misc]  # the item's own, not the class's
        self.item = item


class Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item's outcome as billing_idempotency keeps it: a result or a refusal."""

    stream_id: str | None = None
    version: int | None = None
    token: str | None = None
    code: str | None = None
    detail: str | None = None


_decode: Final = msgspec.json.Decoder(list[Stored]).decode


def commands_of(envelope: Envelope) -> tuple[Any, ...]:
    """The command of an envelope, or all of a group."""
    command = envelope.command
    return command.commands if isinstance(command, Group) else (command,)


def singles_of(envelope: Envelope) -> Sequence[Envelope]:
    """An envelope for each command of a group, without an identity of its own; or the envelope."""
    if not isinstance(envelope.command, Group):
        return (envelope,)
    return [
        msgspec.structs.replace(envelope, command=command, identity=None)
        for command in envelope.command.commands
    ]


def grouped(items: Sequence[Outcome]) -> Done:
    """What became of a group, named by the last that was done; of none if all were refused."""
    last = next((item for item in reversed(items) if isinstance(item, Done)), None)
    if last is None:
        return Done(stream_id="", version=0, token="", items=tuple(items))
    return msgspec.structs.replace(last, items=tuple(items))


def is_kept_of_group(done: Done) -> bool:
    """Whether a group's outcome is the answer to its key from now on: unless nothing came of it
    and all of it may be sent again."""
    return any(isinstance(item, Done) or is_kept(item) for item in done.items)


def is_answered_whole(envelope: Envelope) -> bool:
    """Whether the last command of a group stands for all: a saga asks for no item's answer."""
    return isinstance(envelope.identity, BusIdentity) and bool(envelope.command.atomic)


def encode_items(items: Sequence[Outcome]) -> bytes:
    """The outcomes of a group as they are stored."""
    return msgspec.json.encode(
        [
            Stored(code=item.code, detail=item.detail)
            if isinstance(item, Refused)
            else Stored(
                stream_id=item.stream_id,
                version=item.version,
                token=None if item.token == f"{item.stream_id}-{item.version}" else item.token,
            )
            for item in items
        ]
    )


def decode_items(stored: bytes) -> Done:
    """The outcomes of a group that was done before; raises msgspec.ValidationError."""
    return msgspec.structs.replace(
        grouped([_outcome(item) for item in _decode(stored)]), replayed=True
    )


def _outcome(item: Stored) -> Outcome:
    if item.stream_id is not None and item.version is not None:
        token = item.token or f"{item.stream_id}-{item.version}"
        return Done(stream_id=item.stream_id, version=item.version, token=token, replayed=True)
    return Refused(code=item.code or "", detail=item.detail or "", replayed=True)
