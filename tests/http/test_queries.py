"""The read models over HTTP: what they answer, page by page, and as fresh as asked."""

import asyncio
from datetime import date
from typing import Any

from contracts.ids import derive
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.visits import charge_body, issue_invoice, open_account, payment_body


async def _get(api: Api, path: str, **headers: str) -> Any:
    response = await api.client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_account_is_found_by_id_and_by_patient_with_its_name_open(api: Api) -> None:
    body = {"patient_id": "p1", "facility": "north", "currency": "USD", "name": "Ana Lima"}
    opened = (await api.post("/v1/accounts", body)).json()
    await open_account(api, "p2")
    await api.catch_up()
    account = await _get(api, f"/v1/accounts/{opened['account_id']}")
    assert (account["name"], account["balance"]["amount"]) == ("Ana Lima", "0.00")
    found = await _get(api, "/v1/accounts?patient_id=p1")
    assert found == {"items": [account], "cursor": None}
    assert [item["name"] for item in (await _get(api, "/v1/accounts?patient_id=p2"))["items"]] == [
        None
    ]


async def test_a_forgotten_patient_has_an_account_without_a_name(api: Api) -> None:
    body = {"patient_id": "p1", "facility": "north", "currency": "USD", "name": "Ana Lima"}
    opened = await api.post("/v1/accounts", body, key="k")
    await api.catch_up()
    admin = await api.database.admin()
    await admin.execute("DELETE FROM subject_keys")
    assert (await _get(api, opened.headers["location"]))["name"] is None
    repeated = await api.post("/v1/accounts", body, key="k")
    assert (repeated.status_code, repeated.json()["name"]) == (201, None)


async def test_a_partly_paid_invoice_shows_lines_payment_and_remainder(api: Api) -> None:
    account_id = await open_account(api)
    charge = (await api.post("/v1/charges", charge_body(account_id))).json()
    invoice_id = await issue_invoice(api, account_id)
    payment = (await api.post("/v1/payments", payment_body(account_id), key="k")).json()
    assert payment["allocations"] == [
        {"invoice_id": invoice_id, "amount": {"amount": "40.00", "currency": "USD"}}
    ]
    await api.catch_up()
    detail = await _get(api, f"/v1/invoices/{invoice_id}")
    assert detail["invoice"]["status"] == "issued"
    assert detail["invoice"]["outstanding"] == {"amount": "85.00", "currency": "USD"}
    assert [line["charge_id"] for line in detail["lines"]] == [charge["charge_id"]]
    assert [part["payment_id"] for part in detail["payments"]] == [payment["payment_id"]]


async def test_invoices_are_filtered_by_account_status_and_day(api: Api) -> None:
    first, second = await open_account(api, "p1"), await open_account(api, "p2")
    for number, account_id in enumerate((first, second)):
        await api.post("/v1/charges", charge_body(account_id))
        await issue_invoice(api, account_id, str(number))
    await api.post("/v1/payments", payment_body(second, "125"), key="k")
    await api.catch_up()

    async def accounts(query: str) -> list[str]:
        page = await _get(api, f"/v1/invoices?{query}")
        return [invoice["account_id"] for invoice in page["items"]]

    issued_on = (await _get(api, "/v1/invoices"))["items"][0]["issued_on"]
    assert await accounts("") == [second, first]
    assert await accounts(f"account_id={first}") == [first]
    assert await accounts("status=paid") == [second]
    assert await accounts("status=draft") == []
    assert await accounts(f"date_from={issued_on}&date_to={issued_on}") == [second, first]
    assert await accounts(f"date_to={date(2000, 1, 1)}") == []


async def test_pages_hold_every_row_once(api: Api) -> None:
    account_id = await open_account(api)
    for number in range(5):
        await api.post("/v1/payments", payment_body(account_id, f"{number + 1}"), key=str(number))
    await api.catch_up()
    for path, rows in (
        (f"/v1/payments?account_id={account_id}&limit=2", 5),
        (f"/v1/accounts/{account_id}/ledger?limit=2", 5),
    ):
        page = await _get(api, path)
        items = page["items"]
        while page["cursor"] is not None:
            page = await _get(api, f"{path}&cursor={page['cursor']}")
            assert len(page["items"]) <= 2
            items += page["items"]
        assert len(items) == rows
        assert len({str(item) for item in items}) == rows
    balances = [item["balance"]["amount"] for item in items]
    assert balances == ["-1.00", "-3.00", "-6.00", "-10.00", "-15.00"]


