"""The worker process over the real bus and a real Temporal server, killed and cut off."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from contracts.charge import ChargeCaptured
from contracts.encounter import EncounterBilled
from contracts.invoice import InvoiceIssued
from domain.encounter import Billed
from services.embedded.addresses import Addresses, GivenAddresses
from services.embedded.programs import program
from services.embedded.stack import StackOptions, running_stack
from services.sagas import worker as worker_module
from tests.fixtures.waiting import until
from tests.workflows.clinic import Clinic
from tests.workflows.worker_process import WorkerArguments, working

ROOT = Path(__file__).parents[2]


async def _record(clinic: Clinic, first: int, count: int) -> list[str]:
    encounters = [clinic.encounter(f"e{n}", "A", "B") for n in range(first, first + count)]
    await clinic.record(*encounters)
    return [each.encounter_id for each in encounters]


async def _check_billed_once(clinic: Clinic, count: int) -> None:
    assert await clinic.count(EncounterBilled) == count
    assert await clinic.count(InvoiceIssued) == count
    assert await clinic.count(ChargeCaptured) == 2 * count


async def test_what_comes_over_the_bus_is_billed_once(
    arguments: WorkerArguments, temporal_address: str, clinic: Clinic
) -> None:
    arguments = msgspec.structs.replace(arguments, temporal_address=temporal_address)
    async with working(arguments):
        ids = await _record(clinic, 0, 10)
        await until(clinic.are(ids, Billed))
    # What is recorded while nobody works waits for the next one.
    more = await _record(clinic, 10, 5)
    async with working(arguments):
        await until(clinic.are(more, Billed))
    await _check_billed_once(clinic, 15)


async def test_a_worker_that_is_killed_in_the_middle_does_nothing_twice(
    arguments: WorkerArguments, temporal_address: str, clinic: Clinic
) -> None:
    arguments = msgspec.structs.replace(arguments, temporal_address=temporal_address)
    number = "invoice/north/" + str((await clinic.today()).year)
    await clinic.admin.execute(
        "INSERT INTO counters (tenant, name, value) VALUES ($1, $2, 0)", clinic.tenant, number
    )
    ids = await _record(clinic, 0, 20)

    async def captured() -> bool:
        return await clinic.count(ChargeCaptured) == 40

    # Nobody can draw an invoice number, so the worker is held between charges and invoices.
    async with clinic.admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT * FROM counters WHERE name = $1 FOR UPDATE", number)
        victim = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.workflows.worker_process", msgspec.json.encode(arguments).decode()),
            cwd=ROOT,
        )
        try:
            await until(captured)
        finally:
            victim.kill()
            await victim.wait()
    async with working(arguments):
        await until(clinic.are(ids, Billed))
    await _check_billed_once(clinic, 20)


async def test_while_temporal_is_away_events_wait_and_then_are_worked_off(
    arguments: WorkerArguments, stack: Addresses, clinic: Clinic, tmp_path: Path
) -> None:
    options = StackOptions(
        data_dir=tmp_path,
        usual_ports=False,
        given=GivenAddresses(postgres_url=stack.postgres_url, nats_url=stack.nats_url),
    )
    async with running_stack(options) as servers:
        address = servers.addresses.temporal_address
        assert address is not None
        async with working(msgspec.structs.replace(arguments, temporal_address=address)):
            ids = await _record(clinic, 0, 5)
            await until(clinic.are(ids, Billed))
            os.kill(servers.pids()["temporal"], signal.SIGKILL)
            more = await _record(clinic, 5, 5)
            await until(clinic.are(more, Billed))
        await _check_billed_once(clinic, 10)


async def test_a_worker_waits_for_temporal_until_it_is_told_to_stop(clinic: Clinic) -> None:
    stopping = asyncio.Event()
    connecting = asyncio.create_task(
        worker_module.connect("127.0.0.1:1", "default", clinic.pool, stopping)
    )
    await until(lambda: _is_under_way(connecting))
    stopping.set()
    assert await connecting is None


async def _is_under_way(task: "asyncio.Task[object]") -> bool:
    return not task.done()


def test_the_namespace_of_deploy_is_made_once_and_keeps_histories_for_a_month(
    temporal_address: str,
) -> None:
    temporal = program("temporal")
    environment = {
        "PATH": f"{temporal.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": "/nowhere",  # with no configuration of the command line
        "TEMPORAL_ADDRESS": temporal_address,
        "DAYBOOK_TEMPORAL_NAMESPACE": "deployed",
    }
    script = ROOT / "deploy" / "temporal" / "namespace.sh"
    for _ in range(2):
        subprocess.run(["sh", script], env=environment, check=True)
    described = subprocess.run(
        [temporal, "operator", "namespace", "describe", "-n", "deployed", "-o", "json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(described.stdout)
    assert found["config"]["workflowExecutionRetentionTtl"] == "2592000s"
