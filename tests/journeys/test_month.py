"""A clinic's month with every command, while every process is killed once; then all must add up."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import month_sums
from tests.fixtures.clinic import Clinic, money
from tests.fixtures.month_sums import Happened, happened
from tests.fixtures.streams import stored
from tests.fixtures.waiting import until
from tests.fixtures.whole_stack import WholeStack
from tests.journeys import month_bills as bills
from tests.journeys import month_steps as does
from tests.journeys import month_troubles as troubles
from tests.journeys.month_proofs import check_everything_happened

KILLED = (
    ("relay", "postgres"),
    ("intake", "nats"),
    ("projector", "temporal"),
    ("worker", "api"),
)
COMMANDS_BEFORE = 6
# Before today there is what was billed weeks ago.
DAYS_BEFORE = 60


@pytest.fixture(scope="module")
def guarded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeStack]:
    """A stack that asks for tokens."""
    # A port of its own: two stacks that start at once may both find the usual one free.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    folder = tmp_path_factory.mktemp("month")
    stack = WholeStack(folder / "data", "--auth", "jwt", "--port", port)
    yield stack
    stack.stop()


@pytest.fixture
async def clinic(guarded_stack: WholeStack) -> AsyncIterator[Clinic]:
    clinic = Clinic(guarded_stack)
    yield clinic
    await clinic.leaves()


async def test_a_month_with_every_command_and_every_process_killed_adds_up(
    clinic: Clinic, tmp_path: Path
) -> None:
    await does.set_up(clinic, tmp_path)
    await troubles.all_of_them(clinic, tmp_path)
    await bills.troubles(clinic)
    for names in KILLED:
        async with killed_meanwhile(clinic, names):
            await patients_month(clinic, names[0])
            await does.state(clinic)
    await clinic.stack.caught_up()
    await mend(clinic)
    await does.settled(clinic)
    await bills.settled(clinic, [names[0] for names in KILLED])
    await clinic.stack.caught_up()
    events = await of_the_stream(clinic)
    await check_reports(clinic, events)
    await check_accounts(clinic, events)
    await bills.check(clinic, events)
    await check_papers(clinic, events)
    await check_statements(clinic)
    await check_export(clinic, tmp_path, events)
    await clinic.stack.caught_up()
    check_everything_happened(await of_the_stream(clinic))
    verified = json.loads(clinic.runs("audit", "verify", "--deep", "--json").splitlines()[-1])
    assert verified["findings"] == []


async def patients_month(clinic: Clinic, name: str) -> None:
    """Every command, for a patient and a payer of that name."""
    account_id = await does.open_account(clinic, name)
    await does.visits(clinic, name)
    await does.suspend_and_reinstate(clinic, account_id)
    await does.charge(clinic, account_id)
    await does.reverse(clinic, account_id)
    invoice_id = await does.invoice(clinic, account_id, "VISIT", "VISIT", "LENS")
    await does.remit(clinic, name)
    await does.systems(clinic, name, invoice_id, account_id)
    await does.invoice_of_all(clinic, account_id)
    named = [{"invoice_id": invoice_id, "amount": money("40.00")}]
    await does.pay(clinic, account_id, "50.00", method="bank", allocations=named)
    await does.pay_by_card(clinic, account_id)
    await does.adjust(clinic, account_id, invoice_id)
    await does.has_paid(clinic, account_id, f"feed/{name}")
    await does.void(clinic, account_id, invoice_id)
    await does.refund(clinic, account_id)
    await does.give_back(clinic, name)
    await does.elsewhere(clinic, name)
    await bills.all_of_them(clinic, name)
    await clinic.does("clerk", "/v1/charges", does.service(account_id, "LENS", 30))


async def mend(clinic: Clinic) -> None:
    """The encounters with a service that has no price, once it has one; a bill's declined card."""
    await bills.mend(clinic)
    parked = json.loads(clinic.runs("encounter", "list", "--json"))["items"]
    assert len(parked) == len(KILLED)
    assert all("PRICE_NOT_FOUND" in encounter["problems"][0] for encounter in parked)
    price = {"facility": "north", "code": "PHYSIO", "unit_price": money("55.50")}
    prices = {"name": "Physiotherapy", "prices": [price | {"valid_from": "2026-01-01"}]}
    await clinic.does("admin", "/v1/price-lists", prices)
    for encounter in parked:
        clinic.runs("encounter", "resume", encounter["encounter_id"])


async def of_the_stream(clinic: Clinic) -> list[Happened]:
    """The tenant's events from the bus, which are those of the API's own stream of events."""
    async with clinic.stack.looking() as (_, client):
        events = happened(await stored(client, "BILLING_EVENTS"), clinic.tenant)
    sent = (await clinic.fetches("finance", "/v1/events?follow=false&after=0")).text
    types = [line.split("billing.")[1] for line in sent.splitlines() if line.startswith("event:")]
    assert [kind.rpartition(".")[0] for kind in types] == [event.type for event in events]
    return events


async def check_reports(clinic: Clinic, events: list[Happened]) -> None:
    """Each figure is the sum of its events; debits are credits."""
    books = await clinic.reads("finance", "/v1/reports/trial-balance")
    rows = {(r["gl_account"], r["currency"]): _both(r) for r in books["rows"]}
    assert rows == month_sums.trial_balance(events)
    assert {Decimal(total["balance"]) for total in books["totals"].values()} == {Decimal(0)}
    figures = await clinic.reads("finance", f"/v1/reports/revenue?{_period()}")
    found = {(r["facility"], r["currency"]): r for r in figures["rows"]}
    _equal(found, month_sums.revenue(events))
    aged = await clinic.does("finance", "/v1/reports/aging:refresh", {}, 200)
    for report in aged["reports"]:
        as_of = datetime.fromisoformat(report["as_of"]).date()
        sums = month_sums.ageing(events, as_of)
        for total in report["totals"]:
            key = (report["facility"], total["currency"])
            _equal({key: total}, {key: sums[key]})
    assert {report["facility"] for report in aged["reports"]} == {"north", "osaka", "bills"}


