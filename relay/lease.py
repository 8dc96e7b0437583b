"""A lease: leadership as a row with an owner, a fence number and an expiry by the database's clock.

Every write of a holder checks the fence in its own transaction, so one that was paused past its
lease writes nothing; session advisory locks have no such number, and break behind a pooling proxy.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import msgspec
import structlog

from relay.database import PASSING, Connection, raise_if_cancelled

T = TypeVar("T")

RENEWALS_PER_LEASE: Final = 3
POLL_SECONDS_MAX: Final = 1.0
RELEASE_AGAIN_SECONDS: Final = 0.25
_log = structlog.get_logger()


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Held leadership; `fence` grows with each holder and is never reused."""

    name: str
    owner: str
    fence: int
    seconds: float


class LeaseLost(Exception):
    """The lease ran out or somebody else holds it now; whatever was to be written was not."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(
            f"the lease {lease.name} (fence {lease.fence}) ran out or is another's by now:"
            " what was to be written was not; run it again"
        )


async def acquire(connection: Connection, *, name: str, owner: str, seconds: float) -> Lease | None:
    """Take the lease if it is free or ran out, with the next fence; None while it is held.

    Never waits for the holder: a transaction of a paused one may keep the row locked.
    """
    await connection.execute(
        # Inserting over a row that is being changed would wait for whoever changes it.
        "INSERT INTO leases (name, owner, fence, expires_at) SELECT $1, '', 0, '-infinity'"
        " WHERE NOT EXISTS (SELECT FROM leases WHERE name = $1) ON CONFLICT (name) DO NOTHING",
        name,
    )
    fence = await connection.fetchval(
        "WITH free AS (SELECT name FROM leases WHERE name = $1 AND expires_at <= clock_timestamp()"
        " FOR UPDATE SKIP LOCKED)"
        " UPDATE leases SET owner = $2, fence = fence + 1,"
        " expires_at = clock_timestamp() + make_interval(secs => $3)"
        " FROM free WHERE leases.name = free.name RETURNING fence",
        name,
        owner,
        seconds,
    )
    return None if fence is None else Lease(name=name, owner=owner, fence=fence, seconds=seconds)


async def renew(connection: Connection, lease: Lease) -> None:
    """Hold the lease for its full length from now; raises LeaseLost once it has run out."""
    renewed = await connection.fetchval(
        "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $3)"
        " WHERE name = $1 AND fence = $2 AND expires_at > clock_timestamp() RETURNING true",
        lease.name,
        lease.fence,
        lease.seconds,
    )
    if renewed is None:
        raise LeaseLost(lease)


async def check(connection: Connection, lease: Lease) -> None:
    """Within a transaction: nobody takes the lease over before it ends. Raises LeaseLost.

    KEY SHARE holds back a takeover, which locks FOR UPDATE, and not the holder's own renewal, which
    changes no key; a mere SHARE would, and a transaction of a lease's length lose its own lease. A
    session that does this calls `fence_session` first, or a paused holder keeps everybody out.
    """
    held = await connection.fetchval(
        "SELECT true FROM leases"
        " WHERE name = $1 AND fence = $2 AND expires_at > clock_timestamp() FOR KEY SHARE",
        lease.name,
        lease.fence,
    )
    if held is None:
        raise LeaseLost(lease)


async def release(connection: Connection, lease: Lease) -> None:
    """Let the next one in at once; does nothing when somebody else holds it already."""
    await connection.execute(
        "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND fence = $2",
        lease.name,
        lease.fence,
    )


async def fence_session(connection: Connection, lease: Lease) -> None:
    """Let Postgres end this session's transaction when its client is paused for a whole lease.

    Without it a stopped holder's open transaction would keep its locks, and the next holder out.
    """
    await connection.execute(
        "SELECT set_config('idle_in_transaction_session_timeout', $1, false)",
        f"{int(lease.seconds * 1000)}ms",
    )


async def lead(
    pool: asyncpg.Pool,
    *,
    name: str,
    owner: str,
    seconds: float,
    body: Callable[[Lease], Awaitable[T]],
) -> T:
    """Wait for the lease, run `body` while it is renewed in the background, release it.

    When the lease is lost, `body` is cancelled and LeaseLost raised.
    """
    since = asyncio.get_running_loop().time()
    async with pool.acquire() as connection:
        lease = await acquire(connection, name=name, owner=owner, seconds=seconds)
    while lease is None:
        await asyncio.sleep(min(seconds / RENEWALS_PER_LEASE, POLL_SECONDS_MAX))
        since = asyncio.get_running_loop().time()
        async with pool.acquire() as connection:
            lease = await acquire(connection, name=name, owner=owner, seconds=seconds)
    _log.info("lease acquired", lease=name, fence=lease.fence)
    is_away = False
    try:
        return await _while_held(body(lease), _keep(pool, lease, since))
    except PASSING:
        is_away = True
        raise
    finally:
        await _give_back(pool, lease, until_it_works=is_away)


async def _while_held(work: Awaitable[T], renewal: Awaitable[None]) -> T:
    working = asyncio.ensure_future(work)
    renewing = asyncio.ensure_future(renewal)
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            renewing.result()  # it ends by LeaseLost only
        return await working
    finally:
        working.cancel()
        renewing.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


async def _keep(pool: asyncpg.Pool, lease: Lease, since: float) -> None:
    """Renew until the lease is lost, which is also when no renewal came through for its length."""
    loop = asyncio.get_running_loop()
    interval = lease.seconds / RENEWALS_PER_LEASE
    while True:
        await asyncio.sleep(interval)
        asked = loop.time()
        try:
            async with asyncio.timeout(interval), pool.acquire() as connection:
                await renew(connection, lease)
            since = asked
        except PASSING as error:
            raise_if_cancelled(error)
            _log.warning("lease not renewed", lease=lease.name, error=repr(error))
            if loop.time() - since >= lease.seconds:
                raise LeaseLost(lease) from error


async def _give_back(pool: asyncpg.Pool, lease: Lease, *, until_it_works: bool) -> None:
    """Release the lease, when the server is away as soon as it is back.

    Otherwise a holder whose Postgres was restarted would wait for its own lease to run out.
    """
    try:
        async with asyncio.timeout(lease.seconds):
            while not await _released(pool, lease):
                if not until_it_works:
                    return
                await asyncio.sleep(RELEASE_AGAIN_SECONDS)
    except TimeoutError:
        _log.warning("lease ran out", lease=lease.name, fence=lease.fence)


async def _released(pool: asyncpg.Pool, lease: Lease) -> bool:
    try:
        async with pool.acquire() as connection:
            await release(connection, lease)
    except PASSING as error:
        # It runs out by itself, so a server that stays away only delays the next holder.
        _log.warning("lease not released", lease=lease.name, error=repr(error))
        return False
    _log.info("lease released", lease=lease.name, fence=lease.fence)
    return True
