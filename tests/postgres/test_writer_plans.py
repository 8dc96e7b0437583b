"""What else runs beside the write path: each reads what it was asked for, however much there is,
also where the planner knows only of a time when there was nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from contracts.columns import columns
from services import sealing
from services.adapters import codes
from services.api import openings, price_lists
from services.bills import reading
from services.execute.statements import sql as write_path
from services.fhir import replacing, store, writing
from services.gl_export import found
from services.intake import rejected
from services.sagas import ledger, waits
from services.sagas.ledger import sql
from tests.fixtures.databases import Database
from tests.fixtures.plans import prepare, rows_read

ROWS = 20_000
ASKED = 200
# Charges, encounters of which a few need attention, remittances of which a few are parked.
FILLING = (
    "INSERT INTO stream_heads SELECT 'demo', 'chg_' || n, 1, NULL, '{}'",
    "INSERT INTO stream_heads SELECT 'demo', k || '_' || n, 1, NULL, convert_to(s, 'UTF8')"
    " FROM (SELECT n / 20 AS n FROM series WHERE n % 20 = 0) AS x, (VALUES"
    " ('enc', '{\"type\":\"attention_required\"}'), ('rem', '{\"results\":[\"parked\"]}'))"
    " v (k, s)",
    "INSERT INTO events SELECT 'demo', stream_id, 1, 'billing.x.v1', stream_id, now(), '{}', '{}'"
    " FROM stream_heads",
    "INSERT INTO account_heads SELECT 'demo', 'o' || n, 1, 'f', 'USD', 'open', 0, 0",
    "INSERT INTO claims SELECT 'demo', 'invoice_number', 'n-' || n, 'chg_' || n",
    "INSERT INTO subject_keys SELECT 'demo', 's' || n, ''",
    "INSERT INTO saga_waits SELECT 'demo', 'a' || n, 'w' || n",
    "INSERT INTO open_items SELECT 'demo', 'acc_' || n / 1000, 'charge', 'chg_' || n, 1",
    "INSERT INTO stream_heads SELECT 'demo', 'prl_' || n, 1, NULL, '{}'",
    "INSERT INTO prices SELECT 'demo', '*', 'c' || n, 'USD', '[2026-01-01,)', 1, 'prl_' || n",
    "INSERT INTO stream_heads SELECT 'demo', 'rej_' || n, 1, NULL, '{}'",
    "INSERT INTO billing_intake_rejected SELECT 'demo', 'rej_' || n, '', NULL, NULL, NULL, '', '',"
    " '', '', now(), CASE WHEN n % 100 = 1 THEN 'open' ELSE 'retried' END",
    "INSERT INTO stream_heads SELECT 'demo', 'bill_' || n, 1, NULL, '{}'",
    "INSERT INTO claims SELECT 'demo', 'bill', 'dated/' || n, 'bill_' || n",
    "INSERT INTO claims SELECT 'demo', 'bill', 'monthly/' || n / 100 || '/' || n, 'bill_' || n",
    "INSERT INTO events SELECT 'demo', 'bill_0', n, 'billing.bill.line_item_added.v1', 'bill_0',"
    " now(), '{}', '{}'",
    "INSERT INTO exchange_rates SELECT 'demo', CASE n / 17576 WHEN 0 THEN 'dated' ELSE '*' END,"
    " chr(65 + n % 26) || chr(65 + n / 26 % 26) || chr(65 + n / 676 % 26),"
    " CASE n WHEN 17575 THEN 'AAA' ELSE 'ZZZ' END, '[2026-01-01,)', 2",
    "INSERT INTO fhir_resources SELECT 'demo', 'Invoice', 'i' || n, 1, '', 's' || n,"
    " CASE WHEN n % 100 = 1 THEN 'draft' ELSE 'balanced' END, '{}'",
    "INSERT INTO fhir_versions SELECT 'demo', 'Invoice', 'i' || n, 1, 's' || n, now(), 'x'",
    "INSERT INTO fhir_identifiers SELECT 'demo', 'Invoice', convert_to('t' || n, 'UTF8'), 'i' || n",
    "INSERT INTO billing_codes (tenant, system, code, version) SELECT 'demo', 's', 'c' || n, 'v'",
)
SYSTEM = "INSERT INTO billing_code_systems (tenant, system, version, code_count)"


def some(prefix: str) -> list[str]:
    return [f"{prefix}{number}" for number in range(1, ASKED + 1)]


TOKENS = [name.encode() for name in some("t")]
STATEMENTS: Mapping[str, tuple[str, Sequence[Any]]] = {
    "parked encounters": (sql("parked_encounters.sql"), ("demo", None, 20)),
    "parked remittances": (sql("parked_remittances.sql"), ("demo", None, None, 20)),
    "open charges": (
        sql("open_charges.sql"),
        ("demo", [f"acc_{n // 1000}" for n in range(1, ASKED + 1)], some("chg_")),
    ),
    "sources": (sql("read_sources.sql"), ("demo", some("enc_"))),
    "states": (ledger._STATES, ("demo", some("enc_"))),
    "numbers": (ledger._NUMBERS, ("demo", some("n-"))),
    "waiting": (waits._WAITING, (["demo"] * ASKED, some("a"))),
    "forgotten": (waits._FORGET, ("demo", some("a"), "w1")),
    "keys": (sealing._FOUND, ("demo", some("s"))),
    "openings": (openings._OPENINGS, (["demo"] * ASKED, some("chg_"))),
    "events": (openings._EVENTS, ("demo", "chg_1", None, 1, 2)),
    "lines": (write_path("load_lines.sql"), columns([("demo", i) for i in some("chg_")], "tt")),
    "accounts": (write_path("read_accounts.sql"), columns([("demo", i) for i in some("o")], "tt")),
    "export": (found._FIND, ("demo", "chg_1")),
    "forgotten workflow": (waits._FORGET_WORKFLOW, ("demo", "w2")),
    "rejected": (rejected._LIST, ("demo", "open", None, 20)),
    "price lists": (price_lists._PAGE, ("", 51, None, None, None, None)),
    "bills of a customer": (reading._BILLS, ("demo", "monthly/7/", "monthly/70")),
    "page of bills": (reading._PAGE, ("demo", "dated/", "dated0", 100, 0)),
    "items of a bill": (reading._ITEMS, ("demo", ["bill_0"], 100)),
    "rates": (write_path("load_rates.sql"), columns([("demo", "dated", "BAA", "ZZZ")], "tttt")),
    "fhir heads": (writing.LOCK, ("demo", ["Invoice"] * ASKED, some("i"))),
    "fhir ids": (
        store._FIND,
        ("demo", "Invoice", "", some("i"), None, None, None, "", 200, 4 << 20),
    ),
    "fhir tokens": (
        store._FIND,
        ("demo", "Invoice", "", None, TOKENS, None, None, "", 200, 4 << 20),
    ),
    "fhir subjects": (
        store._FIND,
        ("demo", "Invoice", "", None, None, None, some("s"), "", 200, 4 << 20),
    ),
    "fhir statuses": (
        store._FIND,
        ("demo", "Invoice", "", None, None, ["draft"], None, "", 200, 4 << 20),
    ),
    "fhir page": (store._FIND, ("demo", "Invoice", "", None, None, None, None, "i5", 200, 4 << 20)),
    "fhir versions": (replacing.HISTORY, ("demo", "Invoice", "i7", "", None, 200, None, 4 << 20)),
    "codes": (codes._WINDOWS, (["demo"] * ASKED, ["s"] * ASKED, some("c"))),
}
# Two tables a row are read, and the few of a kind are looked through whole.
MOST = dict.fromkeys(STATEMENTS, 2 * ASKED) | {
    "fhir ids": 5 * ASKED,
    "fhir tokens": 5 * ASKED,
    "fhir subjects": 5 * ASKED,
    "fhir statuses": 5 * ASKED,
    "fhir page": 5 * ASKED,
    "parked encounters": ROWS // 20 + ASKED,
    "parked remittances": ROWS // 20 + ASKED,
}


async def fill(admin: asyncpg.Pool, last: int, first: int = 1) -> None:
    for statement in FILLING:
        series = f"generate_series({first}, {last}) AS n"
        if "series" in statement:
            await admin.execute(statement.replace("series", series))
        else:
            keep = " WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream_id = s.stream_id)"
            of_heads = statement.endswith("FROM stream_heads")
            await admin.execute(statement + (f" s{keep}" if of_heads else f" FROM {series}"))


@pytest.mark.parametrize("is_analysed", [True, False])
async def test_a_plan_from_the_first_second_reads_what_was_asked_for(
    database: Database, is_analysed: bool
) -> None:
    admin, writer = await database.admin(), await database.pool("daybook_writer", 1)
    await admin.execute(f"{SYSTEM} SELECT 'demo', 's', 'v', 1")
    await fill(admin, 1)
    if is_analysed:
        await admin.execute("ANALYZE")
    async with writer.acquire() as connection:
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', false)")
        for name, (statement, values) in STATEMENTS.items():
            await prepare(connection, name, statement, values)
        await fill(admin, ROWS, 2)
        read = {
            name: await rows_read(connection, name, values)
            for name, (_, values) in STATEMENTS.items()
            if name != "codes"
        }
        async with connection.transaction():
            await connection.execute(codes._OPEN, "demo")
            read["codes"] = await rows_read(connection, "codes", STATEMENTS["codes"][1])
    too_many = {name: rows for name, rows in read.items() if rows > MOST[name]}
    assert not too_many
    nothing = {name for name, rows in read.items() if not rows}
    assert nothing <= {"forgotten"}, "it was forgotten as the plan was made"
