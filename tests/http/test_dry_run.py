"""`dry_run=true` says what would be booked, and leaves every table as it was."""

import asyncio
from typing import Any

import asyncpg

from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, open_account
from tests.http.test_problems import check

_TABLES = (
    "SELECT format('SELECT count(*)::text || coalesce(sum(hashtextextended(t::text, 0)), 0)::text"
    " FROM %I.%I t', schemaname, tablename) AS digest, schemaname || '.' || tablename AS name"
    " FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)
_SEQUENCES = (
    "SELECT schemaname || '.' || sequencename AS name, coalesce(last_value, 0)::text AS digest"
    " FROM pg_sequences"
)


async def everything(admin: asyncpg.Pool) -> dict[str, str]:
    """A digest of every table and sequence there is."""
    found = {row["name"]: await admin.fetchval(row["digest"]) for row in await admin.fetch(_TABLES)}
    return found | {row["name"]: row["digest"] for row in await admin.fetch(_SEQUENCES)}


def without(charge: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in charge.items() if name not in names}


MADE = ("charge_id", "status", "reversal", "final_tax", "version", "token")


async def test_what_a_dry_run_says_is_what_is_booked_then(api: Api) -> None:
    account_id = await open_account(api)
    await (await api.database.admin()).execute(
        "INSERT INTO tax_rules VALUES ('demo', 'vat', '*', '*', '[2000-01-01,)', 72500)"
    )
    body = charge_body(account_id, "9.99", quantity=3, modifiers=["25"])
    dry = await api.post("/v1/charges?dry_run=true", body)
    assert dry.status_code == 200
    priced = dry.json()
    assert priced.pop("postings") == [
        {"gl_account": "1100", "amount_minor": 3214},
        {"gl_account": "4000", "amount_minor": -2997},
        {"gl_account": "2200", "amount_minor": -217},
    ]
    wet = await api.post("/v1/charges", body)
    assert without(wet.json(), *MADE) == priced


async def test_a_dry_run_writes_nothing_at_all_while_others_write(api: Api) -> None:
    account_id = await open_account(api)
    admin = await api.database.admin()
    await api.catch_up()
    batch = {"charges": [charge_body(account_id), charge_body("acc_" + "0" * 26)]}
    before = await everything(admin)
    for _ in range(3):
        assert (
            await api.post("/v1/charges?dry_run=true", charge_body(account_id), key="k")
        ).status_code == 200
        dry = await api.post("/v1/charges:batch?dry_run=true", batch, key="k")
        assert (dry.status_code, dry.json()["captured"], dry.json()["refused"]) == (200, 1, 1)
    assert await everything(admin) == before
    # The key was not used up, nor is the account held.
    answers = await asyncio.gather(
        *(api.post("/v1/charges", charge_body(account_id), key=f"k{n}") for n in range(20)),
        *(api.post("/v1/charges:batch?dry_run=true", batch, key=f"k{n}") for n in range(20)),
    )
    assert [answer.status_code for answer in answers] == [201] * 20 + [200] * 20
    counted = await admin.fetchrow(
        "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM billing_idempotency)"
        " AS answers, (SELECT count(*) FROM billing_outbox) AS outbox"
    )
    assert tuple(counted or ()) == (21, 20, 20)


async def test_a_dry_run_runs_while_the_account_is_locked(api: Api) -> None:
    account_id = await open_account(api)
    admin = await api.database.admin()
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM account_heads FOR UPDATE")
        dry = await api.post("/v1/charges?dry_run=true", charge_body(account_id))
        assert dry.status_code == 200


async def test_a_dry_run_is_refused_as_the_command_would_be(api: Api) -> None:
    account_id = await open_account(api)
    unpriced = without(charge_body(account_id), "unit_price")
    for body, status, code in (
        (unpriced, 400, "PRICE_NOT_FOUND"),
        (charge_body("acc_" + "0" * 26), 404, "NOT_FOUND"),
        (charge_body(account_id, currency="EUR"), 400, "CURRENCY_UNSUPPORTED"),
    ):
        check(await api.post("/v1/charges?dry_run=true", body), status, code)
    for version, status in ((1, 200), (2, 409)):
        etag = {"If-Match": f'W/"{version}-1"'}
        dry = await api.post("/v1/charges?dry_run=true", charge_body(account_id), **etag)
        assert dry.status_code == status
    check(dry, 409, "ACCOUNT_VERSION_CONFLICT")
    atomic = {"charges": [charge_body(account_id), unpriced], "atomic": True}
    response = await api.post("/v1/charges:batch?dry_run=true", atomic, key="b")
    problem = check(response, 400, "PRICE_NOT_FOUND")
    assert problem["errors"][0]["path"] == "$.charges[1]"
