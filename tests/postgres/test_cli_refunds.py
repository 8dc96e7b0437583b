"""`daybook refund threshold` as an operator and as a program meet it."""

import json

import pytest
from click.testing import Result

from contracts.ids import PaymentId, RefundId, derive
from contracts.money import Money
from contracts.payment import PaymentMethod
from domain import naming
from domain.account import OpenAccount
from domain.payment import PostPayment
from domain.refund import Approved, Requested, RequestRefund
from services.execute.executor import Executor
from services.execute.load import decode_state
from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.tenants import envelope


def threshold(database: Database, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command("refund", "threshold", *arguments, env=addresses)


async def test_a_threshold_is_set_listed_and_holds_for_the_next_request(
    database: Database,
) -> None:
    assert "no threshold is set" in threshold(database, "list").stdout
    for amount in ("20", "50"):
        done = threshold(database, "set", "--currency", "USD", amount)
        assert (done.exit_code, done.output) == (
            0,
            f"refunds below {amount}.00 USD of demo approve themselves\n",
        )
    threshold(database, "set", "--currency", "JPY", "5000")
    listed = json.loads(threshold(database, "list", "--json").stdout.splitlines()[-1])
    assert listed == [
        {"currency": "JPY", "below": "5000"},
        {"currency": "USD", "below": "50.00"},
    ]
    assert "50.00" in threshold(database, "list").stdout
    assert "no threshold" in threshold(database, "list", "--tenant", "other").stdout
    assert [await _asked(database, minor) for minor in (4_999, 5_000)] == [Approved, Requested]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--currency", "USD", "1.234"), "more digits"),
        (("--currency", "XXX", "1"), "XXX"),
        (("--currency", "USD", "--", "-1"), "from 0 on"),
        (("--currency", "USD", "much"), "no decimal amount"),
    ],
)
def test_what_is_no_amount_is_refused(arguments: tuple[str, ...], says: str) -> None:
    refused = command("refund", "threshold", "set", *arguments)
    assert (refused.exit_code, says in refused.stderr) == (2, True)


async def _asked(database: Database, minor: int) -> type:
    """What becomes of a request for so much."""
    account_id = naming.account_id("demo", f"p{minor}", "USD")
    payment_id = PaymentId(derive("pay", str(minor)))
    refund_id = RefundId(derive("rfd", str(minor)))
    amount = Money.of(minor, "USD")
    commands = (
        OpenAccount(
            account_id=account_id,
            patient_id=f"p{minor}",
            name=None,
            facility="north",
            currency="USD",
        ),
        PostPayment(
            payment_id=payment_id, account_id=account_id, amount=amount, method=PaymentMethod.CASH
        ),
        RequestRefund(
            refund_id=refund_id,
            payment_id=payment_id,
            account_id=account_id,
            amount=amount,
            requested_by="user:ada",
        ),
    )
    async with Executor(await database.pool("daybook_writer", 2)) as executor:
        for each in commands:
            await executor.execute(envelope("demo", each))
    admin = await database.admin()
    state = await admin.fetchval("SELECT state FROM stream_heads WHERE stream_id = $1", refund_id)
    return type(decode_state(refund_id, state))
