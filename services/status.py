"""Where everything stands: the log, the stream, the read models and what waits for somebody."""

from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from relay.connection import Client
from relay.consumer import pending_of
from relay.jetstream import Stream, StreamSettings, ask

FHIR_CONSUMER: Final = "fhir"
_STATUS: Final = (files("services") / "sql" / "status.sql").read_text()


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and positions over all tenants."""

    events: int
    """Head of the log: so many events are in order."""
    unsequenced: int
    """Commands that are committed and not in order yet."""
    published: int
    """The last position that JetStream has acknowledged."""
    projected: int
    """The last position that every read model has seen."""
    halted: int
    """Read models that stopped at an event they could not apply."""
    rejected: int
    charges: int
    encounters_open: int
    encounters_parked: int
    remittances_open: int
    fhir_refused: int
    """Resources that the FHIR server refused."""
    intake_pending: int
    """Messages of the intake that are not taken yet."""
    fhir_pending: int | None
    """Events that the FHIR server has not taken yet; null before a worker has run."""

    def caught_up(self) -> bool:
        """Nothing moves any more: all was taken, worked on, published and projected."""
        return (
            self.intake_pending == self.unsequenced == self.encounters_open == 0
            and self.remittances_open == 0
            and self.events == self.published == self.projected
        )


class _Delivered(msgspec.Struct, frozen=True, kw_only=True):
    stream_seq: int


class _Consumer(msgspec.Struct, frozen=True, kw_only=True):
    delivered: _Delivered
    num_ack_pending: int


async def read_status(pool: asyncpg.Pool, client: Client, settings: StreamSettings) -> Status:
    """Measure; the pool acts as daybook_auditor."""
    pending = await _intake_pending(client, settings.intake)
    (row,) = await pool.fetch(_STATUS)
    fhir = await pending_of(client, settings.events, FHIR_CONSUMER)
    return Status(intake_pending=pending, fhir_pending=fhir, **dict(row))


async def _intake_pending(client: Client, intake: str) -> int:
    # The server counts a consumer's num_pending up some time after it acknowledged the message
    # to its producer; where the stream ends it knows at once.
    stream = (await ask(client, f"STREAM.INFO.{intake}", answer=Stream)).state
    consumer = await ask(client, f"CONSUMER.INFO.{intake}.intake", answer=_Consumer)
    undelivered = max(0, stream.last_seq - consumer.delivered.stream_seq)
    return min(stream.messages, undelivered) + consumer.num_ack_pending
