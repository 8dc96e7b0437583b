"""`daybook up`: it stays, it is found, it mends itself, and it goes without a trace."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from services.query import ProblemAnswered
from services.up import PROCESSES
from tests.fixtures.command_line import command
from tests.fixtures.whole_stack import STOP_SECONDS_MAX, WholeStack, daybook

MEND_SECONDS_MAX = 60


async def account_of(stack: WholeStack, patient: str) -> dict[str, Any]:
    body = {"patient_id": patient, "name": "Zura", "facility": "north", "currency": "GEL"}
    return await stack.query.post("/v1/accounts", body, key=f"open-{patient}")


async def charge(stack: WholeStack, account_id: str, key: str) -> dict[str, Any]:
    body = {
        "account_id": account_id,
        "facility": "north",
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "unit_price": {"amount": "10.00", "currency": "GEL"},
    }
    return await stack.query.post("/v1/charges", body, key=key)


def test_it_says_in_one_line_of_json_when_it_is_ready(whole_stack: WholeStack) -> None:
    assert whole_stack.ready["ready"] is True
    assert whole_stack.ready["addresses"]["API"] == whole_stack.addresses.api_url


@pytest.mark.parametrize(("name", "metric"), [("relay", "billing_outbox_lag"), ("api", "daybook_")])
def test_it_says_where_each_process_serves_its_metrics(
    name: str, metric: str, whole_stack: WholeStack
) -> None:
    metrics = whole_stack.ready["metrics"]
    assert list(metrics) == list(PROCESSES)
    assert metrics == whole_stack.addresses.metrics
    with urlopen(metrics[name]) as answer:
        assert metric in answer.read().decode()


def test_a_second_one_on_the_same_data_says_so_and_the_first_goes_on(
    whole_stack: WholeStack,
) -> None:
    second = daybook("up", "--data-dir", str(whole_stack.data_dir))
    assert second.returncode == 1
    assert str(whole_stack.process.pid) in second.stderr
    assert whole_stack.process.poll() is None
    assert command("migrate", "--data-dir", str(whole_stack.data_dir)).exit_code == 0


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_that_is_killed_comes_back_and_nothing_is_lost(
    whole_stack: WholeStack, name: str
) -> None:
    account = await account_of(whole_stack, f"killed-{name}")
    before = whole_stack.pid(name)
    os.kill(before, signal.SIGKILL)
    async with asyncio.timeout(MEND_SECONDS_MAX):
        await _restarted(whole_stack, name, before)
        done = await _charged(whole_stack, account["account_id"], name)
        path = f"/v1/accounts/{account['account_id']}?after={done['token']}"
        while True:
            try:
                seen = await whole_stack.query.get(path)
                break
            except (OSError, ProblemAnswered):
                await asyncio.sleep(0.1)
    assert seen["balance"] == {"amount": "10.00", "currency": "GEL"}


async def _restarted(stack: WholeStack, name: str, killed: int) -> None:
    async with asyncio.timeout(MEND_SECONDS_MAX):
        while True:
            now = stack.find(name)
            if now is not None and now.pid != killed:
                return
            await asyncio.sleep(0.1)


async def _charged(stack: WholeStack, account_id: str, name: str) -> dict[str, Any]:
    """The charge, as soon as the API answers again; the same key makes it one."""
    async with asyncio.timeout(MEND_SECONDS_MAX):
        while True:
            try:
                return await charge(stack, account_id, f"charge-{name}")
            except (OSError, ProblemAnswered):
                await asyncio.sleep(0.1)


async def test_a_signal_stops_everything_in_order_and_a_restart_finds_the_ledger(
    tmp_path: Path,
) -> None:
    first = WholeStack(tmp_path / "data")
    account = await account_of(first, "kept")
    await first.caught_up()
    _stops_without_a_trace(first, signal.SIGINT)
    second = WholeStack(tmp_path / "data")
    try:
        found = await second.query.get("/v1/accounts?patient_id=kept")
        assert [row["account_id"] for row in found["items"]] == [account["account_id"]]
    finally:
        _stops_without_a_trace(second, signal.SIGTERM)


def _stops_without_a_trace(stack: WholeStack, number: signal.Signals) -> None:
    children = stack.children()
    assert stack.stop(number) == 0
    gone, alive = psutil.wait_procs(children, timeout=STOP_SECONDS_MAX)
    assert len(gone) >= len(PROCESSES)
    assert alive == []


async def test_a_purged_and_a_deleted_stream_are_whole_again_and_the_audit_agrees(
    whole_stack: WholeStack,
) -> None:
    account = await account_of(whole_stack, "purged")
    await charge(whole_stack, account["account_id"], "charge-purged")
    status = await whole_stack.caught_up()
    for operation in ("PURGE", "DELETE"):
        async with whole_stack.looking() as (_, client):
            await client.request(f"$JS.API.STREAM.{operation}.BILLING_EVENTS", b"", timeout=5)
        await _whole(whole_stack, status.events)
    verified = command(
        "audit", "verify", "--deep", "--json", "--data-dir", str(whole_stack.data_dir)
    )
    assert verified.exit_code == 0, verified.stdout


async def _whole(stack: WholeStack, events: int) -> None:
    async with stack.looking() as (_, client), asyncio.timeout(MEND_SECONDS_MAX):
        while True:
            answer = await client.request("$JS.API.STREAM.INFO.BILLING_EVENTS", b"", timeout=5)
            state = json.loads(answer.data).get("state", {})
            if state.get("messages", 0) >= events and state["last_seq"] >= events:
                return
            await asyncio.sleep(0.1)
