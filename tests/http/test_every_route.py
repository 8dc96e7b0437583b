"""Every route, without a token and without its scope; another tenant's: `test_every_command`."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from services.access.bearer import Verifier
from services.access.scopes import ALL_SCOPES, SCOPES
from services.api.auth import authenticate_jwt
from services.commands import COMMANDS
from tests.fixtures.clinic_books import ids_of
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.tokens import KEYS, RULES, bearing, claims, token, unsigned
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body
from tests.fixtures.walking import Ids, calls_of, make

ALL = " ".join(sorted(ALL_SCOPES))
OURS = bearing(token(scope=ALL))


@pytest.fixture
async def guarded(database: Database) -> AsyncIterator[Api]:
    """The API as strangers meet it."""
    async with api_over(database, authenticate=authenticate_jwt(Verifier(KEYS, RULES))) as api:
        yield api


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_nobody_gets_in_without_a_token(guarded: Api) -> None:
    for call in calls_of(guarded.app):
        response = await make(guarded.client, call, Ids([]), "k")
        assert code(response) == (401, "UNAUTHENTICATED"), str(call)
        assert response.headers["www-authenticate"] == 'Bearer realm="daybook"', str(call)


async def test_nobody_gets_in_without_the_scope(guarded: Api) -> None:
    for call in calls_of(guarded.app):
        others = bearing(token(scope=" ".join(ALL_SCOPES - {str(call.scope)})))
        response = await make(guarded.client, call, Ids([]), "k", **others)
        if call.scope is None:  # it only says that the books are not changed
            assert code(response) == (409, "LEDGER_IMMUTABLE"), str(call)
            continue
        assert code(response) == (403, "ACCESS_DENIED"), str(call)
        assert call.scope in response.json()["detail"], str(call)


async def _fill(api: Api) -> None:
    account_id = await open_account(api, **OURS)
    await api.post("/v1/accounts", account_body("p2", name="Zahra"), **OURS)
    charge = await api.post("/v1/charges", charge_body(account_id), **OURS)
    payment = await api.post("/v1/payments", payment_body(account_id), key="k", **OURS)
    assert (charge.status_code, payment.status_code) == (201, 201)


async def test_every_query_can_be_asked_for_what_has_seen_a_command(guarded: Api) -> None:
    await _fill(guarded)
    await guarded.catch_up()
    ids = Ids(await ids_of(guarded.database))
    opened = await guarded.post("/v1/accounts", account_body("p3"), **OURS)
    seen = f"after={opened.json()['token']}"
    for is_late in (True, False):
        for call in calls_of(guarded.app):
            if call.method == "GET":
                query = f"{call.query}&{seen}" if call.query else f"?{seen}"
                asked = await make(guarded.client, call._replace(query=query), ids, "k", **OURS)
                assert asked.status_code < 500, (str(call), asked.text)
                assert asked.status_code != 425 or is_late, (str(call), asked.text)
        await guarded.catch_up()


WRONG: dict[str, dict[str, str]] = {
    "expired": bearing(token(exp=1)),
    "of another issuer": bearing(token(iss="https://evil.test")),
    "unsigned": bearing(unsigned({"alg": "none"}, claims())),
    "oversized": bearing(token(scope="x " * 5000)),
    "garbage": bearing("x"),
    "basic": {"Authorization": "Basic ZGVtbzpkZW1v"},
    "nothing behind it": {"Authorization": "Bearer "},
    "in words": {"Authorization": 'Bearer "\\'},
    "in the query": {},
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_token_is_told_why(guarded: Api, name: str) -> None:
    path = f"/v1/accounts?access_token={token()}" if name == "in the query" else "/v1/accounts"
    response = await guarded.client.get(path, headers=WRONG[name])
    assert code(response) == (401, "UNAUTHENTICATED")
    challenge = response.headers["www-authenticate"]
    assert re.fullmatch(r'Bearer realm="daybook"(, \w+="[^"\\]*")*', challenge), challenge


async def test_two_tokens_are_none(guarded: Api) -> None:
    headers = [("Authorization", f"Bearer {token()}")] * 2
    response = await guarded.client.get("/v1/accounts", headers=headers)
    assert code(response) == (401, "UNAUTHENTICATED")


async def test_health_and_the_document_are_everybodys_and_metrics_are_nobodys(
    guarded: Api,
) -> None:
    for path in ("/health/live", "/health/ready", "/schema", "/schema/openapi.json"):
        assert (await guarded.client.get(path)).status_code == 200, path
    assert code(await guarded.client.get("/metrics", headers=OURS)) == (404, "NOT_FOUND")


async def test_the_bearer_is_the_actor_of_what_it_does(guarded: Api) -> None:
    await open_account(guarded, **bearing(token(sub="auth0|7", scope=ALL)))
    admin = await guarded.database.admin()
    actor = await admin.fetchval(
        "SELECT convert_from(metadata, 'utf8')::jsonb->>'actor' AS actor FROM events"
    )
    assert actor == "user:auth0|7"


def test_every_scope_that_a_command_takes_is_in_the_table() -> None:
    assert {spec.scope for spec in COMMANDS} <= SCOPES.keys()
