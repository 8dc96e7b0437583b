"""Signed checkpoints on the bus: a stream that who wants to hold the ledger to them reads."""

from typing import Final

import msgspec
from nats import errors

from contracts.bus import CHECKPOINTS_SUBJECT
from relay.jetstream import (
    Client,
    JetStreamError,
    StreamSettings,
    checkpoints_config,
    ensure_stream,
)

ACK_SECONDS_MAX: Final = 10.0


class CheckpointNotStored(Exception):
    """The stream did not take it, or did not say so; it may be sent again."""


class _Ack(msgspec.Struct, frozen=True, kw_only=True):
    seq: int = 0
    error: dict[str, object] | None = None


async def publish_checkpoint(
    client: Client, settings: StreamSettings, note: bytes, message_id: str
) -> None:
    """Store a checkpoint, once however often it is sent; raises CheckpointNotStored."""
    subject = settings.subject(CHECKPOINTS_SUBJECT)
    try:
        await ensure_stream(client, checkpoints_config(settings))
        answer = await client.request(
            subject, note, timeout=ACK_SECONDS_MAX, headers={"Nats-Msg-Id": message_id}
        )
        ack = msgspec.json.decode(answer.data, type=_Ack)
    except (JetStreamError, errors.Error, msgspec.DecodeError) as failed:
        raise CheckpointNotStored(str(failed) or type(failed).__name__) from failed
    if ack.error is not None or not ack.seq:
        raise CheckpointNotStored(str(ack.error))
