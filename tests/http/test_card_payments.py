"""Cards over HTTP: saved, charged, declined, late, removed; and never a number in our hands."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from services.adapters.sandbox_gateway import DECLINED, PAYS, TIMES_OUT, SandboxGateway
from services.ports import GatewayMisconfigured, Unknown
from services.sagas.card_charging import CardCharging
from services.sagas.messages import PayByCard
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.visits import open_account, payment_body
from tests.fixtures.waiting import until

NUMBER = "4242 4242 4242 4242"


def card_body(account_id: str, token: str | None = PAYS, **fields: Any) -> dict[str, Any]:
    body = payment_body(account_id) | {"method": "card"} | fields
    return body if token is None else body | {"payment_token": token}


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def charge_card(api: Api, payment_id: str, *, gateway: Any = None) -> None:
    """What the worker does."""
    dependencies = api.dependencies
    activity = CardCharging(
        dependencies.executor, dependencies.writer, gateway or dependencies.gateway
    )
    work = PayByCard(tenant="demo", payment_id=payment_id)
    await ActivityEnvironment().run(activity.charge, work)


async def charge_what_comes(api: Api) -> None:
    """A worker for the one payment that is begun."""
    admin = await api.database.admin()

    async def begun() -> bool:
        return bool(await admin.fetchval(_BEGUN))

    await until(begun)
    await charge_card(api, await admin.fetchval(_BEGUN))


_BEGUN = "SELECT stream_id FROM stream_heads WHERE stream_id LIKE 'pay_%'"


@pytest.fixture
async def waiting(database: Database) -> AsyncIterator[Api]:
    """An API that waits for what the gateway says for as long as a test may take."""
    async with api_over(database, outcome_seconds=60.0) as api:
        yield api


async def save(api: Api, account_id: str, setup: str = PAYS, key: str | None = "s") -> Any:
    return await api.post(f"/v1/accounts/{account_id}/payment-methods", {"setup": setup}, key)


async def test_a_card_that_pays_meanwhile_is_answered_as_posted(waiting: Api) -> None:
    account_id = await open_account(waiting)
    response, _ = await asyncio.gather(
        waiting.post("/v1/payments", card_body(account_id), "k"), charge_what_comes(waiting)
    )
    assert response.status_code == 201, response.text
    paid = response.json()
    assert (paid["status"], paid["failure"], paid["version"]) == ("posted", None, 2)
    assert paid["payment_ref"].startswith("pi_")
    assert paid["token"] == f"{paid['payment_id']}-2"
    again = await waiting.post("/v1/payments", card_body(account_id), "k")
    assert (again.status_code, again.json()) == (201, paid)
    assert again.headers["idempotency-replayed"] == "true"
    assert PAYS not in response.text


async def test_a_card_that_is_declined_is_answered_as_a_failed_payment(waiting: Api) -> None:
    account_id = await open_account(waiting)
    response, _ = await asyncio.gather(
        waiting.post("/v1/payments", card_body(account_id, DECLINED), "k"),
        charge_what_comes(waiting),
    )
    assert response.status_code == 201, response.text
    failed = response.json()
    assert (failed["status"], failed["failure"]) == ("failed", "generic_decline")
    assert (failed["payment_ref"], failed["booked_on"], failed["allocations"]) == (None, None, [])
    found = await waiting.client.get(response.headers["location"])
    assert found.json() == failed


async def test_a_card_whose_answer_is_late_is_begun_and_read_at_its_place(api: Api) -> None:
    account_id = await open_account(api)
    response = await api.post("/v1/payments", card_body(account_id, TIMES_OUT), "k")
    begun = response.json()
    assert (response.status_code, begun["status"], begun["version"]) == (202, "initiated", 1)
    place = response.headers["location"]
    assert (await api.client.get(place)).json() == begun
    with pytest.raises(Exception, match="no answer within the time"):
        await charge_card(api, begun["payment_id"])
    assert (await api.client.get(place)).json()["status"] == "initiated"
    await charge_card(api, begun["payment_id"])
    assert (await api.client.get(place)).json()["status"] == "posted"
    again = await api.post("/v1/payments", card_body(account_id, TIMES_OUT), "k")
    assert (again.status_code, again.json()["status"]) == (201, "posted")
    books = await _books(api)
    assert books == {"1020": "40.00", "2100": "-40.00"}


async def test_a_crash_behind_the_gateway_neither_loses_nor_doubles(api: Api) -> None:
    account_id = await open_account(api)
    begun = (await api.post("/v1/payments", card_body(account_id), "k")).json()

    class Dies:
        """The money is taken, and then this process is no more."""

        async def charge(self, *asked: Any) -> Any:
            await api.dependencies.gateway.charge(*asked)
            raise Killed

    with pytest.raises(Killed):
        await charge_card(api, begun["payment_id"], gateway=Dies())
    await charge_card(api, begun["payment_id"])
    await charge_card(api, begun["payment_id"])
    assert await _books(api) == {"1020": "40.00", "2100": "-40.00"}
    admin = await api.database.admin()
    assert await admin.fetchval("SELECT count(*) FROM sandbox_gateway") == 1


async def test_a_saved_card_is_listed_charged_and_removed(api: Api) -> None:
    account_id = await open_account(api)
    response = await save(api, account_id)
    assert response.status_code == 201, response.text
    saved = response.json()
    place = response.headers["location"]
    assert (saved["brand"], saved["last4"], saved["expires"]) == ("visa", "4242", "2099-12")
    again = await save(api, account_id)
    assert (again.json(), again.headers["idempotency-replayed"]) == (saved, "true")
    other = (await save(api, account_id, "pm_card_mastercard", "s2")).json()
    listed = (await api.client.get(place)).json()
    cards = sorted([saved, other], key=lambda card: card["payment_method_id"])
    assert [card["payment_method_id"] for card in listed["items"]] == [
        card["payment_method_id"] for card in cards
    ]
    first = (await api.client.get(place, params={"limit": 1})).json()
    rest = (await api.client.get(place, params={"cursor": first["cursor"]})).json()
    assert (first["items"] + rest["items"], rest["cursor"]) == (listed["items"], None)

    named = {"payment_method_id": saved["payment_method_id"]}
    begun = await api.post("/v1/payments", card_body(account_id, None, **named), "k")
    assert begun.status_code == 202, begun.text
    await charge_card(api, begun.json()["payment_id"])
    found = (await api.client.get(begun.headers["location"])).json()
    assert (found["status"], found["payment_method_id"]) == ("posted", named["payment_method_id"])
    await api.catch_up()
    (listed_payment,) = (await api.client.get("/v1/payments")).json()["items"]
    assert listed_payment["payment_method_id"] == named["payment_method_id"]

    remove = f"{place}/{saved['payment_method_id']}/remove"
    for _ in range(2):
        removed = await api.post(remove, {})
        assert (removed.status_code, removed.json()["version"]) == (201, 2)
    listed = (await api.client.get(place)).json()
    assert [card["brand"] for card in listed["items"]] == ["mastercard"]
    refused = await api.post("/v1/payments", card_body(account_id, None, **named), "k2")
    assert code(refused) == (409, "STATE_CONFLICT")


async def test_nothing_of_a_card_is_in_the_log_in_the_clear(api: Api) -> None:
    account_id = await open_account(api)
    await save(api, account_id)
    await api.post("/v1/payments", card_body(account_id), "k")
    admin = await api.database.admin()
    stored = await admin.fetch(
        "SELECT convert_from(body, 'UTF8') AS text FROM events"
        " UNION ALL SELECT convert_from(state, 'UTF8') FROM stream_heads"
    )
    text = " ".join(row["text"] for row in stored)
    assert "visa" in text
    assert not any(secret in text for secret in ("4242", PAYS, "sandbox_"))


async def test_a_card_is_no_other_accounts(api: Api) -> None:
    account_id = await open_account(api)
    method_id = (await save(api, account_id)).json()["payment_method_id"]
    other = await open_account(api, "p-2")
    body = card_body(other, None, payment_method_id=method_id)
    assert code(await api.post("/v1/payments", body, "k")) == (404, "NOT_FOUND")
    remove = f"/v1/accounts/{other}/payment-methods/{method_id}/remove"
    assert code(await api.post(remove, {})) == (404, "NOT_FOUND")
    listed = await api.client.get(f"/v1/accounts/{other}/payment-methods")
    assert listed.json()["items"] == []
    nobody = account_id[:-4] + "0000"
    assert code(await api.client.get(f"/v1/accounts/{nobody}/payment-methods")) == (
        404,
        "NOT_FOUND",
    )
    assert code(await save(api, nobody)) == (404, "NOT_FOUND")
    body = card_body(method_id)
    assert code(await api.post("/v1/payments", body, "k3")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"method": "cash", "payment_token": PAYS}, "`method` card alone"),
        ({"payment_token": PAYS, "payment_method_id": "pmt_1"}, "not both"),
        ({"payment_token": PAYS, "received_on": "2026-01-02"}, "received_on"),
        ({"payment_token": NUMBER}, "looks like a card number"),
    ],
)
async def test_what_no_gateway_could_charge_is_refused(
    api: Api, fields: dict[str, str], says: str
) -> None:
    account_id = await open_account(api)
    body = payment_body(account_id) | {"method": "card"} | fields
    response = await api.post("/v1/payments", body, "k")
    assert code(response) == (400, "VALIDATION_FAILED")
    assert says in response.json()["detail"]
    assert NUMBER not in response.text


async def test_a_card_number_or_a_setup_that_the_gateway_refuses_is_not_saved(api: Api) -> None:
    account_id = await open_account(api)
    for setup, says in ((NUMBER, "card number"), ("pm_no", "resource_missing")):
        response = await save(api, account_id, setup, key=setup)
        assert code(response) == (400, "VALIDATION_FAILED")
        assert says in response.json()["detail"]
        assert NUMBER not in response.text
    other = await save(api, account_id, "pm_card_mastercard", key="pm_no")
    assert code(other) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert code(await save(api, account_id, key=None)) == (400, "IDEMPOTENCY_KEY_REQUIRED")


async def test_payments_are_listed_by_state_way_and_day(api: Api) -> None:
    account_id = await open_account(api)
    cash = (await api.post("/v1/payments", payment_body(account_id), "cash")).json()
    declined, begun = [
        (await api.post("/v1/payments", card_body(account_id, token), token)).json()
        for token in (DECLINED, PAYS)
    ]
    await charge_card(api, declined["payment_id"])
    await api.catch_up()
    day = cash["booked_on"]
    for asked_for, expected in (
        ("status=posted", [cash]),
        ("status=failed", [declined]),
        ("status=initiated&method=card", [begun]),
        ("method=card", [begun, declined]),
        ("method=bank", []),
        (f"date_from={day}&date_to={day}", [cash]),
        ("date_to=2020-01-01", []),
        (f"remittance_id=rem_{account_id[4:]}", []),
    ):
        found = (await api.client.get(f"/v1/payments?{asked_for}")).json()["items"]
        ids = [each["payment_id"] for each in found]
        assert ids == [each["payment_id"] for each in expected], asked_for
    (failed,) = (await api.client.get("/v1/payments?status=failed")).json()["items"]
    assert (failed["failure"], failed["booked_on"]) == ("generic_decline", None)
    period = "/v1/payments?date_from=2026-01-02&date_to=2026-01-01"
    assert code(await api.client.get(period)) == (400, "VALIDATION_FAILED")


class Killed(BaseException):
    """Nobody catches it."""


class Away:
    """The sandbox, whose first answer is lost behind what it did."""

    def __init__(self, gateway: SandboxGateway, first: Exception | Unknown) -> None:
        self._gateway = gateway
        self._first: Exception | Unknown | None = first

    async def save_method(self, *asked: str) -> Any:
        answer = await self._gateway.save_method(*asked)
        first, self._first = self._first, None
        if isinstance(first, Exception):
            raise first
        return first or answer


@pytest.mark.parametrize("first", [Unknown(reason="no answer"), GatewayMisconfigured("no key")])
async def test_a_card_whose_saving_was_not_heard_of_is_saved_once_by_the_repeat(
    database: Database, first: Any
) -> None:
    writer = await database.pool("daybook_writer", 2)
    async with api_over(database, gateway=Away(SandboxGateway(writer), first)) as api:
        account_id = await open_account(api)
        assert code(await save(api, account_id)) == (503, "UNAVAILABLE")
        saved = await save(api, account_id)
        assert saved.status_code == 201, saved.text
        admin = await database.admin()
        assert await admin.fetchval("SELECT count(*) FROM sandbox_gateway") == 1


async def test_a_card_at_a_terminal_of_ours_is_posted_at_once(api: Api) -> None:
    account_id = await open_account(api)
    response = await api.post("/v1/payments", card_body(account_id, None), "k")
    assert (response.status_code, response.json()["status"]) == (201, "posted")


async def _books(api: Api) -> dict[str, str]:
    await api.catch_up()
    rows = (await api.client.get("/v1/reports/trial-balance")).json()["rows"]
    return {row["gl_account"]: row["balance"] for row in rows}
