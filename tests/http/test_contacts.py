"""How a customer is reached, over HTTP: recorded, read, replaced, sealed, and nobody else's."""

from typing import Any

import pytest

from services.statements.contacts import read_accounts
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, open_account

MAIL, PHONE = "nino@example.org", "+995555123456"


def known(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    return {name: body[name] for name in ("email", "phone", "delivery", "version")}


async def test_a_contact_is_read_replaced_as_a_whole_and_answered_again(api: Api) -> None:
    opening = account_body(email="old@example.org", phone=PHONE, delivery="print")
    account_id = (await api.post("/v1/accounts", opening)).json()["account_id"]
    place = f"/v1/accounts/{account_id}/contact"
    first = {"email": "old@example.org", "phone": PHONE, "delivery": "print", "version": 1}
    assert known(await api.client.get(place)) == first
    response = await api.post(place, {"email": MAIL, "delivery": "email"}, "k")
    assert response.status_code == 201, response.text
    wanted = {"email": MAIL, "phone": None, "delivery": "email", "version": 2}
    assert known(response) == wanted
    assert response.headers["location"] == place
    assert (await api.client.get(place)).json() == response.json()
    await api.post(f"/v1/accounts/{account_id}/suspend", {"reason": "letters come back"})
    for _ in range(2):  # without a key, and with nothing that is sealed, it says what is known
        cleared = await api.post(place, {})
        assert known(cleared) == {"email": None, "phone": None, "delivery": None, "version": 4}
    again = await api.post(place, {"email": MAIL, "delivery": "email"}, "k")
    assert (again.json(), again.headers["idempotency-replayed"]) == (response.json(), "true")


async def test_documents_go_where_the_contact_says_and_the_log_does_not_show_it(api: Api) -> None:
    account_id = await open_account(api)
    await api.post(f"/v1/accounts/{account_id}/contact", {"email": MAIL, "phone": PHONE})
    admin = await api.database.admin()
    async with admin.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('daybook.tenants', 'demo', true)")
        account = (await read_accounts(connection, [account_id]))[account_id]
    assert account.email is not None
    assert account.phone is not None
    assert account.facility == "north"
    stored = await admin.fetch("SELECT body FROM events UNION ALL SELECT state FROM stream_heads")
    assert not any(MAIL.encode() in row[0] or PHONE.encode() in row[0] for row in stored)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"email": "nobody"}, {}, 400, "VALIDATION_FAILED"),
        ({"phone": "12"}, {}, 400, "VALIDATION_FAILED"),
        ({"delivery": "pigeon"}, {}, 400, "VALIDATION_FAILED"),
        ({"mail": MAIL}, {}, 400, "VALIDATION_FAILED"),
        ({"email": MAIL}, {"x-test-tenant": "other"}, 404, "NOT_FOUND"),
        ({}, {"x-test-tenant": "other"}, 404, "NOT_FOUND"),
        ({"email": MAIL}, {"x-test-scopes": "billing:read"}, 403, "ACCESS_DENIED"),
        ({"email": MAIL}, {"if-match": 'W/"7-1"'}, 409, "ACCOUNT_VERSION_CONFLICT"),
    ],
)
async def test_what_cannot_be_recorded_is_said(
    api: Api, body: Any, headers: dict[str, str], status: int, code: str
) -> None:
    account_id = await open_account(api)
    place = f"/v1/accounts/{account_id}/contact"
    response = await api.post(place, body, **headers)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    theirs = await api.client.get(place, headers={"x-test-tenant": "other"})
    assert theirs.status_code == 404
