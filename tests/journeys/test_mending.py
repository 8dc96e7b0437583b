"""What could not be taken or charged, as an operator mends it: look, mend, try again."""

import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contracts.cloudevent import CloudEvent, to_nats_binary, to_structured
from contracts.inbound import ENCOUNTER_CLOSED, REMITTANCE_RECEIVED
from services.adapters.postgres.migrate import SEARCH_PATH
from tests.fixtures.command_line import command
from tests.fixtures.waiting import until
from tests.fixtures.whole_stack import WholeStack

HL7 = b"MSH|^~\\&|REG|NORTH|BILLING|DAYBOOK|20260302173000||DFT^P03|7|P|2.5\r"


class Operator:
    """Somebody at a terminal beside the running stack."""

    def __init__(self, stack: WholeStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder

    def does(self, *arguments: str) -> str:
        """A command that succeeds; what it prints."""
        done = command(*arguments, "--data-dir", str(self.stack.data_dir))
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def fails(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """A command that is refused in one line; that line."""
        done = command(*arguments, "--data-dir", str(self.stack.data_dir), env=env)
        assert done.exit_code == 1
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr

    def lists(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command lists as JSON."""
        found: list[dict[str, Any]] = json.loads(self.does(*arguments, "--json"))["items"]
        return found

    def file(self, name: str, *events: CloudEvent) -> str:
        """A file of CloudEvents, one a line."""
        path = self.folder / name
        path.write_bytes(b"".join(to_structured(event) + b"\n" for event in events))
        return str(path)

    async def balance(self, patient: str) -> Decimal | None:
        """What the patient owes; None without an account."""
        found = (await self.stack.query.get(f"/v1/accounts?patient_id={patient}"))["items"]
        return Decimal(found[0]["balance"]["amount"]) if found else None


@pytest.fixture
def operator(whole_stack: WholeStack, tmp_path: Path) -> Operator:
    return Operator(whole_stack, tmp_path)


def event(type_: str, name: str, data: dict[str, Any]) -> CloudEvent:
    return CloudEvent(
        id=name,
        source="/mending",
        type=type_,
        datacontenttype="application/json",
        data=json.dumps(data).encode(),
    )


def encounter(name: str, **service: Any) -> CloudEvent:
    """A visit of one service, of 40.00 unless it says otherwise."""
    priced = {"unit_price": {"amount": "40.00", "currency": "GEL"}}
    visit = {"code": "99213", "system": "urn:cpt", "service_date": "2026-03-02"}
    closed = {
        "encounter_id": name,
        "patient": {"patient_id": f"P-{name}", "name": "Zura"},
        "facility": "north",
        "currency": "GEL",
        "closed_at": "2026-03-02T17:00:00+04:00",
        "services": [visit | (service or priced)],
    }
    return event(ENCOUNTER_CLOSED, name, closed)


async def test_a_rejected_message_is_listed_shown_mended_and_becomes_a_charge(
    operator: Operator,
) -> None:
    broken, beside = encounter("mend-1", quantity="two"), encounter("mend-2")
    sent = command(
        *("intake", "publish", str(operator.folder / "missing.jsonl"), str(operator.folder)),
        operator.file("day.jsonl", broken, beside),
        *("--data-dir", str(operator.stack.data_dir)),
    )
    assert (sent.exit_code, len(sent.stderr.splitlines())) == (1, 2)
    assert "missing.jsonl: cannot be read" in sent.stderr
    assert "sent 2 messages, 2 could not be read" in sent.stdout
    await operator.stack.caught_up()
    assert await operator.balance("P-mend-2") == 40

    (listed,) = _named(operator.lists("intake", "rejected", "list"), "mend-1")
    rejected = listed["rejection_id"]
    assert (listed["status"], listed["code"]) == ("open", "VALIDATION_FAILED")
    assert "quantity" in listed["detail"]
    shown = json.loads(operator.does("intake", "rejected", "show", rejected))
    assert json.loads(shown["payload"])["services"][0]["quantity"] == "two"
    assert shown["headers"]["ce-id"] == "mend-1"

    mended = operator.file("mended.json", encounter("mend-1"))
    operator.does("intake", "rejected", "retry", rejected, "--file", mended)
    await operator.stack.caught_up()
    assert await operator.balance("P-mend-1") == 40
    assert _named(operator.lists("intake", "rejected", "list"), "mend-1") == []

    assert "is retried already" in operator.fails("intake", "rejected", "retry", rejected)
    assert "there is no rejected" in operator.fails("intake", "rejected", "retry", "rej_none")
    nowhere = str(operator.folder / "nowhere.json")
    assert "cannot be read" in operator.fails(
        "intake", "rejected", "retry", rejected, "--file", nowhere
    )


async def test_what_is_no_cloudevent_is_kept_beside_the_rest_and_discarded(
    operator: Operator,
) -> None:
    headers, payload = to_nats_binary(encounter("raw-2"))
    async with operator.stack.looking() as (_, client):
        subject = f"intake.demo.{ENCOUNTER_CLOSED}"
        bus = client.jetstream()
        await bus.publish(subject, HL7)
        await bus.publish(subject, payload, headers=headers)
    await operator.stack.caught_up()
    assert await operator.balance("P-raw-2") == 40
    rejected = next(
        found["rejection_id"]
        for found in operator.lists("intake", "rejected", "list")
        if found["message_id"] is None
    )
    shown = json.loads(operator.does("intake", "rejected", "show", rejected))
    assert shown["payload"].encode() == HL7
    assert "--file" in operator.fails("intake", "rejected", "retry", rejected)
    operator.does("intake", "rejected", "discard", rejected, "--reason", "sent by mistake")
    assert "is discarded already" in operator.fails("intake", "rejected", "retry", rejected)
    everything = operator.lists("intake", "rejected", "list", "--all")
    assert [f["status"] for f in everything if f["rejection_id"] == rejected] == ["discarded"]


async def test_what_came_for_no_tenant_is_sent_again_for_the_one_it_was_meant_for(
    operator: Operator,
) -> None:
    headers, payload = to_nats_binary(encounter("nobodys"))
    async with operator.stack.looking() as (_, client):
        subject = f"intake.Demo.{ENCOUNTER_CLOSED}"
        await client.jetstream().publish(subject, payload, headers=headers)
    await operator.stack.caught_up()
    nobody = ("--tenant", "_nobody")
    (listed,) = operator.lists("intake", "rejected", "list", *nobody)
    rejected = listed["rejection_id"]
    refused = command("intake", "rejected", "retry", rejected, *nobody)
    assert (refused.exit_code, "--as TENANT" in refused.stderr) == (2, True)
    operator.does("intake", "rejected", "retry", rejected, *nobody, "--as", "demo")
    await operator.stack.caught_up()
    assert await operator.balance("P-nobodys") == 40


async def test_an_encounter_without_a_price_waits_until_one_is_published(
    operator: Operator,
) -> None:
    operator.does("intake", "publish", operator.file("day", encounter("park-1", code="PARK-1")))
    await operator.stack.caught_up()
    (parked,) = [
        found
        for found in operator.lists("encounter", "list")
        if any("PARK-1" in problem for problem in found["problems"])
    ]
    assert "PRICE_NOT_FOUND" in parked["problems"][0]
    price = {
        "facility": "north",
        "code": "PARK-1",
        "unit_price": {"amount": "55.50", "currency": "GEL"},
        "valid_from": "2026-01-01",
    }
    await operator.stack.query.post(
        "/v1/price-lists", {"name": "North", "prices": [price]}, key="mending-prices"
    )
    assert parked["encounter_id"] in operator.does("encounter", "resume", parked["encounter_id"])
    await operator.stack.caught_up()
    assert await operator.balance("P-park-1") == Decimal("55.50")
    assert parked not in operator.lists("encounter", "list")
    assert "there is no encounter" in operator.fails("encounter", "resume", "enc_none")


@pytest.fixture
async def impatient(whole_stack: WholeStack) -> AsyncIterator[None]:
    """Remittances of the tenant wait no day for an invoice."""
    admin = await asyncpg.connect(
        whole_stack.addresses.postgres_url, server_settings={"search_path": SEARCH_PATH}
    )
    try:
        await admin.execute(
            "INSERT INTO tenant_settings (tenant, settings)"
            """ VALUES ('demo', '{"remittance_wait_days": 0}')"""
        )
        yield
        await admin.execute("DELETE FROM tenant_settings WHERE tenant = 'demo'")
    finally:
        await admin.close()


@pytest.mark.usefixtures("impatient")
async def test_a_remittance_whose_invoice_came_too_late_is_resumed(operator: Operator) -> None:
    paid = {"amount": "40.00", "currency": "GEL"}
    claims = [{"encounter_id": "late", "paid": paid}]
    advice = {"remittance_id": "R-late", "payer": "Vita", "total": paid, "claims": claims}
    operator.does(
        "intake", "publish", operator.file("day", event(REMITTANCE_RECEIVED, "R-late", advice))
    )
    await operator.stack.caught_up()
    (parked,) = _of_remittance(operator, "R-late")
    (claim,) = parked["claims"]
    assert (claim["named"], claim["paid"]) == ("late", "40.00 GEL")
    assert "no invoice" in claim["detail"]

    operator.does("intake", "publish", operator.file("later", encounter("late")))
    await operator.stack.caught_up()
    assert await operator.balance("P-late") == 40
    resume = ("remittance", "resume", parked["remittance_id"])
    nowhere = {"DAYBOOK_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    assert "Temporal at 127.0.0.1:1" in operator.fails(*resume, env=nowhere)
    operator.does(*resume)

    async def is_posted() -> bool:
        return await operator.balance("P-late") == 0

    await until(is_posted)
    assert _of_remittance(operator, "R-late") == []
    assert "no remittance" in operator.fails(*resume)


def _of_remittance(operator: Operator, name: str) -> list[dict[str, Any]]:
    return [
        found for found in operator.lists("remittance", "list") if found["remittance_ref"] == name
    ]


def _named(found: list[dict[str, Any]], message_id: str) -> list[dict[str, Any]]:
    return [message for message in found if message["message_id"] == message_id]
