"""`daybook rates` and `daybook bill`: what operators load and look at."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.cli.bills import find_shown
from services.exchange_rates import RatesUnusable, list_rates, load_rates, read_rates
from services.execute.executor import Executor
from services.sealing import make_keys, seal
from tests.fixtures import bill_commands as bills
from tests.fixtures.databases import Database
from tests.fixtures.write_path import all_done, envelope

HEAD = "from,to,rate,first_day,last_day,surface\n"


async def test_what_is_loaded_counts_on_its_days_instead_of_what_was_there(
    database: Database,
) -> None:
    pool = await database.pool("daybook_writer", 2)
    year = read_rates([HEAD, "USD,GEL,2.7,2026-01-01,2026-12-31,*\n"])
    assert await load_rates(pool, "demo", year) == 1
    for _ in range(2):
        march = read_rates([HEAD, "USD,GEL,2.8,2026-03-01,2026-03-31,*\n"])
        await load_rates(pool, "demo", march)
    found = [(each.first_day, each.last_day, each.rate) for each in await list_rates(pool, "demo")]
    assert found == [
        (date(2026, 1, 1), date(2026, 2, 28), Decimal("2.7")),
        (date(2026, 3, 1), date(2026, 3, 31), Decimal("2.8")),
        (date(2026, 4, 1), date(2026, 12, 31), Decimal("2.7")),
    ]
    async with Executor(pool) as executor:
        made = bills.monthly(month="2026-03")
        outcomes = [
            await executor.execute(envelope(command))
            for command in (made, bills.add(made, currency="GEL", amount="2.70"))
        ]

    assert all_done(outcomes)


@pytest.mark.parametrize(
    "line",
    [
        "USD,USD,1,2026-01-01,,",
        "USD,LEK,1,2026-01-01,,",
        "USD,GEL,0,2026-01-01,,",
        "USD,GEL,x,2026-01-01,,",
        "USD,GEL,1,soon,,",
        "USD,GEL,1,2026-01-02,2026-01-01,",
        "USD,GEL,1,2026-01-01,,weekly",
    ],
)
def test_a_line_that_is_no_rate_is_named(line: str) -> None:
    with pytest.raises(RatesUnusable, match="line 2"):
        list(read_rates([HEAD, line]))


def test_a_heading_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RatesUnusable, match="rate"):
        list(read_rates(["from,to\n"]))


async def test_a_bill_is_shown_with_its_newest_items_and_their_texts(database: Database) -> None:
    pool = await database.pool("daybook_writer", 2)
    keys = await make_keys(pool, "demo", ["cust-1"])
    made = bills.monthly(month="2026-03")
    text = seal(keys, "demo", "cust-1", "api fee")
    commands = [made, bills.add(made, description=text), bills.add(made, "li-2", "1.00")]
    async with Executor(pool) as executor:
        assert all_done([await executor.execute(envelope(command)) for command in commands])
    shown = await find_shown(pool, "demo", made.bill_id, 1)
    assert shown is not None
    assert (shown.total, shown.item_count, [item.key for item in shown.items]) == (
        "3.50",
        2,
        ["li-2"],
    )
    whole = await find_shown(pool, "demo", made.bill_id, 10)
    assert whole is not None
    assert [item.description for item in whole.items] == ["api fee", ""]
    assert await find_shown(pool, "demo", "acc_1", 1) is None
    assert shown.workflow_id == f"bill/demo/{made.bill_id}"
