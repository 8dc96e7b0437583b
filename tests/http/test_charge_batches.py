"""Many charges in one request: each for itself, or all or none, once."""

import asyncio
from typing import Any

from services.access.scopes import ALL_SCOPES
from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, open_account
from tests.http.test_problems import check


def unpriced(account_id: str) -> dict[str, Any]:
    body = charge_body(account_id)
    del body["unit_price"]
    return body


async def entries(api: Api) -> int:
    count: int = await (await api.database.admin()).fetchval("SELECT count(*) FROM ledger_entries")
    return count


async def test_each_item_is_answered_in_order_with_its_charge_or_its_problem(api: Api) -> None:
    first, second = await open_account(api), await open_account(api, "p2")
    charges = [charge_body(first), unpriced(first), charge_body(second, "1.5")]
    response = await api.post("/v1/charges:batch", {"charges": charges}, key="b1")
    assert response.status_code == 201
    batch = response.json()
    assert (batch["captured"], batch["refused"]) == (2, 1)
    assert [bool(item["charge"]) for item in batch["items"]] == [True, False, True]
    assert batch["items"][1]["problem"]["code"] == "PRICE_NOT_FOUND"
    assert batch["items"][1]["problem"]["status"] == 400
    for item in (batch["items"][0], batch["items"][2]):
        read = await api.client.get(f"/v1/charges/{item['charge']['charge_id']}")
        assert read.json() == item["charge"]
    assert batch["token"] == batch["items"][2]["charge"]["token"]
    await api.catch_up()
    account = await api.client.get(f"/v1/accounts/{second}?after={batch['token']}")
    assert account.json()["balance"]["amount"] == "1.50"


async def test_a_repeated_batch_is_answered_the_same_and_books_nothing(api: Api) -> None:
    account_id = await open_account(api)
    body = {"charges": [charge_body(account_id), unpriced(account_id)]}
    answers = await asyncio.gather(
        *(api.post("/v1/charges:batch", body, key="b1") for _ in range(4))
    )
    settled = [each for each in answers if each.status_code == 201]
    again = await api.post("/v1/charges:batch", body, key="b1")
    assert again.headers["idempotency-replayed"] == "true"
    assert all(each.json() == again.json() for each in settled)
    assert settled
    assert await entries(api) == 2
    other = {"charges": [*body["charges"], charge_body(account_id)]}
    check(await api.post("/v1/charges:batch", other, key="b1"), 409, "IDEMPOTENCY_KEY_REUSED")
    assert await entries(api) == 2


async def test_an_atomic_batch_books_all_or_none_and_names_the_item(api: Api) -> None:
    account_id = await open_account(api)
    good = [charge_body(account_id, str(number)) for number in (1, 2, 3)]
    bad = {"charges": [*good, unpriced(account_id)], "atomic": True}
    problem = check(await api.post("/v1/charges:batch", bad, key="b1"), 400, "PRICE_NOT_FOUND")
    assert problem["errors"][0]["path"] == "$.charges[3]"
    assert await entries(api) == 0
    done = await api.post("/v1/charges:batch", {"charges": good, "atomic": True}, key="b1")
    assert (done.status_code, done.json()["captured"]) == (201, 3)
    conflict = {"charges": [charge_body("acc_" + "0" * 26), good[0]], "atomic": True}
    missing = check(await api.post("/v1/charges:batch", conflict, key="b2"), 404, "NOT_FOUND")
    assert missing["errors"][0]["path"] == "$.charges[0]"


async def test_a_batch_has_a_key_a_limit_and_scopes_and_no_etag(api: Api) -> None:
    account_id = await open_account(api)
    body = {"charges": [charge_body(account_id)]}
    check(await api.post("/v1/charges:batch", body), 400, "IDEMPOTENCY_KEY_REQUIRED")
    many = {"charges": [charge_body(account_id)] * 1_001}
    check(await api.post("/v1/charges:batch", many, key="b"), 400, "VALIDATION_FAILED")
    check(await api.post("/v1/charges:batch", {"charges": []}, key="b"), 400, "VALIDATION_FAILED")
    etag = await api.post("/v1/charges:batch", body, key="b", **{"If-Match": '"1"'})
    assert check(etag, 400, "VALIDATION_FAILED")["errors"][0]["path"] == "header:If-Match"
    for scope in ("billing:charge:write", "billing:charge:price"):
        scopes = {"x-test-scopes": " ".join(ALL_SCOPES - {scope})}
        check(await api.post("/v1/charges:batch", body, key="b", **scopes), 403, "ACCESS_DENIED")
    huge = await api.client.post(
        "/v1/charges:batch",
        content=b" " * (4 * 1024 * 1024 + 1),
        headers={"Content-Type": "application/json", "Idempotency-Key": "b"},
    )
    check(huge, 413, "BODY_TOO_LARGE")


async def test_a_wrong_item_is_named_by_its_path(api: Api) -> None:
    account_id = await open_account(api)
    bad = charge_body(account_id, quantity=0)
    response = await api.post("/v1/charges:batch", {"charges": [bad]}, key="b")
    problem = check(response, 400, "VALIDATION_FAILED")
    assert problem["errors"][0]["path"] == "$.charges[0].quantity"
