"""Usage fees over the bus: each comes to the bill of its month, or the next one that is open."""

from datetime import UTC, datetime
from typing import Any

from contracts import inbound
from contracts.bill import BillCreated, BillLineItemAdded
from contracts.catalogue import decode
from domain import naming
from domain.bill_states import Active
from services.execute.envelope import Refused
from services.execute.load import decode_state
from tests.fixtures import bill_commands as bills
from tests.fixtures.intake import Write, arrived, rejected_codes
from tests.fixtures.tenants import envelope


def fee(**changes: Any) -> dict[str, Any]:
    return {
        "customer": "cust-1",
        "currency": "USD",
        "amount": "1.25",
        "description": "api calls",
        "reference": "meter-7",
        "incurred_at": "2025-12-31T23:30:00Z",
        **changes,
    }


def sent(place: int, **changes: Any) -> Any:
    return arrived(place, fee(**changes), type_=inbound.USAGE_FEE_INCURRED)


async def events(write: Write, kind: type) -> list[Any]:
    rows = await write.admin.fetch(
        "SELECT type, body FROM events WHERE type LIKE 'billing.bill%' ORDER BY stream_id, version"
    )
    found = [decode(row["type"], row["body"]) for row in rows]
    return [event for event in found if isinstance(event, kind)]


async def test_a_fee_opens_the_bill_of_its_month_and_the_next_one_is_added(write: Write) -> None:
    taken = await write.taking.take([sent(1), sent(2, amount="0.75")])
    assert (taken.taken_count, taken.rejected_count) == (2, 0)
    bill_id = naming.monthly_bill_id("demo", "cust-1", "2025-12")
    state = await write.admin.fetchval(
        "SELECT state FROM stream_heads WHERE stream_id = $1", bill_id
    )
    bill = decode_state(bill_id, state)
    assert isinstance(bill, Active)
    assert (bill.item_count, bill.total_minor) == (2, 200)
    again = await write.taking.take([sent(1), sent(2, amount="0.75")])
    assert again.repeated_count == 2
    assert (
        await write.admin.fetchval(
            "SELECT count(*) FROM events WHERE position('calls'::bytea IN body) > 0"
        )
        == 0
    )


async def test_a_month_is_local_to_the_tenant(write: Write) -> None:
    await write.admin.execute(
        "INSERT INTO tenant_settings (tenant, time_zone) VALUES ('demo', 'Asia/Tbilisi')"
    )
    await write.taking.take([sent(1)])
    (made,) = await events(write, BillCreated)
    assert made.month == "2026-01"


async def test_a_fee_of_a_closed_month_goes_to_the_next_open_bill_with_a_link(
    write: Write,
) -> None:
    december, march = bills.monthly(month="2025-12"), bills.monthly(month="2026-03", currency="GEL")
    for command in (december, bills.close(december), march):
        await write.executor.execute(envelope("demo", command))
    await write.admin.execute(
        "INSERT INTO exchange_rates VALUES ('demo', '*', 'USD', 'GEL', '[2025-01-01,)', 2.7)"
    )
    taken = await write.taking.take([sent(1, amount="1.00")])
    assert taken.rejected_count == 0, await rejected_codes(write)
    (added,) = await events(write, BillLineItemAdded)
    assert (added.bill_id, added.belongs_to) == (march.bill_id, "2025-12")
    assert added.amount.amount == "2.70"


async def test_where_every_bill_is_closed_this_months_is_made(write: Write) -> None:
    december = bills.monthly(month="2025-12")
    for command in (december, bills.close(december)):
        await write.executor.execute(envelope("demo", command))
    await write.taking.take([sent(1)])
    made = [event.month for event in await events(write, BillCreated)]
    assert f"{datetime.now(UTC):%Y-%m}" in made


async def test_a_fee_without_a_rate_and_one_of_nothing_are_kept_aside(write: Write) -> None:
    await write.executor.execute(envelope("demo", bills.monthly(month="2025-12")))
    taken = await write.taking.take([sent(1, currency="JPY", amount="5"), sent(2, amount="0")])
    assert taken.rejected_count == 2
    assert sorted(await rejected_codes(write)) == ["CURRENCY_UNSUPPORTED", "VALIDATION_FAILED"]


async def test_two_fees_of_a_new_customer_in_two_currencies_come_to_one_bill(write: Write) -> None:
    await write.admin.execute(
        "INSERT INTO exchange_rates VALUES ('demo', '*', 'GEL', 'USD', '[2025-01-01,)', 0.4)"
    )
    batch = [sent(1), sent(2, currency="GEL", amount="1.00")]
    taken = await write.taking.take(batch)
    # Whichever came first made the bill; the other one was made for a bill that there was not yet.
    assert (len(taken.settled), len(taken.again)) == (1, 1)
    taken = await write.taking.take(batch)
    assert (taken.settled, taken.rejected_count) == ([0, 1], 0)
    added = await events(write, BillLineItemAdded)
    assert {item.currency for item in added} == {"USD", "GEL"}
    assert len({(item.bill_id, item.account_id) for item in added}) == 1


async def test_a_fee_never_goes_to_an_account_that_it_does_not_hold(write: Write) -> None:
    """Its month's bill was made in another currency since it was read: it is to be read again."""
    made = bills.monthly(month="2025-12", currency="GEL")
    await write.executor.execute(envelope("demo", made))
    outcome = await write.executor.execute(envelope("demo", bills.fee()))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.transient) == ("ACCOUNT_VERSION_CONFLICT", True)
    assert await events(write, BillLineItemAdded) == []
    assert await write.admin.fetchval("SELECT count(*) FROM account_heads") == 1
