"""Voids, credit, refunds and adjustments over HTTP: what they answer, refuse, and leave to read."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.refund import FailRefund, PostRefund
from services.execute.envelope import Done, Envelope
from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, issue_invoice, open_account, payment_body

ADA = {"x-test-actor": "user:ada"}
BEA = {"x-test-actor": "user:bea"}


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


async def owed(api: Api, amount: str = "125.00") -> tuple[str, str]:
    """An account and an issued invoice."""
    account_id = await open_account(api)
    await api.post("/v1/charges", charge_body(account_id, amount))
    return account_id, await issue_invoice(api, account_id)


async def paid(api: Api, account_id: str, amount: str = "40.00", key: str = "p") -> str:
    response = await api.post("/v1/payments", payment_body(account_id, amount), key=key)
    assert response.status_code == 201, response.text
    payment_id: str = response.json()["payment_id"]
    return payment_id


async def asked(api: Api, payment_id: str, amount: str, key: str = "r", **headers: str) -> Any:
    body = {"payment_id": payment_id, "amount": usd(amount), "reason": "did not take place"}
    return await api.post("/v1/refunds", body, key=key, **(headers or ADA))


async def read(api: Api, path: str) -> Any:
    await api.catch_up()
    response = await api.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def system(api: Api, command: Any) -> None:
    """What a saga sends."""
    envelope = Envelope(tenant="demo", command=command, actor="saga:x", correlation_id="c")
    assert isinstance(await api.dependencies.executor.execute(envelope), Done)


def _beside(day: str, days: int) -> str:
    return str(date.fromisoformat(day) + timedelta(days=days))


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_part_paid_invoice_is_voided_and_its_money_is_credit(api: Api) -> None:
    account_id, invoice_id = await owed(api)
    await paid(api, account_id)
    response = await api.post(f"/v1/invoices/{invoice_id}/void", {"reason": "wrong patient"}, "v")
    assert response.status_code == 201, response.text
    voided = response.json()
    assert response.headers["location"] == f"/v1/invoices/{invoice_id}"
    assert (voided["total"], voided["outstanding"], voided["released"]) == (
        usd("125.00"),
        usd("85.00"),
        usd("40.00"),
    )
    assert (voided["reason"], voided["version"]) == ("wrong patient", 3)
    again = await api.post(f"/v1/invoices/{invoice_id}/void", {"reason": "wrong patient"}, "v")
    assert again.json() == voided
    assert again.headers["idempotency-replayed"] == "true"
    found = await read(api, f"/v1/invoices/{invoice_id}")
    assert (found["invoice"]["status"], found["invoice"]["outstanding"]) == ("void", usd("0.00"))
    assert (found["void_reason"], found["released"]) == ("wrong patient", usd("40.00"))
    assert [part["released"] for part in found["payments"]] == [True]
    assert [part["reason"] for part in found["adjustments"]] == ["INVOICE_VOID"]
    account = await read(api, f"/v1/accounts/{account_id}")
    assert (account["receivable"], account["credit"]) == (usd("0.00"), usd("40.00"))
    books = await read(api, "/v1/reports/trial-balance")
    assert {row["gl_account"]: row["balance"] for row in books["rows"]} == {
        "1010": "40.00",
        "1100": "0.00",
        "2100": "-40.00",
        "4000": "0.00",
    }
    (payment,) = (await read(api, "/v1/payments"))["items"]
    assert (payment["allocated"], payment["credited"]) == (usd("0.00"), usd("40.00"))
    assert [part["released"] for part in payment["allocations"]] == [True]


async def test_a_reason_is_sealed_before_it_reaches_the_log(api: Api) -> None:
    account_id, invoice_id = await owed(api)
    payment_id = await paid(api, account_id)
    assert (await asked(api, payment_id, "40.00")).status_code == 201
    await api.post(f"/v1/invoices/{invoice_id}/void", {"reason": "did not take place"})
    admin = await api.database.admin()
    bodies = await admin.fetch("SELECT body FROM events UNION ALL SELECT state FROM stream_heads")
    assert not any(b"did not take place" in row[0] for row in bodies)


async def test_what_cannot_be_voided_is_said(api: Api) -> None:
    _, invoice_id = await owed(api)
    place, body = f"/v1/invoices/{invoice_id}/void", {"reason": "wrong patient"}
    assert code(await api.post(place, {})) == (400, "VALIDATION_FAILED")
    missing = invoice_id.replace(invoice_id[-3:], "zzz")
    assert code(await api.post(f"/v1/invoices/{missing}/void", body)) == (404, "NOT_FOUND")
    denied = await api.post(place, body, **{"x-test-scopes": "billing:invoice:issue"})
    assert code(denied) == (403, "ACCESS_DENIED")
    assert code(await api.post(place, body, **{"x-test-tenant": "other"})) == (404, "NOT_FOUND")
    assert (await api.post(place, body)).status_code == 201
    assert code(await api.post(place, body)) == (409, "STATE_CONFLICT")


async def test_credit_settles_the_oldest_invoice_and_never_more_than_there_is(api: Api) -> None:
    account_id = await open_account(api)
    await paid(api, account_id, "150.00")
    await api.post("/v1/charges", charge_body(account_id))
    place = f"/v1/accounts/{account_id}/credit-allocations"
    assert code(await api.post(place, {})) == (409, "STATE_CONFLICT")  # nothing is outstanding
    invoice_id = await issue_invoice(api, account_id)
    too_much = {"amount": usd("150.01")}
    assert code(await api.post(place, too_much)) == (409, "STATE_CONFLICT")
    response = await api.post(place, {}, "c")
    assert response.status_code == 201, response.text
    allocation = response.json()
    assert allocation["amount"] == usd("125.00")
    assert allocation["allocations"] == [{"invoice_id": invoice_id, "amount": usd("125.00")}]
    at_its_place = (await api.client.get(response.headers["location"])).json()
    # The command's last event is that the invoice is paid.
    assert at_its_place | {"token": allocation["token"]} == allocation
    found = await read(api, f"/v1/invoices/{invoice_id}")
    assert found["invoice"]["status"] == "paid"
    credit_id = allocation["credit_allocation_id"]
    assert [(part["payment_id"], part["method"]) for part in found["payments"]] == [
        (credit_id, None)
    ]
    other = await open_account(api, "p2")
    elsewhere = f"/v1/accounts/{other}/credit-allocations/{credit_id}"
    assert code(await api.client.get(elsewhere)) == (404, "NOT_FOUND")


async def test_a_refund_is_asked_for_approved_by_another_issued_and_read(api: Api) -> None:
    account_id = await open_account(api)
    payment_id = await paid(api, account_id)
    response = await asked(api, payment_id, "15.00")
    assert response.status_code == 201, response.text
    refund = response.json()
    place = response.headers["location"]
    assert (refund["status"], refund["requested_by"]) == ("requested", "user:ada")
    assert refund["reason"] == "did not take place"
    assert code(await api.post(f"{place}/approve", {}, "k", **ADA)) == (409, "FOUR_EYES")
    approved = await api.post(f"{place}/approve", {}, "k", **BEA)  # another person, the same key
    assert (approved.status_code, approved.json()["status"]) == (201, "approved")
    (payment,) = (await read(api, "/v1/payments"))["items"]
    assert (payment["refunded"], payment["refundable"]) == (usd("0.00"), usd("25.00"))
    await system(api, PostRefund(refund_id=refund["refund_id"]))
    found = await read(api, place)
    assert (found["status"], found["decided_by"], found["reason"]) == (
        "issued",
        "user:bea",
        "did not take place",
    )
    assert (found["from_credit"], found["from_receivable"]) == (usd("15.00"), usd("0.00"))
    assert (await read(api, f"/v1/refunds?payment_id={payment_id}&status=issued"))["items"] == [
        found
    ]
    day = found["requested_on"]
    for period, items in (
        (f"date_from={day}&date_to={day}", [found]),
        (f"date_from={_beside(day, 1)}", []),
        (f"date_to={_beside(day, -1)}", []),
    ):
        assert (await read(api, f"/v1/refunds?{period}"))["items"] == items
    account = await read(api, f"/v1/accounts/{account_id}")
    assert (account["refunded"], account["credit"]) == (usd("15.00"), usd("25.00"))
    # The answer to the first request is what it was then.
    assert (await asked(api, payment_id, "15.00")).json() == refund
    await system(api, FailRefund(refund_id=refund["refund_id"], code="charge_disputed"))
    failed = await read(api, place)
    assert (failed["status"], failed["failure"]) == ("failed", "charge_disputed")
    (payment,) = (await read(api, "/v1/payments"))["items"]
    assert (payment["refunded"], payment["refundable"]) == (usd("0.00"), usd("40.00"))


async def test_a_refund_is_rejected_with_a_reason_and_can_be_asked_for_again(api: Api) -> None:
    payment_id = await paid(api, await open_account(api))
    place = (await asked(api, payment_id, "40.00")).headers["location"]
    beyond = await asked(api, payment_id, "0.01", "r2")
    assert code(beyond) == (409, "AMOUNT_EXCEEDS_REFUNDABLE")
    assert code(await api.post(f"{place}/reject", {}, **BEA)) == (400, "VALIDATION_FAILED")
    body = {"reason": "it did take place"}
    assert code(await api.post(f"{place}/reject", body, **ADA)) == (409, "FOUR_EYES")
    rejected = await api.post(f"{place}/reject", body, **BEA)
    assert (rejected.status_code, rejected.json()["status"]) == (201, "rejected")
    found = await read(api, place)
    assert (found["decided_by"], found["rejection_reason"]) == ("user:bea", "it did take place")
    assert code(await api.post(f"{place}/approve", {}, **BEA)) == (409, "STATE_CONFLICT")
    assert (await asked(api, payment_id, "40.00", "r3")).status_code == 201


async def test_a_refund_under_the_threshold_approves_itself(api: Api) -> None:
    admin = await api.database.admin()
    await admin.execute("INSERT INTO daybook.refund_thresholds VALUES ('demo', 'USD', 1000)")
    payment_id = await paid(api, await open_account(api))
    assert (await asked(api, payment_id, "9.99", "r1")).json()["status"] == "approved"
    assert (await asked(api, payment_id, "10.00", "r2")).json()["status"] == "requested"
    other = await paid(api, await open_account(api, "p2"), key="p2")
    assert (await asked(api, other, "6.00", "r3")).json()["status"] == "approved"
    assert (await asked(api, other, "6.00", "r4")).json()["status"] == "requested"


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/v1/refunds", "billing:refund:request"), ("approve", "billing:refund:approve")],
)
async def test_a_refund_takes_its_scope_a_key_and_its_tenant(
    api: Api, path: str, scope: str
) -> None:
    payment_id = await paid(api, await open_account(api))
    body = {"payment_id": payment_id, "amount": usd("1.00")}
    assert code(await api.post("/v1/refunds", body)) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    other = await api.post("/v1/refunds", body, "k", **{"x-test-tenant": "other"})
    assert code(other) == (404, "NOT_FOUND")
    if not path.startswith("/"):
        path = (await asked(api, payment_id, "1.00")).headers["location"] + "/" + path
        theirs = await api.post(path, {}, **{"x-test-tenant": "other"})
        assert code(theirs) == (404, "NOT_FOUND")
    scopes = {"x-test-scopes": "billing:read billing:payment:post"}
    denied = await api.post(path, body, "k2", **scopes)
    assert code(denied) == (403, "ACCESS_DENIED")
    assert scope in denied.json()["detail"]


async def test_an_adjustment_is_applied_read_and_shown_on_its_invoice(api: Api) -> None:
    account_id, invoice_id = await owed(api)
    body = {
        "account_id": account_id,
        "reason": "CHARITY",
        "direction": "credit",
        "amount": usd("25.00"),
        "invoice_id": invoice_id,
    }
    response = await api.post("/v1/adjustments", body, "a")
    assert response.status_code == 201, response.text
    assert (await api.client.get(response.headers["location"])).json() == response.json()
    for reason in ("CONTRACTUAL", "BAD_DEBT", "COURTESY", "CORRECTION"):
        other = {**body, "reason": reason, "direction": "debit", "invoice_id": None}
        assert (await api.post("/v1/adjustments", other)).status_code == 201, reason
    void = await api.post("/v1/adjustments", {**body, "reason": "INVOICE_VOID"})
    assert code(void) == (400, "VALIDATION_FAILED")
    assert void.json()["errors"][0]["path"] == "$.reason"
    found = await read(api, f"/v1/invoices/{invoice_id}")
    assert (found["invoice"]["outstanding"], found["adjustments"][0]["reason"]) == (
        usd("100.00"),
        "CHARITY",
    )
    lines = (await read(api, f"/v1/accounts/{account_id}/ledger"))["items"]
    assert lines[1]["amount"] == usd("-25.00")
    assert lines[-1]["balance"] == usd("200.00")
    changed = await api.client.request("DELETE", response.headers["location"])
    assert code(changed) == (409, "LEDGER_IMMUTABLE")
