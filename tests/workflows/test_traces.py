"""One trace joins all that a message sets off: intake, ledger, relay, consumer, saga, ledger."""

import msgspec

from domain import naming
from domain.encounter import Billed
from services.intake.reading import Arrived
from services.intake.taking import Taking
from tests.fixtures.tracing import CALLER, TRACEPARENT, id_of, parent_of, tracing
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic
from tests.workflows.worker_process import WorkerArguments, working


async def test_a_trace_goes_from_the_bus_through_the_saga_to_its_commands(
    arguments: WorkerArguments, temporal_address: str, clinic: Clinic
) -> None:
    arguments = msgspec.structs.replace(arguments, temporal_address=temporal_address)
    taking = Taking(clinic.executor, clinic.pool, stream="BILLING_INTAKE", prefix_tokens=0)
    with tracing() as traced:
        async with working(arguments):
            assert (await taking.take([_encounter(clinic)])).taken_count == 1
            encounter_id = naming.encounter_id(clinic.tenant, "visit-1")
            await until(clinic.are([encounter_id], Billed))

            async def all_is_told() -> bool:
                return bool(traced.named("CompleteWorkflow:ChargeFromEncounter"))

            await until(all_is_told)
        (intake,) = traced.named("intake take")
        assert parent_of(intake) == CALLER
        assert {parent_of(each) for each in traced.named("relay publish")} >= {CALLER}
        takes = {id_of(each): parent_of(each) for each in traced.named("sagas take")}
        assert CALLER in takes.values()
        (start,) = traced.named("StartWorkflow:ChargeFromEncounter")
        assert takes[parent_of(start)] == CALLER
        (run,) = traced.named("RunActivity:charge_encounters")
        recorded, *steps = traced.named("execute")
        assert parent_of(recorded) == CALLER
        assert {parent_of(each) for each in steps} == {id_of(run)}
    assert await _traces_of(clinic) == {TRACEPARENT[:35]}


def _encounter(clinic: Clinic) -> Arrived:
    data = {
        "encounter_id": "visit-1",
        "patient": {"patient_id": "p-1"},
        "facility": "north",
        "currency": "USD",
        "closed_at": "2026-03-02T12:00:00Z",
        "services": [{"code": "A", "system": "cpt", "quantity": 1, "service_date": "2026-03-02"}],
    }
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "visit-1",
        "ce-source": "/clinic",
        "ce-type": "clinical.encounter.closed.v1",
        "ce-traceparent": TRACEPARENT,
    }
    subject = f"intake.{clinic.tenant}.clinical.encounter.closed.v1"
    return Arrived(subject, headers, msgspec.json.encode(data), 1)


async def _traces_of(clinic: Clinic) -> set[str | None]:
    """Of the events of the saga, the trace that each one carries."""
    rows = await clinic.admin.fetch(
        "SELECT convert_from(metadata, 'utf8')::jsonb->>'traceparent' AS traceparent FROM events"
        " WHERE tenant = $1 AND type NOT LIKE 'billing.price_list%'",
        clinic.tenant,
    )
    return {row["traceparent"] and row["traceparent"][:35] for row in rows}
