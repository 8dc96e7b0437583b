"""`daybook tax` as an operator and as a program meet it."""

import json
from datetime import date

import pytest
from click.testing import Result

from contracts.charge import ChargeCaptured
from contracts.ids import ChargeId, derive
from contracts.money import Money
from domain import naming
from domain.account import OpenAccount
from domain.charge import CaptureCharge
from services.execute.envelope import Done
from services.execute.executor import Executor
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.tenants import envelope

VAT = ("--rate", "7.25", "--from", "2026-01-01")


def tax(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("tax", *arguments, env=addresses)


async def test_a_rule_is_set_listed_counts_at_once_and_is_removed(database: Database) -> None:
    assert "nothing is taxed" in tax(database, "list").stdout
    done = tax(database, "set", "vat", *VAT)
    assert (done.exit_code, done.output) == (
        0,
        "vat of demo: 7.25 % on * at * from 2026-01-01 on\n",
    )
    lenses = ("--code", "LENS", "--facility", "north", "--from", "2026-01-01", "--to", "2026-06-30")
    assert tax(database, "set", "lenses", "--rate", "5", *lenses).exit_code == 0
    listed = json.loads(tax(database, "list", "--json").stdout.splitlines()[-1])
    assert listed == [
        {
            "rule": "lenses",
            "rate": "5",
            "facility": "north",
            "code": "LENS",
            "valid_from": "2026-01-01",
            "valid_to": "2026-06-30",
        },
        {
            "rule": "vat",
            "rate": "7.25",
            "facility": "*",
            "code": "*",
            "valid_from": "2026-01-01",
            "valid_to": None,
        },
    ]
    assert "7.25" in tax(database, "list").stdout
    assert "nothing is taxed" in tax(database, "list", "--tenant", "other").stdout
    assert await _taxes(database, "LENS", "OTHER") == [500, 725]
    overlapping = tax(database, "set", "vat 2", *VAT)
    assert (overlapping.exit_code, "in force on some" in overlapping.stderr) == (1, True)
    assert tax(database, "set", "vat", "--rate", "8", "--from", "2026-01-01").exit_code == 0
    assert tax(database, "remove", "lenses").exit_code == 0
    assert await _taxes(database, "LENS", "OTHER", again="2") == [800, 800]
    gone = tax(database, "remove", "lenses")
    assert (gone.exit_code, "no tax rule lenses" in gone.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--rate", "7.25555", "--from", "2026-01-01"), "four decimals"),
        (("--rate", "101", "--from", "2026-01-01"), "from 0 to 100"),
        (("--rate", "nan", "--from", "2026-01-01"), "percent"),
        (("--rate", "much", "--from", "2026-01-01"), "percent"),
        ((*VAT, "--to", "2025-12-31"), "lies before"),
        ((*VAT, "--facility", "a b"), "facility"),
        ((*VAT, "--code", ""), "code"),
    ],
)
def test_what_can_be_no_rule_is_refused(arguments: tuple[str, ...], says: str) -> None:
    refused = command("tax", "set", "vat", *arguments)
    assert (refused.exit_code, says in refused.stderr) == (2, True), refused.stderr


async def _taxes(database: Database, *codes: str, again: str = "") -> list[int]:
    """What a charge of 100.00 for each code is taxed with, in cents."""
    account_id = naming.account_id("demo", "p1", "USD")
    opening = OpenAccount(
        account_id=account_id,
        patient_id="p1",
        name=None,
        facility="north",
        currency="USD",
        unless_open=True,
    )
    charges = [
        CaptureCharge(
            charge_id=ChargeId(derive("chg", code, again)),
            account_id=account_id,
            facility="north",
            code=code,
            system="urn:codes",
            quantity=1,
            service_on=date(2026, 3, 2),
            currency="USD",
            unit_price=Money.of(10_000, "USD"),
        )
        for code in codes
    ]
    found = []
    async with Executor(await database.pool("daybook_writer", 2)) as executor:
        for each in (opening, *charges):
            outcome = await executor.execute(envelope("demo", each))
            if isinstance(outcome, Done) and isinstance(outcome.opening, ChargeCaptured):
                found.append(outcome.opening.tax.minor)
    return found
