"""The four commands: what they answer, where it can be read, and what they refuse."""

import asyncio
from typing import Any

from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body


async def test_an_opened_account_is_answered_with_its_place_version_and_token(api: Api) -> None:
    response = await api.post("/v1/accounts", account_body(name="Zahra Ahmadi", language="prs"))
    assert response.status_code == 201
    account = response.json()
    account_id = account.pop("account_id")
    assert response.headers["location"] == f"/v1/accounts/{account_id}"
    assert account == {
        "patient_id": "p1",
        "name": "Zahra Ahmadi",
        "facility": "north",
        "currency": "USD",
        "language": "prs",
        "status": "open",
        "version": 1,
        "token": f"{account_id}-1",
    }


async def test_a_name_is_sealed_before_it_reaches_the_log(api: Api) -> None:
    await api.post("/v1/accounts", account_body(name="Zahra Ahmadi"))
    admin = await api.database.admin()
    bodies = await admin.fetch("SELECT body FROM events UNION ALL SELECT state FROM stream_heads")
    assert not any(b"Zahra" in row[0] for row in bodies)
    assert any(b'"sealed"' in row[0] for row in bodies)


async def test_a_patient_has_one_account_a_currency(api: Api) -> None:
    account_id = await open_account(api)
    again = await api.post("/v1/accounts", account_body())
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")
    euros = await api.post("/v1/accounts", account_body(currency="EUR"))
    assert euros.status_code == 201
    assert euros.json()["account_id"] != account_id


async def test_a_charge_takes_its_price_from_the_price_list(api: Api) -> None:
    account_id = await open_account(api)
    published = await api.post(
        "/v1/price-lists",
        {
            "name": "2026",
            "prices": [
                {
                    "facility": "*",
                    "code": "99213",
                    "unit_price": {"amount": "62.5", "currency": "USD"},
                    "valid_from": "2026-01-01",
                }
            ],
        },
    )
    assert published.status_code == 201
    body = charge_body(account_id, quantity=2)
    del body["unit_price"]
    response = await api.post("/v1/charges", body)
    assert response.status_code == 201
    charge = response.json()
    assert charge["unit_price"] == {"amount": "62.50", "currency": "USD"}
    assert charge["total"] == {"amount": "125.00", "currency": "USD"}
    assert charge["price_source"] == "price_list"
    assert charge["price_list_id"] == published.json()["price_list_id"]


async def test_what_was_made_can_be_read_at_its_location_at_once(api: Api) -> None:
    account_id = await open_account(api)
    price = {
        "facility": "north",
        "code": "1",
        "unit_price": {"amount": "1", "currency": "USD"},
        "valid_from": "2026-01-01",
    }
    bodies: dict[str, Any] = {
        "charges": charge_body(account_id),
        "payments": payment_body(account_id),
        "price-lists": {"name": "2026", "prices": [price]},
    }
    for kind, body in bodies.items():
        made = await api.post(f"/v1/{kind}", body, key="k1")
        read = await api.client.get(made.headers["location"])
        assert (read.status_code, read.json()) == (200, made.json()), kind


async def test_a_payment_settles_the_oldest_invoice_and_credits_the_rest(api: Api) -> None:
    account_id = await open_account(api)
    response = await api.post("/v1/payments", payment_body(account_id, "40"), key="p1")
    assert response.status_code == 201
    payment = response.json()
    assert payment["amount"] == payment["credited"] == {"amount": "40.00", "currency": "USD"}
    assert payment["allocations"] == []


async def test_amounts_are_canonical_however_they_were_written(api: Api) -> None:
    account_id = await open_account(api)
    first = await api.post("/v1/charges", charge_body(account_id, "125"), key="c1")
    again = await api.post("/v1/charges", charge_body(account_id, "125.0"), key="c1")
    assert first.json()["unit_price"]["amount"] == "125.00"
    # The same request as far as its meaning goes, so the same answer.
    assert (again.status_code, again.json()) == (201, first.json())


async def test_dates_of_the_year_1_or_9999_are_refused(api: Api) -> None:
    account_id = await open_account(api)
    for day in ("0001-01-01", "9999-12-31"):
        for path, body in (
            ("/v1/charges", charge_body(account_id, service_date=day)),
            ("/v1/payments", payment_body(account_id, received_on=day)),
        ):
            response = await api.post(path, body)
            problem = response.json()
            assert (response.status_code, problem["code"]) == (400, "VALIDATION_FAILED"), path
            assert "within the years 1900 to 2199" in response.text


NO_AMOUNTS = (
    (b'{"amount": 125.5, "currency": "USD"}', "$.unit_price.amount"),
    (b'{"amount": 125, "currency": "USD"}', "$.unit_price.amount"),
    (b'{"amount": "NaN", "currency": "USD"}', "$.unit_price"),
    (b'{"amount": "1e3", "currency": "USD"}', "$.unit_price"),
    (b'{"amount": "Infinity", "currency": "USD"}', "$.unit_price"),
    (b'{"amount": "1.005", "currency": "USD"}', "$.unit_price"),
    (b'{"amount": "1", "currency": "USD", "tip": 1}', "$.unit_price.tip"),
    (b'{"currency": "USD"}', "$.unit_price.amount"),
    (b"NaN", "$"),
    (b"12.5", "$.unit_price"),
)


