"""`daybook bill`: bills as they stand, and how their lives go on."""

from pathlib import Path
from typing import Any, Final

import asyncpg
import click
import msgspec

from contracts.bill import BillSurface
from contracts.bill_views import BillPage, BillStatus
from contracts.money import format_minor
from domain.bill_states import AttentionRequired, Ending, Known
from projections.bills_queries import find_bills
from projections.cursor import LIMIT_MAX
from services.bills.reading import read_bill, read_items
from services.cli.over_pool import run_over_pool
from services.cli.running import (
    an_id,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.logging import configure_logging
from services.sealing import find_keys, open_sealed
from services.settings import Settings
from services.tables import Sheet, show
from services.tenant_view import tenant_view
from services.wiring import reading

_STATUS: Final = click.Choice([each.value for each in BillStatus])
_SURFACE: Final = click.Choice([each.value for each in BillSurface])


class ShownItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line item as people read it."""

    number: int
    amount: str
    description: str
    key: str
    added_at: str


class ShownBill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as it stands, with its newest line items."""

    bill_id: str
    status: str
    surface: str
    customer_id: str
    currency: str
    total: str
    item_count: int
    starts_at: str
    ends_at: str | None
    month: str | None
    period_id: str | None
    account_id: str
    invoice_id: str | None
    workflow_id: str
    attention: str | None
    items: tuple[ShownItem, ...]


@click.group()
def bill() -> None:
    """Bills that accrue line items over a period and close at its end."""
    configure_logging("cli", level="warning")


@bill.command(name="show")
@click.argument("bill_id", callback=an_id)
@click.option("--items", default=20, show_default=True, type=click.IntRange(0, 10_000))
@tenant_option
@data_dir_option
@json_option
def show_command(
    bill_id: str, items: int, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """One bill with its newest line items, as it stands this moment."""
    found = run_over_pool(data_dir, find_shown, tenant, bill_id, items)
    if found is None:
        raise click.ClickException(f"{tenant} has no bill {bill_id}: see `daybook bill list`")
    if as_json:
        print_json(found)
        return
    sheet = Sheet("", bill_id, title="Bill", header=False)
    for name, value in msgspec.to_builtins(found).items():
        if name != "items" and value is not None:
            sheet.add(name.replace("_", " "), str(value))
    show(sheet)
    lines = Sheet("no", "amount", "description", "key", "added", right=("no", "amount"))
    for each in found.items:
        lines.add(str(each.number), each.amount, each.description, each.key, each.added_at)
    if found.items:
        show(lines)


@bill.command(name="list")
@click.option("--status", type=_STATUS, help="Only those in this state.")
@click.option("--customer", help="Only those of this customer.")
@click.option("--surface", type=_SURFACE, help="Only those that were made there.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, LIMIT_MAX))
@click.option("--after", metavar="CURSOR", help="Go on behind a page before.")
@tenant_option
@data_dir_option
@json_option
def list_command(data_dir: Path | None, tenant: str, as_json: bool, **wanted: Any) -> None:
    """Bills, the latest first, from the read model."""
    found = run(_list(settings_with(data_dir), tenant, wanted))
    if as_json:
        print_json(found)
        return
    sheet = Sheet(
        "bill", "surface", "customer", "status", "items", "total", right=("items", "total")
    )
    for each in found.items:
        total = f"{each.total.amount} {each.currency}"
        names = (each.bill_id, each.surface, each.customer_id[:40], each.status)
        sheet.add(*names, str(each.item_count), total)
    show(sheet if found.items else "no bill")
    if found.cursor:
        click.echo(f"there are more: --after {found.cursor}", err=True)


async def _list(settings: Settings, tenant: str, wanted: dict[str, Any]) -> BillPage:
    async with reading(settings) as pool, tenant_view(pool, tenant, readonly=True) as connection:
        return await find_bills(
            connection,
            status=BillStatus(wanted["status"]) if wanted["status"] else None,
            customer_id=wanted["customer"],
            surface=BillSurface(wanted["surface"]) if wanted["surface"] else None,
            cursor=wanted["after"],
            limit=wanted["limit"],
        )


async def find_shown(
    pool: asyncpg.Pool, tenant: str, bill_id: str, newest: int
) -> ShownBill | None:
    """A bill with its newest items, their texts opened; the pool acts as daybook_writer."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        found = await read_bill(connection, tenant, bill_id) if bill_id[:5] == "bill_" else None
        if found is None:
            return None
        items = (await read_items(connection, tenant, [bill_id], newest)).get(bill_id, [])
    subjects = {item.description.subject for item in items if item.description}
    keys = await find_keys(pool, tenant, sorted(subjects))
    lines = tuple(
        ShownItem(
            number=item.number,
            amount=item.amount.amount,
            description=(item.description and open_sealed(keys, tenant, item.description)) or "",
            key=item.idempotency_key or item.line_item_id,
            added_at=item.added_at.isoformat(),
        )
        for item in items
    )
    return _shown(tenant, bill_id, found.state, lines)


def _shown(tenant: str, bill_id: str, bill_: Known, items: tuple[ShownItem, ...]) -> ShownBill:
    attention = bill_ if isinstance(bill_, AttentionRequired) else None
    return ShownBill(
        bill_id=bill_id,
        status=str(type(bill_).__struct_config__.tag),
        surface=bill_.surface,
        customer_id=bill_.customer_id,
        currency=bill_.currency,
        total=format_minor(bill_.total_minor, bill_.currency),
        item_count=bill_.item_count,
        starts_at=bill_.starts_at.isoformat(),
        ends_at=bill_.ends_at.isoformat() if bill_.ends_at else None,
        month=bill_.month,
        period_id=bill_.period_id,
        account_id=bill_.account_id,
        invoice_id=bill_.invoice_id if isinstance(bill_, Ending) else None,
        workflow_id=f"bill/{tenant}/{bill_id}",
        attention=f"{attention.code}: {attention.detail}" if attention else None,
        items=items,
    )
