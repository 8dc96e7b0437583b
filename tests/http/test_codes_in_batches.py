"""Codes that do not hold, or cannot be asked for, in batches and dry runs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.adapters.codes import PostgresCodes
from services.code_checks import CodeChecks
from services.code_systems import load_codes, read_codes
from services.execute.executor import Executor
from tests.fixtures.code_validators import OfOneSystem
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.visits import charge_body, open_account
from tests.http.test_dry_run import everything
from tests.http.test_problems import check

LOADED = "urn:loaded"
AWAY = "urn:away"


@pytest.fixture
def server() -> OfOneSystem:
    return OfOneSystem(AWAY)


@pytest.fixture
async def coded(database: Database, server: OfOneSystem) -> AsyncIterator[Api]:
    """An API whose tenant has loaded a system of one code, and connected another."""
    writer = await database.pool("daybook_writer", 6)
    await load_codes(writer, "demo", LOADED, "2026", read_codes(["code\n", "99213\n"]))
    examine = CodeChecks([PostgresCodes(writer), server])
    async with (
        Executor(writer, examine=examine) as executor,
        api_over(database, executor=executor, writer=writer) as api,
    ):
        yield api


def charges(account_id: str, *kinds: tuple[str, str]) -> list[Any]:
    return [charge_body(account_id, system=system, code=code) for system, code in kinds]


GOOD, UNKNOWN, OPEN = (LOADED, "99213"), (LOADED, "1"), (AWAY, "1")


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_dry_run_checks_codes_and_writes_nothing(coded: Api, atomic: bool) -> None:
    account_id = await open_account(coded)
    admin = await coded.database.admin()
    await coded.catch_up()
    before = await everything(admin)
    found = []
    for kinds in ((GOOD,), (GOOD, UNKNOWN), (GOOD, OPEN)):
        asked = charges(account_id, *kinds)
        batch = {"charges": asked, "atomic": atomic}
        found.append(await coded.post("/v1/charges:batch?dry_run=true", batch, key="k"))
        for body in asked:
            await coded.post("/v1/charges?dry_run=true", body, key="k")
    assert await everything(admin) == before
    good, unknown, open_ = found
    assert good.json()["items"][0]["charge"]["code_status"] == "validated"
    if atomic:
        check(unknown, 400, "CODE_INVALID")
        check(open_, 400, "CODE_UNVERIFIED")
    else:
        told = [response.json()["items"][1]["problem"]["code"] for response in (unknown, open_)]
        assert told == ["CODE_INVALID", "CODE_UNVERIFIED"]


async def test_each_item_of_a_batch_is_told_what_its_code_is(coded: Api) -> None:
    account_id = await open_account(coded)
    kinds = (GOOD, UNKNOWN, ("urn:other", "x"), OPEN, GOOD)
    body = {"charges": charges(account_id, *kinds)}
    first = await coded.post("/v1/charges:batch", body, key="b")
    assert (first.status_code, first.json()["captured"], first.json()["refused"]) == (201, 3, 2)
    assert [
        item["charge"]["code_status"] if item["charge"] else item["problem"]["code"]
        for item in first.json()["items"]
    ] == ["validated", "CODE_INVALID", "unchecked", "CODE_UNVERIFIED", "validated"]
    again = await coded.post("/v1/charges:batch", body, key="b")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")


async def test_a_batch_that_could_not_be_checked_may_be_sent_again(
    coded: Api, server: OfOneSystem
) -> None:
    account_id = await open_account(coded)
    whole = {"charges": charges(account_id, GOOD, OPEN), "atomic": True}
    problem = check(await coded.post("/v1/charges:batch", whole, key="b"), 400, "CODE_UNVERIFIED")
    assert problem["errors"][0]["path"] == "$.charges[1]"
    none = {"charges": charges(account_id, OPEN, OPEN)}
    nothing = await coded.post("/v1/charges:batch", none, key="c")
    assert (nothing.json()["captured"], nothing.json()["refused"]) == (0, 2)
    admin = await coded.database.admin()
    assert await admin.fetchval("SELECT count(*) FROM billing_idempotency") == 0
    assert await admin.fetchval("SELECT count(*) FROM ledger_entries") == 0
    server.is_there = True
    for key, body in (("b", whole), ("c", none)):
        done = await coded.post("/v1/charges:batch", body, key=key)
        assert (done.status_code, done.json()["captured"]) == (201, 2)
        assert "idempotency-replayed" not in done.headers
    assert await admin.fetchval("SELECT count(*) FROM ledger_entries") == 8


async def test_a_document_of_the_api_names_what_codes_may_be_refused_with(coded: Api) -> None:
    document = (await coded.client.get("/schema/openapi.json")).json()
    for path in ("/v1/charges", "/v1/charges:batch"):
        described = str(document["paths"][path]["post"]["responses"])
        assert "CODE_INVALID" in described, path
        assert "CODE_UNVERIFIED" in described, path
