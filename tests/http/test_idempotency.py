"""The same key twice: one effect and one answer, whoever asks and however often."""

import asyncio
from typing import Any

from domain.naming import account_id
from services.execute.envelope import HttpIdentity, claim_key
from tests.fixtures.http_api import Api, another_process
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body


async def _counted(api: Api, type_: str) -> int:
    admin = await api.database.admin()
    count: int = await admin.fetchval("SELECT count(*) FROM events WHERE type = $1", type_)
    return count


async def test_the_same_key_from_sixteen_callers_at_once_has_one_effect(api: Api) -> None:
    account = await open_account(api)
    responses = await asyncio.gather(
        *(api.post("/v1/payments", payment_body(account), key="till-1/77") for _ in range(16))
    )
    assert {response.status_code for response in responses} == {201}
    assert len({response.text for response in responses}) == 1
    replayed = [response.headers.get("idempotency-replayed") for response in responses]
    assert sorted(replayed, key=str) == [None, *["true"] * 15]
    assert await _counted(api, "billing.payment.posted.v1") == 1


async def test_one_key_at_two_processes_has_one_effect(api: Api) -> None:
    account = await open_account(api)
    async with another_process(api) as elsewhere:
        responses = await asyncio.gather(
            *(
                process.post("/v1/payments", payment_body(account), key="k")
                for _ in range(8)
                for process in (api, elsewhere)
            )
        )
    done = [response for response in responses if response.status_code == 201]
    busy = [response.json()["code"] for response in responses if response not in done]
    assert len({response.text for response in done}) == 1
    assert set(busy) <= {"IDEMPOTENCY_IN_FLIGHT"}
    assert await _counted(api, "billing.payment.posted.v1") == 1
    again = await api.post("/v1/payments", payment_body(account), key="k")
    assert again.text == done[0].text


async def test_a_repeat_is_answered_with_the_first_answer(api: Api) -> None:
    account = await open_account(api, "someone else")
    price = {
        "facility": "*",
        "code": "1",
        "unit_price": {"amount": "1", "currency": "JPY"},
        "valid_from": "2026-01-01",
    }
    bodies: dict[str, Any] = {
        "accounts": account_body(name="Ana"),
        "charges": charge_body(account),
        "payments": payment_body(account),
        "price-lists": {"name": "yen", "prices": [price]},
    }
    for kind, body in bodies.items():
        first = await api.post(f"/v1/{kind}", body, key="k")
        # What happens in between must not show in the repeated answer.
        await api.post("/v1/charges", charge_body(account))
        again = await api.post(f"/v1/{kind}", body, key="k")
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.text == first.text
        assert again.headers["location"] == first.headers["location"]
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"


async def test_another_body_under_the_same_key_is_refused(api: Api) -> None:
    account = await open_account(api)
    await api.post("/v1/payments", payment_body(account, "40"), key="k")
    other = await api.post("/v1/payments", payment_body(account, "41"), key="k")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


async def test_a_key_is_of_its_path_and_tenant(api: Api) -> None:
    account = await open_account(api)
    charge = await api.post("/v1/charges", charge_body(account), key="k")
    payment = await api.post("/v1/payments", payment_body(account), key="k")
    assert (charge.status_code, payment.status_code) == (201, 201)
    other = await open_account(api, **{"x-test-tenant": "other"})
    elsewhere = await api.post(
        "/v1/charges", charge_body(other), key="k", **{"x-test-tenant": "other"}
    )
    assert elsewhere.status_code == 201
    assert elsewhere.json()["charge_id"] != charge.json()["charge_id"]


async def test_a_domain_refusal_is_replayed_even_when_it_would_not_be_refused_now(
    api: Api,
) -> None:
    body = charge_body(account_id("demo", "p1", "USD"))
    first = await api.post("/v1/charges", body, key="k")
    assert (first.status_code, first.json()["code"]) == (404, "NOT_FOUND")
    await open_account(api)
    again = await api.post("/v1/charges", body, key="k")
    assert (again.status_code, again.json()["code"]) == (404, "NOT_FOUND")
    assert again.json()["detail"] == first.json()["detail"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (await api.post("/v1/charges", body, key="k2")).status_code == 201


async def test_a_refusal_of_what_was_sent_holds_no_key(api: Api) -> None:
    body = charge_body(await open_account(api))
    del body["unit_price"]
    first = await api.post("/v1/charges", body, key="k")
    assert (first.status_code, first.json()["code"]) == (400, "PRICE_NOT_FOUND")
    price = {
        "facility": "*",
        "code": "99213",
        "unit_price": {"amount": "1", "currency": "USD"},
        "valid_from": "2026-01-01",
    }
    published = await api.post("/v1/price-lists", {"name": "late", "prices": [price]})
    assert published.status_code == 201
    assert (await api.post("/v1/charges", body, key="k")).status_code == 201


async def test_a_request_that_was_not_valid_holds_no_key(api: Api) -> None:
    account = await open_account(api)
    wrong = await api.post("/v1/charges", charge_body(account, quantity=0), key="k")
    right = await api.post("/v1/charges", charge_body(account), key="k")
    assert (wrong.status_code, right.status_code) == (400, 201)


async def test_a_payment_without_a_key_is_refused(api: Api) -> None:
    account = await open_account(api)
    response = await api.post("/v1/payments", payment_body(account))
    assert (response.status_code, response.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert await _counted(api, "billing.payment.posted.v1") == 0


async def test_commands_without_a_key_are_all_new(api: Api) -> None:
    account = await open_account(api)
    first = await api.post("/v1/charges", charge_body(account))
    second = await api.post("/v1/charges", charge_body(account))
    assert first.json()["charge_id"] != second.json()["charge_id"]


async def test_a_key_that_is_not_printable_or_too_long_is_refused(api: Api) -> None:
    account = await open_account(api)
    for key in ("", " ", "a" * 256, "caf\u00e9", "a\tb"):
        response = await api.client.post(
            "/v1/payments",
            json=payment_body(account),
            headers=[(b"Idempotency-Key", key.encode("latin-1"))],
        )
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED"), key
        assert response.json()["errors"][0]["path"] == "header:Idempotency-Key"


async def test_two_keys_on_one_request_are_refused(api: Api) -> None:
    account = await open_account(api)
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    response = await api.client.post("/v1/payments", json=payment_body(account), headers=headers)
    assert response.json()["errors"][0]["path"] == "header:Idempotency-Key"


async def test_a_key_in_flight_elsewhere_is_to_be_tried_again(api: Api) -> None:
    account = await open_account(api)
    lock = claim_key("demo", HttpIdentity("POST", "/v1/payments", "k"))
    admin = await api.database.admin()
    async with admin.acquire() as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", lock)
        busy = await api.post("/v1/payments", payment_body(account), key="k")
    assert (busy.status_code, busy.json()["code"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    assert int(busy.headers["retry-after"]) >= 1
    assert (await api.post("/v1/payments", payment_body(account), key="k")).status_code == 201


async def test_the_spelling_of_a_path_does_not_make_another_identity(api: Api) -> None:
    account = await open_account(api)
    first = await api.post("/v1/payments", payment_body(account), key="k")
    again = await api.post("/v1/payments/", payment_body(account), key="k")
    assert again.json() == first.json()
    assert await _counted(api, "billing.payment.posted.v1") == 1
