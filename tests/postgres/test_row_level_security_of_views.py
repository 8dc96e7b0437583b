"""Read models, their views and all else that is built later: a tenant sees its own rows there."""

import asyncpg
import pytest

from contracts.ids import AccountId, InvoiceId
from contracts.statement import DeliveryChannel
from domain.collecting import RemindInvoice
from tests.fixtures.clinic_books import fill_books
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over, catch_up
from tests.fixtures.relations import Relation, may, relations
from tests.fixtures.visits import charge_body, open_account, payment_body
from tests.fixtures.write_path import envelope

ROLES = ("daybook_reader", "daybook_writer")
TENANTS = ("demo", "other")


@pytest.fixture
async def admin(database: Database) -> asyncpg.Pool:
    """Two tenants whose callers sent every command, in the log and in every read model."""
    async with api_over(database) as api:
        for tenant in TENANTS:
            header = {"x-test-tenant": tenant}
            await fill_books(api.client, api.app, database, tenant, **header)
            account_id = await open_account(api, **header)
            await api.post("/v1/charges", charge_body(account_id), **header)
            drafted = await api.post("/v1/invoices", {"account_id": account_id}, **header)
            await api.post(f"{drafted.headers['location']}/issue", {}, **header)
            await remind(api, tenant, account_id, drafted.json()["invoice_id"])
            await api.post("/v1/payments", payment_body(account_id), key="k", **header)
        await api.catch_up()
        for tenant in TENANTS:
            header = {"x-test-tenant": tenant}
            computed = await api.post("/v1/reports/aging:refresh", {}, **header)
            assert computed.status_code == 200, computed.text
    return await database.admin()


async def remind(api: Api, tenant: str, account_id: str, invoice_id: str) -> None:
    """What only a saga does."""
    reminded = RemindInvoice(
        invoice_id=InvoiceId(invoice_id),
        account_id=AccountId(account_id),
        day=7,
        channel=DeliveryChannel.PRINT,
        delivery_id="d",
    )
    await api.dependencies.executor.execute(envelope(reminded, tenant=tenant))


async def with_tenants(admin: asyncpg.Pool) -> list[Relation]:
    return [found for found in await relations(admin) if found.has_tenants]


async def tenants_seen(
    admin: asyncpg.Pool, role: str, tenants: str | None, relation: Relation
) -> set[str]:
    """Whose rows a role sees that acts for these tenants."""
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('role', $1, true)", role)
        if tenants is not None:
            await connection.execute("SELECT set_config('daybook.tenants', $1, true)", tenants)
        rows = await connection.fetch(f"SELECT DISTINCT tenant FROM {relation.full}")
    return {row["tenant"] for row in rows}


async def test_every_table_and_view_shows_a_tenant_its_own_rows_alone(admin: asyncpg.Pool) -> None:
    looked_at, empty = 0, set()
    for relation in await with_tenants(admin):
        for role in ROLES:
            if not await may(admin, role, relation, "SELECT"):
                continue
            looked_at += 1
            for tenant in TENANTS:
                seen = await tenants_seen(admin, role, tenant, relation)
                assert seen <= {tenant}, (role, relation.full, tenant)
                if not seen:
                    empty.add(relation.full)
            for nobody in ("", None, "dem", "demo2", "*"):
                assert await tenants_seen(admin, role, nobody, relation) == set(), relation.full
    assert looked_at > 30
    # Only what no command fills: an event that a projection could not apply.
    assert {name for name in empty if name.startswith("read")} == {"read.parked_events"}


async def test_every_relation_of_a_read_model_names_its_tenant(database: Database) -> None:
    await catch_up(database)
    found = [each for each in await relations(await database.admin()) if each.schema[:4] == "read"]
    without = {each.full for each in found if not each.has_tenants}
    assert without == {"read.projections"}