async def check_accounts(clinic: Clinic, events: list[Happened]) -> None:
    """Each account, its ledger's last balance and its invoices are the sums of their events."""
    left = month_sums.outstanding(events)
    for account_id, sums in month_sums.accounts(events).items():
        found = await clinic.reads("finance", f"/v1/accounts/{account_id}")
        _equal({account_id: found}, {account_id: sums})
        if (last := await _last_balance(clinic, account_id)) is not None:
            assert last == sums["balance"]
        place = f"/v1/invoices?account_id={account_id}&limit=100"
        for invoice in (await clinic.reads("finance", place))["items"]:
            shown = Decimal(invoice["outstanding"]["amount"])
            assert shown == left.pop(invoice["invoice_id"], Decimal(0))
    assert left == {}


async def _last_balance(clinic: Clinic, account_id: str) -> Decimal | None:
    place = f"/v1/accounts/{account_id}/ledger?limit=500"
    page = await clinic.reads("finance", place)
    last = page["items"][-1:]
    while page["cursor"]:
        page = await clinic.reads("finance", f"{place}&cursor={page['cursor']}")
        last = page["items"][-1:] or last
    return Decimal(last[0]["balance"]["amount"]) if last else None


async def check_papers(clinic: Clinic, events: list[Happened]) -> None:
    """Invoices and statements are set."""
    body = next(event.body for event in events if event.type == "invoice.issued")
    for place in (
        f"/v1/invoices/{body['invoice_id']}",
        f"/v1/accounts/{body['account_id']}/statement?{_period()}",
    ):
        paper = await clinic.fetches("finance", place, Accept="application/pdf")
        assert paper.content.startswith(b"%PDF")


async def check_statements(clinic: Clinic) -> None:
    """Every run has seen to each account that there was, and printed for those that moved."""
    found = (await clinic.reads("finance", "/v1/statement-runs"))["items"]
    runs = [run for run in found if run["facility"] == "north"]
    assert len(runs) == len(KILLED)
    assert {(run["status"], run["failed"]) for run in runs} == {("completed", 0)}
    assert [run["status"] for run in found if run not in runs] == ["failed"]
    assert all(run["delivered"] + run["made"] + run["skipped"] == run["total"] for run in runs)
    assert all(run["delivered"] > 0 for run in runs)


async def check_export(clinic: Clinic, folder: Path, events: list[Happened]) -> None:
    """An export's totals, by its manifest and by its rows, are those of the trial balance."""
    today = datetime.now(UTC).date()
    period = {
        "booked_from": f"{today - timedelta(DAYS_BEFORE)}",
        "booked_to": f"{today + timedelta(1)}",
    }
    asked = await clinic.does("finance", "/v1/gl-exports", period, 202)
    place = f"/v1/gl-exports/{asked['gl_export_id']}"
    await _until_completed(clinic, place)
    manifest = await clinic.reads("finance", f"{place}/manifest")
    sums: dict[str, list[Decimal]] = {}
    for (_, currency), both in month_sums.trial_balance(events).items():
        so_far = sums.setdefault(currency, [Decimal(0), Decimal(0)])
        sums[currency] = [a + b for a, b in zip(so_far, both, strict=True)]
    assert {t["currency"]: list(_both(t)) for t in manifest["totals"]} == sums
    arguments = ("--from", period["booked_from"], "--to", period["booked_to"])
    clinic.runs("gl", "export", *arguments, "--out", str(folder / "gl"))
    exported = (await clinic.fetches("finance", f"{place}/file")).content
    assert (folder / "gl" / "general-ledger.csv").read_bytes() == exported


async def _until_completed(clinic: Clinic, place: str) -> None:
    async def is_completed() -> bool:
        return bool((await clinic.reads("finance", place))["status"] == "completed")

    await until(is_completed)


def _period() -> str:
    today = datetime.now(UTC).date()
    return f"from={today - timedelta(DAYS_BEFORE)}&to={today + timedelta(1)}"


def _both(row: dict[str, str]) -> tuple[Decimal, Decimal]:
    return Decimal(row["debit"]), Decimal(row["credit"])


def _equal(found: dict[Any, Any], sums: dict[Any, dict[str, Decimal]]) -> None:
    """What was found says of each key what was summed; a figure that nothing added to is zero."""
    shown = {
        key: {name: Decimal(found[key][name]["amount"]) for name in figures}
        for key, figures in sums.items()
    }
    assert found.keys() == sums.keys()
    assert shown == sums


@asynccontextmanager
async def killed_meanwhile(clinic: Clinic, names: tuple[str, ...]) -> AsyncIterator[None]:
    """In the middle of what is done while this is entered processes are killed, each in turn."""
    killing = asyncio.create_task(_kill_after(clinic, names))
    try:
        yield
        await killing
    finally:
        killing.cancel()


async def _kill_after(clinic: Clinic, names: tuple[str, ...]) -> None:
    for name in names:
        await until(partial(_has_done, clinic, clinic.done + COMMANDS_BEFORE))
        await _kill(clinic.stack, name)


async def _has_done(clinic: Clinic, goal: int) -> bool:
    return clinic.done >= goal


async def _kill(stack: WholeStack, name: str) -> None:
    """Returns when another one runs in its place."""
    killed = stack.pid(name)
    os.kill(killed, signal.SIGKILL)

    async def is_replaced() -> bool:
        now = stack.find(name)
        return now is not None and now.pid != killed

    await until(is_replaced)
