"""`daybook zone` as an operator and as a program meet it."""

import json
from datetime import UTC, date, datetime

from click.testing import Result

from contracts.charge import ChargeCaptured
from contracts.ids import ChargeId
from contracts.money import Money
from domain import naming
from domain.account import OpenAccount
from domain.charge import CaptureCharge
from services.execute.envelope import Done
from services.execute.executor import Executor
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.tenants import envelope

EVENING = datetime(2026, 3, 2, 20, tzinfo=UTC)


def zone(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("zone", *arguments, env=addresses)


async def test_a_zone_is_set_listed_and_is_what_bookings_go_by(database: Database) -> None:
    assert zone(database, "set", "Europe/Paris").output == "* of demo: Europe/Paris\n"
    for name in ("Asia/Tokyo", "Asia/Kabul"):
        assert zone(database, "set", name, "--facility", "kabul").exit_code == 0
    listed = json.loads(zone(database, "list", "--json").stdout.splitlines()[-1])
    assert listed == [
        {"facility": "*", "time_zone": "Europe/Paris"},
        {"facility": "kabul", "time_zone": "Asia/Kabul"},
    ]
    assert "Asia/Kabul" in zone(database, "list").stdout
    assert "UTC" in zone(database, "list", "--tenant", "other").stdout
    # Eight in the evening in UTC is past midnight in Kabul, and not in Paris.
    assert await _booked(database, "kabul", "paris") == [date(2026, 3, 3), date(2026, 3, 2)]


def test_what_is_no_zone_or_no_facility_is_refused(database: Database) -> None:
    unknown = zone(database, "set", "Asia/Kabool")
    assert (unknown.exit_code, "no IANA time zone" in unknown.stderr) == (1, True)
    wrong = zone(database, "set", "Asia/Kabul", "--facility", "a b")
    assert (wrong.exit_code, "letters, digits" in wrong.stderr) == (2, True)


async def _booked(database: Database, *facilities: str) -> list[date]:
    """On which day charges of one moment are booked."""
    account_id = naming.account_id("demo", "p1", "USD")
    opening = OpenAccount(
        account_id=account_id, patient_id="p1", name=None, facility="north", currency="USD"
    )
    charges = [
        CaptureCharge(
            charge_id=ChargeId(f"chg_{facility}"),
            account_id=account_id,
            facility=facility,
            code="99213",
            system="urn:codes",
            quantity=1,
            service_on=date(2026, 3, 2),
            currency="USD",
            unit_price=Money.of(10_000, "USD"),
        )
        for facility in facilities
    ]
    pool = await database.pool("daybook_writer", 2)
    async with Executor(pool, now=lambda: EVENING) as executor:
        outcomes = [await executor.execute(envelope("demo", each)) for each in (opening, *charges)]
    return [
        outcome.opening.booked_on
        for outcome in outcomes
        if isinstance(outcome, Done) and isinstance(outcome.opening, ChargeCaptured)
    ]
