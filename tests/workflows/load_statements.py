"""How a run of many statements goes: `pytest tests/workflows/load_statements.py -s`, by hand.

10,000 accounts of four facilities, each charged once, printed; DAYBOOK_ACCOUNTS says otherwise.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil

from contracts.ids import AccountId, ChargeId, derive
from contracts.money import Money
from contracts.statement import StatementCompleted
from domain import naming
from domain.account import OpenAccount
from domain.charge import CaptureCharge
from services.adapters.object_store import open_object_store
from services.adapters.typesetting import Typesetters
from services.sagas import workflow_ids
from services.sagas.stating import Stating
from services.sagas.worker import make_worker
from services.statements.making import Making
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic
from tests.workflows.stating import sending

ACCOUNTS = int(os.environ.get("DAYBOOK_ACCOUNTS", "10000"))
FACILITIES = ("north", "south", "east", "west")


def commands_of(tenant: str, number: int) -> list[Any]:
    account_id: AccountId = naming.account_id(tenant, f"p{number}", "USD")
    facility = FACILITIES[number % len(FACILITIES)]
    return [
        OpenAccount(
            account_id=account_id,
            patient_id=f"p{number}",
            name=None,
            facility=facility,
            currency="USD",
        ),
        CaptureCharge(
            charge_id=ChargeId(derive("chg", account_id)),
            account_id=account_id,
            facility=facility,
            code="A",
            system="urn:clinic",
            quantity=1,
            service_on=datetime.now(UTC).date(),
            currency="USD",
            unit_price=Money.of(12_500, "USD"),
        ),
    ]


async def test_a_run_of_many_accounts_delivers_to_each(
    idle_clinic: ServedClinic, database: Database
) -> None:
    clinic = idle_clinic
    for start in range(0, ACCOUNTS, 500):
        some = range(start, min(start + 500, ACCOUNTS))
        await clinic.execute(*(each for n in some for each in commands_of(clinic.tenant, n)))
    sends = await sending(clinic, database, {})
    run_id = await sends.begin(sends.start("print"))
    typesetters = Typesetters()
    post = sends.stating._making._post
    reader = await database.pool("daybook_reader", 6)
    making = Making(clinic.pool, reader, typesetters.render, post)
    stating = Stating(clinic.executor, clinic.pool, reader, making)
    begun = time.monotonic()
    outside = stating.activities
    async with make_worker(clinic.client, clinic.executor, clinic.pool, outside=outside):
        await clinic.deliver()

        async def is_over() -> bool:
            runs = await clinic.state(run_id.rpartition("-")[0])
            return not list(runs.at_work())

        for _ in range(120):  # half a minute each
            with suppress(TimeoutError):
                await until(is_over)
                break
            progress = len(await sends.outcomes(run_id))
            print(f"{progress} after {time.monotonic() - begun:.0f} s", flush=True)
    seconds = time.monotonic() - begun
    await typesetters.close()
    (event,) = await clinic.events(StatementCompleted)
    assert (event.total, event.delivered) == (ACCOUNTS, ACCOUNTS)
    print(f"\n{ACCOUNTS} statements in {seconds:.0f} s, {ACCOUNTS / seconds:.0f}/s")
    print(f"this process: {psutil.Process().memory_info().rss / 2**20:.0f} MiB")
    names = [workflow_ids.of_facility(clinic.tenant, run_id, each) for each in FACILITIES]
    names.append(workflow_ids.of_one("statement-run", clinic.tenant, run_id))
    for name in names:
        described = await clinic.client.get_workflow_handle(name).describe()
        print(name.rpartition("/")[2], described.history_length, "events")
    stored = open_object_store(database.objects.as_uri())
    kept = [found async for found in stored.below(f"{clinic.tenant}/print/")]
    assert len(kept) == ACCOUNTS
