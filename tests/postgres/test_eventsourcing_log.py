"""The log as the eventsourcing library reads it, over the real schema, its roles and its guards."""

import asyncpg
import pytest
from eventsourcing.persistence import DatabaseError, IntegrityError, InterfaceError

from contracts.encounter import EncounterBilled, EncounterBilledV1
from contracts.ids import AccountId, EncounterId, InvoiceId
from services.adapters.postgres.event_store import AsyncpgRecorder, library_errors
from services.adapters.postgres.mapper import CatalogueMapper
from tests.fixtures.databases import Database
from tests.fixtures.seeded_log import METADATA, RECORDED_AT, append, paid, seed

BILLED_V1 = EncounterBilledV1(
    encounter_id=EncounterId("enc_1"),
    account_id=AccountId("acc_1"),
    invoice_id=InvoiceId("inv_1"),
    charge_count=2,
)
# Two tenants have a stream of the same name, which is theirs alone.
SEEDS = [
    ("demo", "inv_1", 1, paid("acc_1")),
    ("other", "inv_1", 1, paid("acc_2")),
    ("demo", "enc_1", 1, BILLED_V1),
    ("demo", "inv_1", 2, paid("acc_3")),
]
MAPPER = CatalogueMapper()


async def test_a_notifications_id_is_its_position(database: Database) -> None:
    await seed(database.url, SEEDS)
    recorder = AsyncpgRecorder(await database.pool("daybook_auditor"))
    found = await recorder.select_notifications(None, 10)
    assert [(n.id, n.originator_id, n.originator_version, n.topic) for n in found] == [
        (1, "demo/inv_1", 1, "billing.invoice.paid.v1"),
        (2, "other/inv_1", 1, "billing.invoice.paid.v1"),
        (3, "demo/enc_1", 1, "billing.encounter.billed.v1"),
        (4, "demo/inv_1", 2, "billing.invoice.paid.v1"),
    ]
    assert await recorder.max_notification_id() == 4


async def test_a_row_of_the_log_maps_to_a_recorded_event(database: Database) -> None:
    await seed(database.url, SEEDS)
    recorder = AsyncpgRecorder(await database.pool("daybook_auditor"))
    first, _, billed, _ = map(MAPPER.to_domain_event, await recorder.select_notifications(None, 10))
    assert (first.timestamp, first.metadata, first.body) == (RECORDED_AT, METADATA, paid("acc_1"))
    assert isinstance(billed.body, EncounterBilled)  # a retired row, brought up to date


async def test_streams_of_one_name_are_told_apart_by_tenant(database: Database) -> None:
    await seed(database.url, SEEDS)
    recorder = AsyncpgRecorder(await database.pool("daybook_auditor"))
    versions = [e.originator_version for e in await recorder.select_events("demo/inv_1")]
    assert versions == [1, 2]
    last = await recorder.select_events("demo/inv_1", desc=True, limit=1)
    assert [e.originator_version for e in last] == [2]
    assert len(await recorder.select_events("other/inv_1")) == 1


@pytest.mark.parametrize("role", ["daybook_auditor", "daybook_projector", "daybook_reader"])
async def test_one_tenants_part_of_the_log_is_its_own(database: Database, role: str) -> None:
    await seed(database.url, SEEDS)
    pool = await database.pool(role)
    other, stranger = AsyncpgRecorder(pool, "other"), AsyncpgRecorder(pool, "stranger")
    assert [n.id for n in await other.select_notifications(None, 10)] == [2]
    assert await other.max_notification_id() == 2
    assert await stranger.select_notifications(None, 10) == []
    assert await stranger.max_notification_id() is None


async def test_a_reader_sees_no_stream_of_another_tenant(database: Database) -> None:
    await seed(database.url, SEEDS)
    recorder = AsyncpgRecorder(await database.pool("daybook_reader"), "other")
    assert await recorder.select_events("demo/inv_1") == []


async def test_an_event_without_a_position_is_in_its_stream_only(database: Database) -> None:
    await seed(database.url, SEEDS)
    connection = await asyncpg.connect(database.url)
    await append(connection, [("demo", "inv_1", 3, paid("acc_4"))])
    await connection.close()
    recorder = AsyncpgRecorder(await database.pool("daybook_auditor"))
    assert len(await recorder.select_events("demo/inv_1", gt=2)) == 1
    assert await recorder.max_notification_id() == 4
    assert len(await recorder.select_notifications(4, 10)) == 1


async def test_batches_end_with_the_log_and_leave_nothing_out(database: Database) -> None:
    await seed(database.url, SEEDS)
    recorder = AsyncpgRecorder(await database.pool("daybook_auditor"))
    for limit, sizes in [(1, [1, 1, 1, 1]), (2, [2, 2]), (3, [3, 1]), (5, [4])]:
        batches = [batch async for batch in recorder.pull(follow=False, limit=limit)]
        assert [len(batch) for batch in batches] == sizes
        assert [n.id for batch in batches for n in batch] == [1, 2, 3, 4]
    topics = ["billing.invoice.paid.v1"]
    found = [n.id async for batch in recorder.pull(1, topics, follow=False) for n in batch]
    assert found == [2, 4]


async def test_the_log_cannot_be_written_through_it(database: Database) -> None:
    assert not hasattr(AsyncpgRecorder(await database.pool("daybook_auditor")), "insert_events")


async def test_errors_of_the_driver_are_those_of_the_library(database: Database) -> None:
    pool = await database.pool("daybook_auditor")
    with pytest.raises(DatabaseError), library_errors():
        await pool.execute("INSERT INTO events DEFAULT VALUES")
    await seed(database.url, SEEDS[:1])
    connection = await asyncpg.connect(database.url)
    with pytest.raises(IntegrityError), library_errors():
        await append(connection, SEEDS[:1])
    await connection.close()
    recorder = AsyncpgRecorder(pool)
    await pool.close()
    with pytest.raises(InterfaceError):
        await recorder.max_notification_id()
