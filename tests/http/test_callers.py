"""Who may call and what they see: auth=dev, scopes, tenants."""

import pytest

from services.access.configured import AuthNotConfigured, authentication
from services.access.scopes import ALL_SCOPES
from services.api.auth import authenticate_dev
from services.settings import Settings
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body

OTHER = {"x-test-tenant": "other"}


STRANGERS = (
    {"Forwarded": "for=192.0.2.1"},
    {"X-Forwarded-For": "192.0.2.1"},
    {"X-Forwarded-Host": "daybook.example"},
    {"x-forwarded-anything": ""},
    {"Via": "1.1 proxy"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:4001"},
    {"Origin": "https://127.0.0.1:4000"},
    {"Host": "evil.example"},
    {"Host": "evil.example:4000"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "10.0.0.1:4000"},
    {"Host": "0.0.0.0:4000"},
    {"Host": "[::ffff:10.0.0.1]:4000"},
)


async def test_auth_dev_refuses_whoever_may_not_be_on_this_machine(api: Api) -> None:
    for headers in STRANGERS:
        for path in ("/v1/payments", "/health/live", "/metrics", "/schema/openapi.json"):
            response = await api.client.get(path, headers=headers)
            found = (response.status_code, response.json()["code"])
            assert found == (403, "ACCESS_DENIED"), (path, headers)


async def test_auth_dev_takes_every_loopback_name(api: Api) -> None:
    for host in ("localhost:4000", "LOCALHOST", "127.0.0.1", "[::1]:4000", "127.9.9.9:1"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        response = await api.client.get("/health/live", headers=headers)
        assert response.status_code == 200, host


def test_nothing_is_served_without_a_way_to_know_callers() -> None:
    with pytest.raises(AuthNotConfigured, match="DAYBOOK_AUTH"):
        authentication(Settings())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "daybook.example"])
def test_auth_dev_is_served_on_loopback_only(host: str) -> None:
    with pytest.raises(AuthNotConfigured, match="loopback"):
        authentication(Settings(auth="dev", api_host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_auth_dev_is_served_on_loopback(host: str) -> None:
    assert authentication(Settings(auth="dev", api_host=host)).authenticate is authenticate_dev


SCOPES = {
    "/v1/accounts": "billing:account:write",
    "/v1/charges": "billing:charge:write",
    "/v1/payments": "billing:payment:post",
    "/v1/price-lists": "billing:pricelist:manage",
}


async def test_a_command_takes_its_own_scope(api: Api) -> None:
    for path, scope in SCOPES.items():
        others = {"x-test-scopes": " ".join(ALL_SCOPES - {scope})}
        denied = await api.post(path, {}, key="k", **others)
        assert (denied.status_code, denied.json()["code"]) == (403, "ACCESS_DENIED")
        assert scope in denied.json()["detail"]
        admitted = await api.post(path, {}, key="k", **{"x-test-scopes": scope})
        assert admitted.json()["code"] == "VALIDATION_FAILED"


async def test_queries_take_the_scope_to_read_and_reports_their_own(api: Api) -> None:
    reader, reporter = {"x-test-scopes": "billing:read"}, {"x-test-scopes": "billing:report:read"}
    await api.catch_up()
    for path in ("/v1/accounts", "/v1/invoices", "/v1/payments", "/v1/price-lists"):
        assert (await api.client.get(path, headers=reader)).status_code == 200
        assert (await api.client.get(path, headers=reporter)).status_code == 403
    path = "/v1/reports/trial-balance"
    assert (await api.client.get(path, headers=reader)).status_code == 403
    assert (await api.client.get(path, headers=reporter)).status_code == 200


async def test_a_price_is_stated_only_with_the_scope_for_it(api: Api) -> None:
    account_id = await open_account(api)
    clerk = {"x-test-scopes": "billing:charge:write"}
    stated = await api.post("/v1/charges", charge_body(account_id), **clerk)
    assert (stated.status_code, stated.json()["code"]) == (403, "ACCESS_DENIED")
    assert "billing:charge:price" in stated.json()["detail"]
    body = charge_body(account_id)
    del body["unit_price"]
    assert (await api.post("/v1/charges", body, **clerk)).json()["code"] == "PRICE_NOT_FOUND"


async def test_another_tenants_things_are_not_there(api: Api) -> None:
    account_id = await open_account(api)
    charge = await api.post("/v1/charges", charge_body(account_id))
    payment = await api.post("/v1/payments", payment_body(account_id), key="k")
    token = payment.json()["token"]
    await api.catch_up()
    for path in (
        f"/v1/accounts/{account_id}",
        f"/v1/accounts/{account_id}/ledger",
        charge.headers["location"],
        payment.headers["location"],
    ):
        assert (await api.client.get(path)).status_code == 200
        hidden = await api.client.get(path, headers=OTHER)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "NOT_FOUND"), path
    for path in ("/v1/accounts", "/v1/payments", "/v1/invoices", "/v1/price-lists"):
        assert (await api.client.get(path, headers=OTHER)).json()["items"] == []
    balance = await api.client.get("/v1/reports/trial-balance", headers=OTHER)
    assert balance.json()["rows"] == []
    waited = await api.client.get(f"/v1/accounts?after={token}", headers=OTHER)
    assert (waited.status_code, waited.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_another_tenants_account_cannot_be_charged_or_paid(api: Api) -> None:
    account_id = await open_account(api)
    charge = await api.post("/v1/charges", charge_body(account_id), **OTHER)
    payment = await api.post("/v1/payments", payment_body(account_id), key="k", **OTHER)
    assert (charge.status_code, charge.json()["code"]) == (404, "NOT_FOUND")
    assert (payment.status_code, payment.json()["code"]) == (404, "NOT_FOUND")


async def test_the_same_patient_of_two_tenants_has_two_accounts_and_two_keys(api: Api) -> None:
    ours = await api.post("/v1/accounts", account_body(name="Ana"))
    theirs = await api.post("/v1/accounts", account_body(name="Bea"), **OTHER)
    assert ours.json()["account_id"] != theirs.json()["account_id"]
    assert (ours.json()["name"], theirs.json()["name"]) == ("Ana", "Bea")
