"""Where everything stands: the log, the stream, the read models and what waits for somebody."""

from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from relay.connection import Client
from relay.jetstream import StreamSettings, ask

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
    intake_pending: int
    """Messages of the intake that are not taken yet."""

    def caught_up(self) -> bool:
        """Nothing moves any more: all was taken, worked on, published and projected."""
        return (
            self.intake_pending == self.unsequenced == self.encounters_open == 0
            and self.remittances_open == 0
            and self.events == self.published == self.projected
        )


class _Consumer(msgspec.Struct, frozen=True, kw_only=True):
    num_pending: int
    num_ack_pending: int


async def read_status(pool: asyncpg.Pool, client: Client, settings: StreamSettings) -> Status:
    """Measure; the pool acts as daybook_auditor."""
    consumer = await ask(client, f"CONSUMER.INFO.{settings.intake}.intake", answer=_Consumer)
    (row,) = await pool.fetch(_STATUS)
    return Status(intake_pending=consumer.num_pending + consumer.num_ack_pending, **dict(row))
