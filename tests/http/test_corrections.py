"""Suspended accounts, reversed charges and invoices over HTTP."""

from typing import Any

from services.access.scopes import ALL_SCOPES
from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, open_account, payment_body
from tests.http.test_problems import check

REASON = {"reason": "Wrong patient: Zahra"}


async def capture(api: Api, account_id: str, amount: str = "125.00", **changes: Any) -> str:
    response = await api.post("/v1/charges", charge_body(account_id, amount, **changes))
    assert response.status_code == 201, response.text
    charge_id: str = response.json()["charge_id"]
    return charge_id


async def draft(api: Api, account_id: str, **fields: Any) -> str:
    response = await api.post("/v1/invoices", {"account_id": account_id, **fields})
    assert response.status_code == 201, response.text
    invoice_id: str = response.json()["invoice_id"]
    return invoice_id


async def test_a_suspended_account_refuses_charges_and_takes_payments(api: Api) -> None:
    account_id = await open_account(api)
    suspended = await api.post(f"/v1/accounts/{account_id}/suspend", REASON, key="s1")
    assert suspended.status_code == 201
    assert suspended.json() == {
        "account_id": account_id,
        "status": "suspended",
        "reason": REASON["reason"],
        "version": 2,
        "token": f"{account_id}-2",
    }
    check(await api.post("/v1/charges", charge_body(account_id)), 409, "STATE_CONFLICT")
    assert (await api.post("/v1/payments", payment_body(account_id), key="p")).status_code == 201
    await api.catch_up()
    account = await api.client.get(f"/v1/accounts/{account_id}")
    assert (account.json()["status"], account.json()["version"]) == ("suspended", 3)
    stale = await api.post(
        f"/v1/accounts/{account_id}/reinstate", REASON, **{"If-Match": 'W/"2-1"'}
    )
    check(stale, 409, "ACCOUNT_VERSION_CONFLICT")
    etag = {"If-Match": account.headers["etag"]}
    back = await api.post(f"/v1/accounts/{account_id}/reinstate", REASON, **etag)
    assert (back.status_code, back.json()["status"]) == (201, "open")
    await capture(api, account_id)
    again = await api.post(f"/v1/accounts/{account_id}/suspend", REASON, key="s1")
    assert (again.status_code, again.json()) == (201, suspended.json())
    check(await api.post(f"/v1/accounts/{account_id}/reinstate", REASON), 409, "STATE_CONFLICT")


async def test_a_reversed_charge_is_shown_with_its_reason_and_owed_no_more(api: Api) -> None:
    account_id = await open_account(api)
    charge_id = await capture(api, account_id)
    await capture(api, account_id, "1.00")
    response = await api.post(f"/v1/charges/{charge_id}/reverse", REASON, key="r1")
    assert response.status_code == 201
    charge = response.json()
    assert (charge["status"], charge["reversal"]["reason"]) == ("reversed", REASON["reason"])
    assert (charge["version"], charge["token"]) == (2, f"{charge_id}-2")
    assert (await api.client.get(f"/v1/charges/{charge_id}")).json() == charge
    again = await api.post(f"/v1/charges/{charge_id}/reverse", REASON, key="r1")
    assert (again.status_code, again.json()) == (201, charge)
    check(await api.post(f"/v1/charges/{charge_id}/reverse", REASON), 409, "STATE_CONFLICT")
    await api.catch_up()
    account = (await api.client.get(f"/v1/accounts/{account_id}")).json()
    assert account["balance"] == account["charged"] == {"amount": "1.00", "currency": "USD"}
    assert account["open_charges"] == 1


async def test_reasons_are_sealed_before_they_reach_the_log(api: Api) -> None:
    account_id = await open_account(api)
    charge_id = await capture(api, account_id)
    await api.post(f"/v1/charges/{charge_id}/reverse", REASON)
    await api.post(f"/v1/accounts/{account_id}/suspend", REASON)
    admin = await api.database.admin()
    stored = await admin.fetch("SELECT body FROM events UNION ALL SELECT state FROM stream_heads")
    assert not any(b"Zahra" in row[0] for row in stored)
    await admin.execute("DELETE FROM subject_keys")
    forgotten = (await api.client.get(f"/v1/charges/{charge_id}")).json()
    assert forgotten["reversal"]["reason"] is None


