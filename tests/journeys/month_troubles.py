"""What goes wrong in a clinic's month, or is long, and what its people do about it; each once."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts import inbound
from contracts.cloudevent import CloudEvent, to_structured
from contracts.ids import AccountId, ChargeId, InvoiceId, derive
from contracts.invoice import LINES_PER_EVENT_MAX
from contracts.money import Money
from contracts.price_list import PRICES_PER_EVENT_MAX
from domain.charge import CaptureCharge
from domain.invoice import CreateDraftInvoice, IssueInvoice
from services.execute.envelope import Done
from services.execute.executor import Executor
from services.wiring import open_pool
from tests.fixtures import write_path
from tests.fixtures.clinic import Clinic, money
from tests.fixtures.waiting import until
from tests.journeys import month_steps as does

NOBODYS = "acc_" + "0" * 26
LAYOUT = """
name = "Ledger of the owner"
columns = [{ field = "gl_account", header = "Account" }, { field = "amount", header = "Amount" }]
[accounts]
4000 = "800000"
"""


async def all_of_them(clinic: Clinic, folder: Path) -> None:
    """Set them going; what sagas make of them is there by the end of the month."""
    account_id = await does.open_account(clinic, "troubled")
    await reminders(clinic, account_id)
    await export_that_fails(clinic, account_id, folder)
    await refund_that_fails(clinic)
    await messages_refused(clinic, account_id, folder)
    await long_lists(clinic)
    await statements_cancelled(clinic)


async def reminders(clinic: Clinic, account_id: str) -> None:
    """An invoice of weeks ago that nobody has paid: its day of reminding has come, and the last."""
    clinic.runs("collection", "schedule", "set", "--remind", "7", "--hand-over", "30")
    then = datetime.now(UTC) - timedelta(days=45)
    invoice_id, owner = InvoiceId(derive("inv", "weeks ago")), AccountId(account_id)
    commands = (
        CaptureCharge(
            charge_id=ChargeId(derive("chg", "weeks ago")),
            account_id=owner,
            facility="north",
            code="VISIT",
            system=does.SYSTEM,
            quantity=1,
            service_on=then.date(),
            currency="USD",
            unit_price=Money.of(7_700, "USD"),
        ),
        CreateDraftInvoice(invoice_id=invoice_id, account_id=owner),
        IssueInvoice(invoice_id=invoice_id, account_id=owner, due_days=5),
    )
    pool = await open_pool(clinic.stack.addresses.postgres_url, "daybook_writer", size_max=6)
    async with Executor(pool, now=lambda: then) as weeks_ago:
        for command in commands:
            done = await weeks_ago.execute(write_path.envelope(command, tenant=clinic.tenant))
            assert isinstance(done, Done), done
    await pool.close()


async def statements_cancelled(clinic: Clinic) -> None:
    """A run that an operator ends before a worker has come to it."""
    run = {"facility": "osaka", "as_of_date": f"{date.today()}", "channels": ["print"]}
    with paused(clinic, "worker"):
        started = await clinic.does("finance", "/v1/statement-runs", run, 202)
        clinic.runs("statement", "cancel", started["run_id"])


async def export_that_fails(clinic: Clinic, account_id: str, folder: Path) -> None:
    """The owner's layout has no account for receivables."""
    await clinic.does("clerk", "/v1/charges", does.service(account_id))
    layout = folder / "layout.toml"
    layout.write_text(LAYOUT, encoding="utf-8")
    clinic.runs("erp-layout", "set", str(layout))
    today = datetime.now(UTC).date()
    days = {"booked_from": f"{today - timedelta(2)}", "booked_to": f"{today + timedelta(1)}"}
    await clinic.does("finance", "/v1/gl-exports", days | {"layout": "erp"}, 202)


async def refund_that_fails(clinic: Clinic) -> None:
    """A card that takes no money back: what was booked is taken back, and is credit again."""
    account_id = await does.open_account(clinic, "card-of-old")
    card = {"account_id": account_id, "amount": money("30.00"), "method": "card"}
    card["payment_token"] = "pm_card_refundFail"
    await clinic.starts("cashier", "/v1/payments", card)
    payments: list[Any] = []

    async def is_posted() -> bool:
        found = await clinic.reads("cashier", f"/v1/payments?account_id={account_id}")
        payments[:] = found["items"]
        return bool(payments) and payments[0]["status"] == "posted"

    await until(is_posted)
    asked = {"payment_id": payments[0]["payment_id"], "reason": "moved away"}
    await clinic.does("cashier", "/v1/refunds", asked | {"amount": money("9.00")})


async def messages_refused(clinic: Clinic, account_id: str, folder: Path) -> None:
    """Two charges of nobody's: one is mended and sent again, the other is not needed."""
    for day in (20, 21):
        await clinic.sends(inbound.CAPTURE_CHARGE, does.service(NOBODYS, "LAB-1", day))
    found: list[Any] = []

    async def are_listed() -> bool:
        found[:] = json.loads(clinic.runs("intake", "rejected", "list", "--json"))["items"]
        return len(found) == 2

    await until(are_listed)
    mended = CloudEvent(
        id="mended",
        source="/clinic",
        type=inbound.CAPTURE_CHARGE,
        datacontenttype="application/json",
        data=json.dumps(does.service(account_id, "LAB-1", 20)).encode(),
    )
    file = folder / "mended.json"
    file.write_bytes(to_structured(mended))
    kept, lost = (each["rejection_id"] for each in found)
    clinic.runs("intake", "rejected", "retry", kept, "--file", str(file))
    clinic.runs("intake", "rejected", "discard", lost, "--reason", "nobody was there")


async def long_lists(clinic: Clinic) -> None:
    """More prices, and more lines of an invoice, than one event holds."""
    price = {"facility": "depot", "unit_price": money("1.00"), "valid_from": "2026-01-01"}
    prices = [price | {"code": f"ITEM-{n}"} for n in range(PRICES_PER_EVENT_MAX + 1)]
    await clinic.does("admin", "/v1/price-lists", {"name": "Depot", "prices": prices})
    yen: Any = {"currency": "JPY", "facility": "osaka"}
    account_id = await does.open_account(clinic, "for-months", **yen)
    night = does.service(account_id, **yen, unit_price=money("20", "JPY"))
    nights = {"charges": [night] * (LINES_PER_EVENT_MAX + 1), "atomic": True}
    await clinic.does("biller", "/v1/charges:batch", nights)
    drafted = await clinic.does("clerk", "/v1/invoices", {"account_id": account_id})
    await clinic.does("clerk", f"/v1/invoices/{drafted['invoice_id']}/issue", {"due_days": 14})


@contextmanager
def paused(clinic: Clinic, name: str) -> Iterator[None]:
    """A process that does nothing meanwhile, as on a machine that is too busy."""
    process = clinic.stack.find(name)
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
