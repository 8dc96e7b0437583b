"""GlExport on a real Temporal server: asked for, exported, recorded; whatever stands against it."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from contracts.gl_export import GlExportCompleted, GlExportFailed, GlExportFormat
from contracts.ids import GlExportId, derive
from domain.gl_export import Completed, Failed, Requested, RequestGlExport
from services.adapters.object_store import open_object_store
from services.gl_export.layout import Column, Field, Layout
from services.gl_export.layouts import set_layout
from services.gl_export.manifest import verify
from services.sagas.exporting import Exporting
from services.sagas.messages import ExportLedger
from services.sagas.worker import make_worker
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic


def asked(name: str, **fields: Any) -> RequestGlExport:
    return RequestGlExport(
        **{
            "gl_export_id": GlExportId(derive("gle", name)),
            "booked_from": date(2026, 1, 1),
            "booked_to": date(2199, 12, 31),
            "format": GlExportFormat.CSV,
            **fields,
        }
    )


@pytest.fixture
async def exporting(idle_clinic: ServedClinic, database: Database) -> Exporting:
    reader = await database.pool("daybook_reader", 2)
    store = open_object_store(database.objects.as_uri())
    return Exporting(idle_clinic.executor, idle_clinic.pool, reader, store)


@pytest.fixture
async def billed(idle_clinic: ServedClinic, exporting: Exporting, database: Database) -> Any:
    """A clinic whose worker exports; an encounter is on its books."""
    clinic = idle_clinic
    await clinic.publish(A=10_000)
    async with make_worker(
        clinic.client, clinic.executor, clinic.pool, outside=(exporting.export,)
    ):
        await clinic.record(clinic.encounter("e1", "A"))
        await clinic.settle(lambda: booked(clinic))
        yield clinic


async def booked(clinic: ServedClinic) -> bool:
    return bool(await clinic.ledger())


async def request(clinic: ServedClinic, database: Database, *commands: RequestGlExport) -> None:
    await clinic.execute(*commands)
    await catch_up(database)
    await clinic.deliver()


async def test_what_was_asked_for_together_is_exported_and_the_same_in_every_byte(
    billed: ServedClinic, database: Database
) -> None:
    one, two = asked("one"), asked("two")
    await request(billed, database, one, two)
    await until(billed.are([one.gl_export_id, two.gl_export_id], Completed))
    first, second = await billed.events(GlExportCompleted)
    assert (first.row_count, first.totals[0].debit) == (2, "100.00")
    assert (first.sha256, first.manifest_sha256) == (second.sha256, second.manifest_sha256)
    folder: Path = (database.objects / first.file).parent
    assert await asyncio.to_thread(lambda: verify(folder)[1]) == []


async def test_an_export_that_is_refused_fails_and_the_next_goes_on(
    billed: ServedClinic, database: Database
) -> None:
    layout = Layout(
        name="erp",
        columns=(Column(field=Field.GL_ACCOUNT), Column(field=Field.AMOUNT)),
        accounts={"1010": "100000"},  # type: ignore[dict-item]  # a GL account by its number
    )
    named = await set_layout(billed.pool, billed.tenant, layout)
    wrong, right = asked("wrong", layout=named), asked("right")
    await request(billed, database, wrong, right)
    await until(billed.are([wrong.gl_export_id], Failed))
    await until(billed.are([right.gl_export_id], Completed))
    (failed,) = await billed.events(GlExportFailed)
    assert failed.code == "ACCOUNT_UNMAPPED"
    assert "no account for" in failed.detail
    assert not (database.objects / billed.tenant / "gl-exports" / wrong.gl_export_id).exists()


async def test_an_object_store_that_is_away_is_waited_for(
    billed: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    database.objects.write_text("no folder can be made here")
    wanted = asked("later")
    await request(billed, database, wanted)
    handle = billed.client.get_workflow_handle(f"gl-export/{billed.tenant}/{wanted.gl_export_id}")

    async def tried_again() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(each.attempt > 1 for each in pending)

    await until(tried_again)
    assert isinstance(await billed.state(wanted.gl_export_id), Requested)
    database.objects.unlink()
    await until(billed.are([wanted.gl_export_id], Completed))


async def test_attempts_at_once_and_after_the_end_record_it_once(
    billed: ServedClinic, exporting: Exporting, database: Database
) -> None:
    wanted = asked("often")
    await billed.execute(wanted)
    await catch_up(database)
    work = ExportLedger(tenant=billed.tenant, gl_export_id=wanted.gl_export_id)
    await asyncio.gather(*(ActivityEnvironment().run(exporting.export, work) for _ in range(3)))
    (completed,) = await billed.events(GlExportCompleted)
    before = (database.objects / completed.file).stat()
    await request(billed, database)
    await ActivityEnvironment().run(exporting.export, work)
    assert await billed.count(GlExportCompleted) == 1
    assert (database.objects / completed.file).stat() == before
