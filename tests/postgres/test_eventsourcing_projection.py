"""Projections of the eventsourcing library run over our log, as their authors wrote them."""

import asyncio
from collections import Counter
from threading import Event

import asyncpg
import pytest
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import DataError, MapperDeserialisationError, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection

from contracts.catalogue import UnknownEventType
from contracts.encounter import EncounterResumed
from contracts.ids import EncounterId
from contracts.invoice import InvoicePaid
from services.adapters.postgres.event_store import AsyncpgRecorder
from services.adapters.postgres.mapper import Recorded
from services.adapters.postgres.projection_runner import run_projection
from tests.fixtures.databases import Database
from tests.fixtures.seeded_log import Seed, append, paid, seed

SECONDS_MAX = 30.0


class PaidInvoices(POPOTrackingRecorder):
    """A view: how many invoices each account of each tenant has paid, and in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.of_account: Counter[tuple[str, str]] = Counter()
        self.seen: list[int] = []

    def add(self, tenant: str, account_id: str, tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.of_account[tenant, account_id] += 1
            self.seen.append(tracking.notification_id)


class CountPaidInvoices(Projection[PaidInvoices]):
    """A projection; it fails on the account `broken`, and waits before it goes on if told to."""

    topics: tuple[str, ...] = ("billing.invoice.paid.v1",)
    mended = False

    def __init__(self, view: PaidInvoices) -> None:
        super().__init__(view)
        self.working, self.may_go_on = Event(), Event()
        self.may_go_on.set()

    @singledispatchmethod
    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        raise TypeError(f"{domain_event!r} was not asked for")

    @process_event.register
    def _(self, domain_event: Recorded, tracking: Tracking) -> None:
        assert isinstance(domain_event.body, InvoicePaid)
        self.working.set()
        self.may_go_on.wait(SECONDS_MAX)
        account_id = domain_event.body.account_id
        if account_id == "broken" and not self.mended:
            raise ZeroDivisionError(account_id)
        self.view.add(domain_event.tenant, account_id, tracking)


def resumed(version: int) -> Seed:
    return ("demo", "enc_1", version, EncounterResumed(encounter_id=EncounterId("enc_1")))


SEEDS: list[Seed] = [
    ("demo", "inv_1", 1, paid("acc_1")),
    resumed(1),
    ("other", "inv_1", 1, paid("acc_1")),
    ("demo", "inv_2", 1, paid("acc_2")),
    resumed(2),
    ("demo", "inv_3", 1, paid("acc_1")),
    resumed(3),
]


@pytest.fixture
async def pool(database: Database) -> asyncpg.Pool:
    return await database.pool("daybook_auditor")


@pytest.fixture
def projection() -> CountPaidInvoices:
    return CountPaidInvoices(PaidInvoices())


async def test_a_projection_sees_its_topics_of_every_tenant_in_order(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    await run_projection(projection, AsyncpgRecorder(pool), batch_max=2)
    assert projection.view.seen == [1, 3, 4, 6]
    assert projection.view.of_account == {
        ("demo", "acc_1"): 2,
        ("demo", "acc_2"): 1,
        ("other", "acc_1"): 1,
    }


async def test_a_projection_can_be_held_to_one_tenant(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    await run_projection(projection, AsyncpgRecorder(pool, "other"))
    assert projection.view.of_account == {("other", "acc_1"): 1}
    assert projection.view.max_tracking_id("daybook/other") == 3
    assert projection.view.max_tracking_id("daybook") is None


async def test_a_run_goes_on_where_the_view_is(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS[:4])
    await run_projection(projection, AsyncpgRecorder(pool))
    await run_projection(projection, AsyncpgRecorder(pool))
    await seed(database.url, SEEDS[4:])
    await run_projection(projection, AsyncpgRecorder(pool))
    assert projection.view.seen == [1, 3, 4, 6]


async def test_a_failing_projection_stops_at_the_event_and_begins_with_it_again(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, [*SEEDS, ("demo", "inv_4", 1, paid("broken"))])
    await seed(database.url, [("demo", "inv_5", 1, paid("acc_9"))])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="broken"):
            await run_projection(projection, AsyncpgRecorder(pool))
        assert projection.view.seen == [1, 3, 4, 6]
    projection.mended = True
    await run_projection(projection, AsyncpgRecorder(pool))
    assert projection.view.seen == [1, 3, 4, 6, 8, 9]


async def test_a_row_that_cannot_be_read_stops_the_run(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    admin = await database.admin()
    await admin.execute(
        "ALTER TABLE events DISABLE TRIGGER USER;"
        "UPDATE events SET body = set_byte(body, 0, 0) WHERE stream_id = 'inv_2'"
    )
    with pytest.raises(MapperDeserialisationError, match="demo/inv_2-1"):
        await run_projection(projection, AsyncpgRecorder(pool))
    assert projection.view.seen == [1, 3]


async def test_an_event_that_is_gone_stops_the_run(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    admin = await database.admin()
    await admin.execute(
        "ALTER TABLE events DISABLE TRIGGER USER; DELETE FROM events WHERE stream_id = 'inv_2'"
    )
    with pytest.raises(DataError, match="demo/inv_2-1"):
        await run_projection(projection, AsyncpgRecorder(pool), batch_max=1)
    assert projection.view.seen == [1, 3]


async def test_a_topic_that_no_release_knows_is_refused(
    pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    projection.topics = ("billing.invoice.payed.v1",)
    with pytest.raises(UnknownEventType, match=r"payed\.v1"):
        await run_projection(projection, AsyncpgRecorder(pool))


async def test_a_following_projection_sees_events_as_they_get_their_positions(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    connection = await asyncpg.connect(database.url)
    await append(connection, [("demo", "inv_8", 1, paid("unordered"))])
    await connection.close()
    run = asyncio.create_task(run_projection(projection, AsyncpgRecorder(pool), follow=True))
    wait = projection.view.wait
    await asyncio.to_thread(wait, "daybook", 6, timeout=SECONDS_MAX)
    await seed(database.url, [("demo", "inv_9", 1, paid("acc_9"))])
    await asyncio.to_thread(wait, "daybook", 8, timeout=SECONDS_MAX)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert projection.view.seen == [1, 3, 4, 6, 8]


async def test_a_cancelled_run_ends_with_the_event_in_work(
    database: Database, pool: asyncpg.Pool, projection: CountPaidInvoices
) -> None:
    await seed(database.url, SEEDS)
    projection.may_go_on.clear()
    run = asyncio.create_task(run_projection(projection, AsyncpgRecorder(pool)))
    assert await asyncio.to_thread(projection.working.wait, SECONDS_MAX)
    run.cancel()
    asyncio.get_running_loop().call_soon(projection.may_go_on.set)  # after the cancelling
    with pytest.raises(asyncio.CancelledError):
        await run
    assert projection.view.seen == [1]
    await run_projection(projection, AsyncpgRecorder(pool))
    assert projection.view.seen == [1, 3, 4, 6]
