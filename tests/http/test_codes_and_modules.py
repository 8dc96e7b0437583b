"""Codes that do not hold and modules that are not licensed, over HTTP."""

from typing import Any

import pytest

from services.code_systems import load_codes, read_codes
from services.licences import Licences, Module
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.licensing import OnlyFor
from tests.fixtures.walking import Ids, calls_of, make

ACCOUNT = {"patient_id": "p-1", "facility": "north", "currency": "GEL"}


async def charge(api: Api, **fields: Any) -> Any:
    account = (await api.post("/v1/accounts", ACCOUNT, "account")).json()
    body = {
        "account_id": account["account_id"],
        "facility": "north",
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "unit_price": {"amount": "1", "currency": "GEL"},
    }
    return await api.post("/v1/charges", body | fields, fields.get("code", "99213"))


async def test_a_code_that_its_loaded_system_does_not_have_is_refused(api: Api) -> None:
    unknown = await charge(api, code="1")
    assert unknown.json()["code_status"] == "unchecked"
    rows = read_codes(["code\n", "99213\n"])
    await load_codes(api.dependencies.writer, "demo", "urn:new", "2026", rows)
    async with api_over(api.database) as fresh:
        held = await charge(fresh, system="urn:new")
        assert (held.status_code, held.json()["code_status"]) == (201, "validated")
        refused = await charge(fresh, code="2", system="urn:new")
        assert (refused.status_code, refused.json()["code"]) == (400, "CODE_INVALID")
        assert refused.json()["errors"][0]["path"] == "$.code"
        assert (await charge(fresh, code="1")).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("tenant", "modules", "status"),
    [("demo", ["core"], 201), ("other", ["core"], 403), ("demo", ["gl_export"], 403)],
)
async def test_a_command_needs_the_core_and_a_query_does_not(
    database: Database, tenant: str, modules: list[str], status: int
) -> None:
    licences = Licences(OnlyFor(tenant, *modules))
    async with api_over(database, licences=licences) as api:
        answer = await api.post("/v1/accounts", ACCOUNT)
        assert answer.status_code == status
        if status == 403:
            assert (answer.status_code, answer.json()["code"]) == (403, "MODULE_NOT_ACTIVE")
            assert Module.CORE in answer.json()["detail"]
        assert (await api.client.get("/v1/charges/chg_0")).status_code == 404


@pytest.mark.parametrize("module", [Module.GL_EXPORT, Module.STATEMENTS])
async def test_what_is_licensed_apart_needs_its_module_on_every_route(
    database: Database, module: Module
) -> None:
    others = [each for each in Module if each is not module]
    async with api_over(database, licences=Licences(OnlyFor("demo", *others))) as api:
        calls = [call for call in calls_of(api.app) if call.module is module]
        assert {call.method for call in calls} >= {"GET"}
        for call in calls:
            answer = await make(api.client, call, Ids([]), "k")
            assert (answer.status_code, answer.json()["code"]) == (403, "MODULE_NOT_ACTIVE")
            assert module in answer.json()["detail"], str(call)


async def test_the_ledgers_export_and_statements_are_licensed_apart(api: Api) -> None:
    apart = {str(call): call.module for call in calls_of(api.app)}
    assert apart["GET /v1/accounts/{account_id}/statement"] is Module.STATEMENTS
    exports = {module for name, module in apart.items() if "/gl-exports" in name}
    assert exports == {Module.GL_EXPORT}
