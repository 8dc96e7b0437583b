"""`daybook serve relay`: sequencer, publisher and signer, each under its lease, so any number may
run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import asyncpg
import structlog

from relay import metrics
from relay.connection import BusError, Client
from relay.database import PASSING, raise_if_cancelled
from relay.draft import OutboxNamesNoEvent
from relay.jetstream import JetStreamError, StreamSettings, ensure_intake
from relay.lease import Lease, LeaseLost, lead
from relay.outbox import measure_backlog
from relay.publisher import Unpublishable, run_publisher
from relay.sequencer import LogMoved, run_sequencer
from relay.stream import StreamDiverged
from relay.tree import LogBroken
from services.audit.publishing import Place, Publishing, in_objects, latest_in, on_bus
from services.audit.signer import Outside, Pace, RootRefused, run_signer
from services.audit.signing import find_seed
from services.audit.stored_tree import TreeDamaged
from services.ports import ObjectStore
from services.settings import Settings

SEQUENCER: Final = "relay.sequencer"
PUBLISHER: Final = "relay.publisher"
SIGNER: Final = "relay.signer"
SAMPLE_SECONDS: Final = 2.0
RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 5.0
HALT_SECONDS: Final = 5.0

# Somebody must look; it is tried again, since what was wrong may have been put right meanwhile.
_HALTS: Final = (
    *(Unpublishable, StreamDiverged, OutboxNamesNoEvent, LogBroken, LogMoved),
    *(RootRefused, TreeDamaged),
)

_log = structlog.get_logger()

Work = Callable[[Lease], Awaitable[None]]


class Signing(NamedTuple):
    """What checkpoints are signed with, and where they go."""

    seed: bytes
    pace: Pace
    outside: Outside
    publishing: Publishing


def make_signing(
    settings: Settings,
    client: Client,
    streams: StreamSettings,
    objects: ObjectStore,
    posts: Sequence[Place],
) -> Signing | None:
    """What signs checkpoints; None without a key. Raises SigningKeyUnusable."""
    seed = find_seed(settings)
    if seed is None:
        _log.warning("no checkpoints are signed: set DAYBOOK_SIGNING_KEY or `daybook keys init`")
        return None
    return Signing(
        seed,
        Pace(settings.checkpoint_seconds, settings.checkpoint_events),
        latest_in(objects),
        Publishing([on_bus(client, streams), in_objects(objects), *posts]),
    )


async def serve_relay(
    pool: asyncpg.Pool,
    client: Client,
    streams: StreamSettings,
    *,
    owner: str,
    lease_seconds: float,
    stopping: asyncio.Event,
    signing: Signing | None = None,
) -> None:
    """Sequence, publish and sign while the leases are ours, until `stopping`.

    `pool` has role daybook_sequencer and at least eight connections, six where nothing is signed.
    The leases are released at the end, so that another process goes on at once.
    """

    async def sequence(lease: Lease) -> None:
        await run_sequencer(pool, lease)

    async def publish(lease: Lease) -> None:
        await run_publisher(pool, client, lease, streams)

    async def sign(lease: Lease) -> None:
        assert signing is not None
        seed, pace, outside, publishing = signing
        await run_signer(pool, lease, seed, pace, outside, publishing.announce)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_keep_leading(pool, SEQUENCER, owner, lease_seconds, sequence)),
            group.create_task(_keep_leading(pool, PUBLISHER, owner, lease_seconds, publish)),
            group.create_task(_keep_intake(client, streams)),
            group.create_task(_keep_measuring(pool, streams.events)),
        ]
        if signing is not None:
            leading = _keep_leading(pool, SIGNER, owner, lease_seconds, sign)
            tasks += [group.create_task(leading), group.create_task(signing.publishing.run())]
        await stopping.wait()
        for task in tasks:
            task.cancel()


async def _keep_leading(
    pool: asyncpg.Pool, name: str, owner: str, seconds: float, work: Work
) -> None:
    pause = RETRY_SECONDS_MIN
    while True:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await lead(pool, name=name, owner=owner, seconds=seconds, body=_announced(work))
        except LeaseLost as lost:
            _log.warning("lease lost", lease=str(lost))
        except _HALTS as halt:
            metrics.HALTED.labels(name).set(1)
            _log.critical("halted", part=name, kind=type(halt).__name__, reason=str(halt))
            await asyncio.sleep(HALT_SECONDS)
        except PASSING as error:
            raise_if_cancelled(error)
            _log.warning("interrupted", part=name, error=repr(error))
        pause = RETRY_SECONDS_MIN if loop.time() - began > RETRY_SECONDS_MAX else pause
        await asyncio.sleep(pause)
        pause = min(pause * 2, RETRY_SECONDS_MAX)


def _announced(work: Work) -> Work:
    async def announced(lease: Lease) -> None:
        metrics.LEASE_EPOCH.labels(lease.name).set(lease.fence)
        metrics.IS_LEADER.labels(lease.name).set(1)
        try:
            await work(lease)
        finally:
            metrics.IS_LEADER.labels(lease.name).set(0)

    return announced


async def _keep_intake(client: Client, streams: StreamSettings) -> None:
    """Producers must not find the stream gone; nobody else would make it."""
    while True:
        try:
            await ensure_intake(client, streams)
        except (BusError, JetStreamError) as error:
            raise_if_cancelled(error)
            _log.warning("intake stream not there", stream=streams.intake, error=repr(error))
        await asyncio.sleep(SAMPLE_SECONDS)


async def _keep_measuring(pool: asyncpg.Pool, stream: str) -> None:
    while True:
        try:
            async with asyncio.timeout(SAMPLE_SECONDS), pool.acquire() as connection:
                backlog = await measure_backlog(connection, stream)
        except PASSING as error:
            raise_if_cancelled(error)
            _log.warning("not measured", error=repr(error))
        else:
            metrics.UNSEQUENCED_ROWS.set(backlog.unsequenced_rows)
            metrics.LOG_HEAD_POSITION.set(backlog.head_position)
            metrics.RELAY_POSITION.set(backlog.relay_position)
            metrics.OUTBOX_LAG.set(backlog.oldest_unpublished_seconds)
            metrics.OLDEST_TRANSACTION_SECONDS.set(backlog.oldest_transaction_seconds)
        await asyncio.sleep(SAMPLE_SECONDS)