async def test_the_ledger_of_no_account_is_not_found(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    assert (await _get(api, f"/v1/accounts/{account_id}/ledger"))["items"] == []
    response = await api.client.get(f"/v1/accounts/{derive('acc', 'nobody')}/ledger")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


async def test_a_cursor_of_another_query_is_refused(api: Api) -> None:
    account_id = await open_account(api)
    for number in range(2):
        await api.post("/v1/payments", payment_body(account_id), key=str(number))
    await api.catch_up()
    cursor = (await _get(api, "/v1/payments?limit=1"))["cursor"]
    response = await api.client.get(f"/v1/invoices?cursor={cursor}")
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_the_trial_balance_is_zero_in_every_currency(api: Api) -> None:
    account_id = await open_account(api)
    await api.post("/v1/charges", charge_body(account_id))
    await api.post("/v1/payments", payment_body(account_id), key="k")
    yen = (
        await api.post("/v1/accounts", {"patient_id": "p1", "facility": "tokyo", "currency": "JPY"})
    ).json()["account_id"]
    money = {"amount": "300", "currency": "JPY"}
    body = charge_body(yen, unit_price=money, currency="JPY")
    assert (await api.post("/v1/charges", body)).status_code == 201
    await api.catch_up()
    balance = await _get(api, "/v1/reports/trial-balance")
    rows = {(row["gl_account"], row["currency"]): row["balance"] for row in balance["rows"]}
    assert rows == {
        ("1010", "USD"): "40.00",
        ("1100", "USD"): "125.00",
        ("2100", "USD"): "-40.00",
        ("4000", "USD"): "-125.00",
        ("1100", "JPY"): "300",
        ("4000", "JPY"): "-300",
    }
    totals = balance["totals"]
    assert {currency: total["balance"] for currency, total in totals.items()} == {
        "USD": "0.00",
        "JPY": "0",
    }


async def test_price_lists_are_listed_by_page(api: Api) -> None:
    made = set()
    for number in range(3):
        price = {
            "facility": "*",
            "code": f"C{number}",
            "unit_price": {"amount": "1", "currency": "USD"},
            "valid_from": "2026-01-01",
        }
        published = await api.post("/v1/price-lists", {"name": f"{number}", "prices": [price]})
        made.add(published.json()["price_list_id"])
    first = await _get(api, "/v1/price-lists?limit=2")
    rest = await _get(api, f"/v1/price-lists?limit=2&cursor={first['cursor']}")
    found = first["items"] + rest["items"]
    assert [item["price_list_id"] for item in found] == sorted(made)
    assert rest["cursor"] is None


async def test_an_etag_saves_the_body_until_something_changes(api: Api) -> None:
    account_id = await open_account(api)
    await api.post("/v1/charges", charge_body(account_id))
    invoice_id = await issue_invoice(api, account_id)
    await api.catch_up()
    for path in (f"/v1/accounts/{account_id}", f"/v1/invoices/{invoice_id}"):
        first = await api.client.get(path)
        etag = first.headers["etag"]
        same = await api.client.get(path, headers={"If-None-Match": f'"x", {etag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        # A part payment changes what is owed without a new version of the invoice itself.
        await api.post("/v1/payments", payment_body(account_id, "1"), key=path)
        await api.catch_up()
        changed = await api.client.get(path, headers={"If-None-Match": etag})
        assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)


async def test_the_etag_of_an_account_guards_a_command(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    etag = (await api.client.get(f"/v1/accounts/{account_id}")).headers["etag"]
    first = await api.post("/v1/charges", charge_body(account_id), **{"If-Match": etag})
    second = await api.post("/v1/charges", charge_body(account_id), **{"If-Match": etag})
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["code"] == "ACCOUNT_VERSION_CONFLICT"


async def test_a_query_waits_for_its_token_or_says_how_far_behind_it_is(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    token = (await api.post("/v1/charges", charge_body(account_id))).json()["token"]
    early = await api.client.get(f"/v1/accounts/{account_id}?after={token}")
    assert (early.status_code, early.json()["code"]) == (425, "NOT_YET")
    assert early.json()["lag"]["events"] >= 1
    assert early.json()["lag"]["seconds"] >= 0
    assert int(early.headers["retry-after"]) >= 1
    await api.catch_up()
    account = await _get(api, f"/v1/accounts/{account_id}?after={token}")
    assert account["balance"]["amount"] == "125.00"


async def test_a_query_is_answered_as_soon_as_the_read_model_is_there(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    token = (await api.post("/v1/charges", charge_body(account_id))).json()["token"]
    async with api_over(api.database, patience_seconds=60) as patient:
        asked = asyncio.create_task(_get(patient, f"/v1/accounts/{account_id}?after={token}"))
        await api.catch_up()
        assert (await asked)["balance"]["amount"] == "125.00"


async def test_waiting_queries_do_not_keep_others_from_reading(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    token = (await api.post("/v1/charges", charge_body(account_id))).json()["token"]
    async with api_over(api.database, patience_seconds=60) as patient:
        waiting = [
            asyncio.create_task(_get(patient, f"/v1/accounts/{account_id}?after={token}"))
            for _ in range(3 * patient.dependencies.reader.get_max_size())
        ]
        assert (await _get(patient, f"/v1/accounts/{account_id}"))["balance"]["amount"] == "0.00"
        await api.catch_up()
        for answer in await asyncio.gather(*waiting):
            assert answer["balance"]["amount"] == "125.00"


async def test_a_token_that_is_none_is_refused(api: Api) -> None:
    await open_account(api)
    await api.catch_up()
    for token in ("x", "acc_1-1", "-1", "a" * 300, f"{derive('acc', 'nobody')}-1"):
        response = await api.client.get("/v1/invoices", params={"after": token})
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")
        assert response.json()["errors"][0]["path"] == "query:after"
