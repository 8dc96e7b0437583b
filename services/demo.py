"""The main job, shown: a clinic's day goes in on the bus and comes out as a ledger that adds up."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from contracts.cloudevent import CloudEvent
from contracts.inbound import ENCOUNTER_CLOSED
from relay.connection import Client, connect
from relay.jetstream import StreamSettings
from relay.producer import Outgoing, send
from relay.retained import open_retained
from services.audit.report import Report
from services.audit.verify import verify
from services.embedded.addresses import Addresses
from services.intake.sample import NO_CLOUD_EVENT, clinic_day, price_list
from services.intake.sending import outgoing
from services.query import Query
from services.status import Status, read_status
from services.wiring import open_pool

TENANT: Final = "demo"
CATCH_UP_SECONDS_MAX: Final = 300.0
_POLL_SECONDS: Final = 0.05
_TELL_SECONDS: Final = 1.0

Tell = Callable[[str], None]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo found: figures, an account with its ledger, the trial balance, the audit."""

    status: Status
    account: dict[str, Any]
    ledger: list[dict[str, Any]]
    trial_balance: dict[str, Any]
    audit: Report
    messages: int
    work_seconds: float
    lags: "Lags"


class Lags(msgspec.Struct, frozen=True, kw_only=True):
    """How long events waited, as seen from outside, in seconds: the median and the longest."""

    published_p50: float
    published_max: float
    projected_p50: float
    projected_max: float


class DidNotCatchUp(Exception):
    """Something is stuck: the last status says where."""


async def show(addresses: Addresses, *, patients: int, tell: Tell) -> Shown:
    """Publish a clinic's day to a running stack and follow it to the read models and the audit.

    Raises DidNotCatchUp.
    """
    query = Query(addresses.api_url or "")
    tell("publishing the price list")
    await _publish_prices(query)
    day = list(clinic_day(patients))
    async with _looking(addresses) as (pool, client):
        tell(f"sending {len(day) + 1} messages of a clinic's day to the bus")
        begun = time.perf_counter()
        settings = StreamSettings()
        await send(client, _messages(day, settings))
        watch = Watch()
        status = await _caught_up(pool, client, settings, tell, watch)
        work_seconds = time.perf_counter() - begun
        tell("reading the account, its ledger and the trial balance")
        account = await _account(query, day)
        ledger = await query.get(f"/v1/accounts/{account['account_id']}/ledger")
        trial_balance = await query.get("/v1/reports/trial-balance")
        tell("verifying the whole ledger")
        async with open_retained(client, settings) as stream:
            audit = await verify(pool, stream=stream)
    return Shown(
        status=status,
        account=account,
        ledger=ledger["items"],
        trial_balance=trial_balance,
        audit=audit,
        messages=len(day) + 1,
        work_seconds=work_seconds,
        lags=watch.lags(),
    )


@asynccontextmanager
async def _looking(addresses: Addresses) -> AsyncIterator[tuple[asyncpg.Pool, Client]]:
    async with AsyncExitStack() as undo:
        pool = await open_pool(addresses.postgres_url, "daybook_auditor", size_max=2)
        undo.push_async_callback(pool.close)
        client = await connect(addresses.nats_url, name="daybook demo")
        undo.push_async_callback(client.close)
        yield pool, client


async def _publish_prices(query: Query) -> None:
    prices = [
        {
            "facility": price.facility,
            "code": price.code,
            "unit_price": {"amount": price.amount, "currency": price.currency},
            "valid_from": price.valid_from.isoformat(),
            "valid_to": price.valid_to and price.valid_to.isoformat(),
        }
        for price in price_list()
    ]
    await query.post("/v1/price-lists", {"name": "Clinics 2026", "prices": prices}, key="demo")


def _messages(day: list[CloudEvent], settings: StreamSettings) -> list[Outgoing]:
    """The day, with a message among it that is no CloudEvent: it is kept, and the rest goes on."""
    messages = [outgoing(TENANT, event, settings) for event in day]
    broken = settings.subject(f"intake.{TENANT}.{ENCOUNTER_CLOSED}")
    messages.insert(len(messages) // 2, (broken, {}, NO_CLOUD_EVENT))
    return messages


async def _caught_up(
    pool: asyncpg.Pool, client: Client, settings: StreamSettings, tell: Tell, watch: "Watch"
) -> Status:
    """Wait until nothing moves any more."""
    begun = told = time.monotonic()
    while True:
        status = await read_status(pool, client, settings)
        now = time.monotonic()
        watch.look(status, now)
        if now - told > _TELL_SECONDS or status.caught_up():
            told = now
            tell(
                f"{status.charges} charges, {status.events} events, {status.published} published, "
                f"{status.projected} in the read models"
            )
        if status.caught_up():
            return status
        if status.halted or now - begun > CATCH_UP_SECONDS_MAX:
            raise DidNotCatchUp(f"after {now - begun:.0f} s: {status}")
        await asyncio.sleep(_POLL_SECONDS)


class Watch:
    """Sees when a head of the log was first there, published and in the read models."""

    def __init__(self) -> None:
        self._heads: list[tuple[int, float]] = []
        self._published: list[float] = []
        self._projected: list[float] = []

    def look(self, status: Status, now: float) -> None:
        """Take in one look; the error is the time between two."""
        if not self._heads or status.events > self._heads[-1][0]:
            self._heads.append((status.events, now))
        for seen, position in (
            (self._published, status.published),
            (self._projected, status.projected),
        ):
            while len(seen) < len(self._heads) and self._heads[len(seen)][0] <= position:
                seen.append(now - self._heads[len(seen)][1])

    def lags(self) -> Lags:
        """What was seen; a lag shorter than the time between two looks is 0."""
        return Lags(
            published_p50=statistics.median(self._published),
            published_max=max(self._published),
            projected_p50=statistics.median(self._projected),
            projected_max=max(self._projected),
        )


async def _account(query: Query, day: list[CloudEvent]) -> dict[str, Any]:
    """The account of the first patient that a payer paid for, as the API answers it."""
    for event in day:
        if event.type == ENCOUNTER_CLOSED:
            content = msgspec.json.decode(event.data)
            if content.get("coverage") and len(content["services"]) > 1:
                patient = content["patient"]["patient_id"]
                found = await query.get(f"/v1/accounts?patient_id={patient}")
                if found["items"]:
                    return dict(found["items"][0])
    raise DidNotCatchUp("the sample has no patient with a payer")
