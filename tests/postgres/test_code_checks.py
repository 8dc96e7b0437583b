"""Charges are captured with codes that hold, marked so; others are refused, repeats are not."""

from datetime import date
from typing import Any

import asyncpg
import msgspec
import pytest

from contracts import inbound
from contracts.catalogue import decode
from services.adapters.codes import PostgresCodes
from services.code_checks import CodeChecks, coded_of
from services.code_systems import load_codes, read_codes
from services.execute.attempt import LedgerUnavailable
from services.execute.executor import Executor
from services.intake.patience import TIMES_MAX
from services.intake.reading import Arrived
from services.intake.rejected import list_rejected
from services.intake.taking import Taking
from services.licences import Licences, Module
from services.ports import Coded, LicencesAway, Verdict
from tests.fixtures.code_validators import Saying
from tests.fixtures.databases import Database
from tests.fixtures.write_path import all_done, capture, codes, envelope, message, open_account

SYSTEM = "cpt"


async def captured(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT type, body FROM events WHERE type LIKE '%charge.captured%'")
    events: list[Any] = [decode(row["type"], row["body"]) for row in rows]
    return sorted((event.code, event.code_status.value) for event in events)


async def test_codes_of_loaded_systems_are_validated_and_others_are_taken_as_they_are(
    database: Database,
) -> None:
    pool = await database.pool("daybook_writer", 6)
    rows = read_codes(["code\n", "99213\n", "99214\n"])
    await load_codes(pool, "demo", SYSTEM, "1", rows)
    await load_codes(pool, "demo", SYSTEM + "#modifiers", "1", read_codes(["code\n", "25\n"]))
    async with Executor(pool, examine=CodeChecks([PostgresCodes(pool)])) as executor:
        assert all_done(await executor.execute_all([envelope(open_account())]))
        outcomes = await executor.execute_all(
            [
                envelope(capture(name=1)),
                envelope(capture(name=2, code="1")),
                envelope(capture(name=3, code="2", system="other", modifiers=("X",))),
                envelope(capture(name=4, code="99214", modifiers=("25",))),
                envelope(capture(name=5, modifiers=("26",))),
            ]
        )
    assert codes(outcomes) == ["done", "CODE_INVALID", "done", "done", "CODE_INVALID"]
    assert await captured(await database.admin()) == [
        ("2", "unchecked"),
        ("99213", "validated"),
        ("99214", "validated"),
    ]


async def test_a_repeat_is_answered_whatever_its_code_is_now(database: Database) -> None:
    pool = await database.pool("daybook_writer", 6)
    server = Saying(Verdict.VALID)
    async with Executor(pool, examine=CodeChecks([server])) as executor:
        assert all_done(await executor.execute_all([envelope(open_account())]))
        first = envelope(capture(name=1), message("1"))
        assert codes([await executor.execute(first)]) == ["done"]
        server.verdict = Verdict.UNVERIFIED
        second = envelope(capture(name=2), message("2"))
        assert codes(await executor.execute_all([first, second])) == ["again", "CODE_UNVERIFIED"]
        server.verdict = Verdict.INVALID
        assert codes(await executor.execute_all([first, second])) == ["again", "CODE_INVALID"]
        server.verdict = Verdict.VALID
        assert codes([await executor.execute(second)]) == ["done"]


def message_of(account_id: str, sequence: int, delivered: int = 1) -> Arrived:
    data = {
        "account_id": account_id,
        "facility": "north",
        "code": "99213",
        "system": SYSTEM,
        "service_date": "2026-01-02",
        "currency": "USD",
        "unit_price": {"amount": "1", "currency": "USD"},
    }
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"m-{sequence}",
        "ce-source": "/clinic",
        "ce-type": inbound.CAPTURE_CHARGE,
    }
    subject = f"intake.demo.{inbound.CAPTURE_CHARGE}"
    return Arrived(subject, headers, msgspec.json.encode(data), sequence, delivered)


async def test_a_message_waits_for_its_code_and_is_rejected_in_the_end(
    database: Database,
) -> None:
    pool = await database.pool("daybook_writer", 6)
    server = Saying(Verdict.UNVERIFIED)
    async with Executor(pool, examine=CodeChecks([server])) as executor:
        account = open_account()
        assert all_done(await executor.execute_all([envelope(account)]))
        taking = Taking(executor, pool, stream="BILLING_INTAKE", prefix_tokens=0)
        first, second = (message_of(account.account_id, number) for number in (1, 2))
        taken = await taking.take([first, second])
        assert (taken.settled, taken.again, taken.later) == ([], [], [0, 1])
        server.verdict = Verdict.VALID
        taken = await taking.take([first._replace(delivered=TIMES_MAX)])
        assert (taken.settled, taken.taken_count) == ([0], 1)
        server.verdict = Verdict.UNVERIFIED
        last = second._replace(delivered=TIMES_MAX)
        taken = await taking.take([last, first])  # a repeat of what was captured needs no check
        assert (taken.settled, taken.rejected_count, taken.repeated_count) == ([0, 1], 1, 1)
    (rejected,) = (await list_rejected(pool, "demo")).items
    assert rejected.code == "CODE_UNVERIFIED"


async def test_a_database_that_is_away_is_no_bad_code(database: Database) -> None:
    pool = await database.pool("daybook_writer", 6)
    async with Executor(pool, examine=CodeChecks([PostgresCodes(pool)])) as executor:
        lost = await database.pool("daybook_writer", 1)
        executor._examine = CodeChecks([PostgresCodes(lost)])
        await lost.close()
        with pytest.raises(LedgerUnavailable):
            await executor.execute(envelope(capture()))


class Licensing:
    """Says what is licensed, or does not answer."""

    def __init__(self, modules: frozenset[str] | None) -> None:
        self._modules = modules

    async def modules(self, tenant: str) -> frozenset[str]:
        if self._modules is None:
            raise LicencesAway("no answer")
        return self._modules


@pytest.mark.parametrize(
    ("modules", "became"),
    [(frozenset({Module.CORE}), "taken"), (frozenset({"other"}), "rejected"), (None, "later")],
)
async def test_what_comes_over_the_bus_needs_the_core(
    database: Database, modules: frozenset[str] | None, became: str
) -> None:
    pool = await database.pool("daybook_writer", 6)
    async with Executor(pool) as executor:
        account = open_account()
        assert all_done(await executor.execute_all([envelope(account)]))
        taking = Taking(
            executor,
            pool,
            stream="BILLING_INTAKE",
            prefix_tokens=0,
            licences=Licences(Licensing(modules)),
        )
        taken = await taking.take([message_of(account.account_id, 1)])
    found = {
        "taken": taken.taken_count,
        "rejected": taken.rejected_count,
        "later": len(taken.later),
    }
    assert found == {name: int(name == became) for name in found}


def test_a_charge_says_when_its_service_was() -> None:
    charge = msgspec.structs.replace(capture(), modifiers=("25",), service_on=date(2025, 2, 3))
    assert coded_of("demo", charge) == [
        Coded("demo", SYSTEM, "99213", date(2025, 2, 3)),
        Coded("demo", SYSTEM + "#modifiers", "25", date(2025, 2, 3)),
    ]