async def test_an_amount_that_is_no_exact_decimal_string_is_refused(api: Api) -> None:
    account_id = await open_account(api)
    body = api.client.build_request("POST", "/", json=charge_body(account_id, "@amount@")).content
    money = b'{"amount":"@amount@","currency":"USD"}'
    assert money in body
    for raw, path in NO_AMOUNTS:
        response = await api.client.post(
            "/v1/charges",
            content=body.replace(money, raw),
            headers={"Content-Type": "application/json"},
        )
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED"), raw
        assert [error["path"] for error in response.json()["errors"]] == [path], raw


WRONG_FIELDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"quantity": "3"}, "$.quantity"),
    ({"quantity": 0}, "$.quantity"),
    ({"quantity": 1.5}, "$.quantity"),
    ({"service_date": "2026-02-30"}, "$.service_date"),
    ({"code": "9 9"}, "$.code"),
    ({"facility": "north\n"}, "$.facility"),
    ({"account_id": "acc\u0000"}, "$.account_id"),
    ({"surprise": 1}, "$.surprise"),
    ({"modifiers": ["25", 59]}, "$.modifiers[1]"),
)


async def test_a_field_that_is_wrong_is_named(api: Api) -> None:
    account_id = await open_account(api)
    for changes, path in WRONG_FIELDS:
        response = await api.post("/v1/charges", charge_body(account_id, **changes))
        assert response.status_code == 400, changes
        assert [error["path"] for error in response.json()["errors"]] == [path], changes


async def test_an_amount_beyond_the_ledger_is_refused(api: Api) -> None:
    account_id = await open_account(api)
    body = charge_body(account_id, "90000000000000.00", quantity=1_000_000)
    response = await api.post("/v1/charges", body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_an_unknown_currency_has_a_code_of_its_own(api: Api) -> None:
    account_id = await open_account(api)
    money = {"amount": "1", "currency": "XXX"}
    response = await api.post("/v1/charges", charge_body(account_id, unit_price=money))
    assert (response.status_code, response.json()["code"]) == (400, "CURRENCY_UNSUPPORTED")


async def test_a_charge_in_another_currency_than_its_account_is_refused(api: Api) -> None:
    account_id = await open_account(api)
    euros = {"amount": "1", "currency": "EUR"}
    body = charge_body(account_id, unit_price=euros, currency="EUR")
    response = await api.post("/v1/charges", body)
    assert (response.status_code, response.json()["code"]) == (400, "CURRENCY_UNSUPPORTED")


async def test_a_charge_without_a_published_price_is_refused(api: Api) -> None:
    body = charge_body(await open_account(api))
    del body["unit_price"]
    response = await api.post("/v1/charges", body)
    assert (response.status_code, response.json()["code"]) == (400, "PRICE_NOT_FOUND")
    assert response.json()["errors"][0]["path"] == "$.code"


async def test_overlapping_prices_are_refused(api: Api) -> None:
    price = {
        "facility": "north",
        "code": "99213",
        "unit_price": {"amount": "1", "currency": "USD"},
        "valid_from": "2026-01-01",
    }
    later = price | {"valid_from": "2026-02-01"}
    response = await api.post("/v1/price-lists", {"name": "2026", "prices": [price, later]})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_a_price_list_longer_than_an_event_is_published_whole(api: Api) -> None:
    prices = [
        {
            "facility": "north",
            "code": f"C{number}",
            "unit_price": {"amount": str(number), "currency": "USD"},
            "valid_from": "2026-01-01",
        }
        for number in range(2_500)
    ]
    published = await api.post("/v1/price-lists", {"name": "long", "prices": prices}, key="k")
    assert published.status_code == 201
    assert (published.json()["price_count"], published.json()["version"]) == (2_500, 3)
    again = await api.post("/v1/price-lists", {"name": "long", "prices": prices}, key="k")
    assert again.json() == published.json()


async def test_a_stale_if_match_is_a_version_conflict(api: Api) -> None:
    account_id = await open_account(api)
    fresh = await api.post("/v1/charges", charge_body(account_id), **{"If-Match": '"1"'})
    assert fresh.status_code == 201
    stale = await api.post("/v1/charges", charge_body(account_id), **{"If-Match": 'W/"1-7"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "ACCOUNT_VERSION_CONFLICT")


async def test_correlation_and_trace_reach_the_log(api: Api) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"X-Correlation-Id": "visit-17", "traceparent": traceparent}
    response = await api.post("/v1/accounts", account_body(), **headers)
    assert response.headers["x-correlation-id"] == "visit-17"
    admin = await api.database.admin()
    metadata = bytes(await admin.fetchval("SELECT metadata FROM events")).decode()
    assert '"correlation_id":"visit-17"' in metadata
    assert f'"traceparent":"{traceparent}"' in metadata
    assert '"actor":"user:dev"' in metadata


async def test_a_traceparent_that_is_none_is_ignored(api: Api) -> None:
    response = await api.post("/v1/accounts", account_body(), traceparent="00-zz-1-01")
    assert response.status_code == 201
    admin = await api.database.admin()
    assert b"traceparent" not in await admin.fetchval("SELECT metadata FROM events")


async def test_sixty_four_callers_on_one_account_are_all_booked(api: Api) -> None:
    account_id = await open_account(api)
    responses = await asyncio.gather(
        *(api.post("/v1/charges", charge_body(account_id, "1.25")) for _ in range(64))
    )
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["charge_id"] for response in responses}) == 64
    await api.catch_up()
    account = (await api.client.get(f"/v1/accounts/{account_id}")).json()
    assert account["balance"] == {"amount": "80.00", "currency": "USD"}
    assert (account["open_charges"], account["version"]) == (64, 65)