async def test_an_invoice_is_drafted_issued_and_then_as_it_was_for_ever(api: Api) -> None:
    account_id = await open_account(api)
    charge_id = await capture(api, account_id)
    admin = await api.database.admin()
    await admin.execute(
        "INSERT INTO tax_rules VALUES ('demo', 'late', '*', '*', '[2000-01-01,)', 100000)"
    )
    invoice_id = await draft(api, account_id)
    check(await api.post(f"/v1/charges/{charge_id}/reverse", REASON), 409, "STATE_CONFLICT")
    path = f"/v1/invoices/{invoice_id}/issue"
    issued = await api.post(path, {"due_days": 14}, key="i1")
    assert issued.status_code == 201
    body = issued.json()
    assert body["tax_trued_up"] == body["tax"] == {"amount": "12.50", "currency": "USD"}
    assert body["total"]["amount"] == "137.50"
    assert (body["number"][-7:], body["status"], body["version"]) == ("-000001", "issued", 2)
    await admin.execute("UPDATE tax_rules SET rate_ppm = 200000")
    for key in ("i1", "i2", None):
        again = await api.post(path, {"due_days": 14}, key=key)
        assert (again.status_code, again.json()) == (201, body)
    check(await api.post(path, {"due_days": 15}), 409, "STATE_CONFLICT")
    check(await api.post(path, {}), 409, "STATE_CONFLICT")
    await api.catch_up()
    detail = (await api.client.get(f"/v1/invoices/{invoice_id}")).json()
    assert detail["invoice"]["outstanding"]["amount"] == "137.50"
    assert detail["lines"][0]["tax"]["amount"] == "12.50"
    charge = (await api.client.get(f"/v1/charges/{charge_id}")).json()
    assert charge["tax"]["amount"] == "0.00"
    assert charge["final_tax"]["tax"]["amount"] == "12.50"
    account = (await api.client.get(f"/v1/accounts/{account_id}")).json()
    assert account["balance"] == account["charged"] == {"amount": "137.50", "currency": "USD"}
    trial = (await api.client.get("/v1/reports/trial-balance")).json()
    assert trial["totals"]["USD"]["balance"] == "0.00"


async def test_charges_that_cannot_be_drafted_are_refused_by_what_they_are(api: Api) -> None:
    mine, theirs = await open_account(api), await open_account(api, "p2")
    drafted, reversed_, foreign = (
        await capture(api, mine),
        await capture(api, mine),
        await capture(api, theirs),
    )
    await draft(api, mine, charge_ids=[drafted])
    await api.post(f"/v1/charges/{reversed_}/reverse", REASON)
    unknown = "chg_" + "0" * 26
    for charge_id, status, code, words in (
        (drafted, 409, "STATE_CONFLICT", "on an invoice already"),
        (reversed_, 409, "STATE_CONFLICT", "was reversed"),
        (foreign, 404, "NOT_FOUND", "is not one of account"),
        (unknown, 404, "NOT_FOUND", "there is no charge"),
    ):
        response = await api.post("/v1/invoices", {"account_id": mine, "charge_ids": [charge_id]})
        assert words in check(response, status, code)["detail"]
    check(await api.post("/v1/invoices", {"account_id": mine}), 409, "STATE_CONFLICT")
    check(await api.post("/v1/invoices", {"account_id": "acc_x"}), 404, "NOT_FOUND")


async def test_each_correction_takes_its_scope_and_is_nothing_to_another_tenant(api: Api) -> None:
    account_id = await open_account(api)
    charge_id = await capture(api, account_id)
    await capture(api, account_id)
    invoice_id = await draft(api, account_id, charge_ids=[charge_id])
    for path, body, scope in (
        (f"/v1/accounts/{account_id}/suspend", REASON, "billing:account:suspend"),
        (f"/v1/accounts/{account_id}/reinstate", REASON, "billing:account:suspend"),
        (f"/v1/charges/{charge_id}/reverse", REASON, "billing:charge:reverse"),
        ("/v1/invoices", {"account_id": account_id}, "billing:invoice:draft"),
        (f"/v1/invoices/{invoice_id}/issue", {}, "billing:invoice:issue"),
    ):
        scopes = {"x-test-scopes": " ".join(ALL_SCOPES - {scope})}
        check(await api.post(path, body, **scopes), 403, "ACCESS_DENIED")
        check(await api.post(path, body, **{"x-test-tenant": "other"}), 404, "NOT_FOUND")
        check(await api.post(path, {"odd": 1}), 400, "VALIDATION_FAILED")
