"""A command is answered without Litestar's machinery, exactly as that would answer it."""

import json
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from services.api.application import Application
from tests.fixtures.asgi import told
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account

JSON = {"Content-Type": "application/json"}
KEY = "X-Idempotency-Key"
NO_BILL = "bill_00000000000000000000000000"
NO_ID = "acc_00000000000000000000000000"
ASKED: dict[str, tuple[str, bytes | None, dict[str, str]]] = {
    "done": ("/v1/charges", b"charge", JSON | {"Idempotency-Key": "k1"}),
    "with a path of another form": ("//v1/charges/", b"charge", JSON | {"Idempotency-Key": "k1"}),
    "looked at": ("/v1/charges?dry_run=true", b"charge", JSON),
    "refused": ("/v1/charges", json.dumps(charge_body(NO_ID)).encode(), JSON),
    "a key used again": ("/v1/charges", b"other", JSON | {"Idempotency-Key": "k1"}),
    "a key too long": ("/v1/charges", b"charge", JSON | {"Idempotency-Key": "k" * 256}),
    "no key": ("/v1/payments", b"{}", JSON),
    "no body": ("/v1/charges", None, {}),
    "no body and no id": ("/v1/charges/chg_1/reverse", None, {}),
    "no id": ("/v1/charges/chg_1/reverse", b'{"reason": "mistaken"}', JSON),
    "nothing there": (f"/v1/accounts/{NO_ID}/suspend", b'{"reason": "late"}', JSON),
    "no JSON": ("/v1/charges", b"{", JSON),
    "no UTF-8": ("/v1/charges", b'{"code": "\xff"}', JSON),
    "a field twice": ("/v1/accounts", b'{"patient_id": "a", "patient_id": "b"}', JSON),
    "no such field": ("/v1/accounts", b'{"name": 7, "more": 1}', JSON),
    "half a character": ("/v1/accounts", b'{"patient_id": "\\ud800"}', JSON),
    "another media type": ("/v1/charges", b"<charge/>", {"Content-Type": "text/xml"}),
    "a parameter that is none": ("/v1/charges?dry=true", b"charge", JSON),
    "a parameter twice": ("/v1/charges?dry_run=true&dry_run=true", b"charge", JSON),
    "a parameter of no use": ("/v1/charges?dry_run=perhaps", b"charge", JSON),
    "nothing acceptable": ("/v1/charges", b"charge", JSON | {"Accept": "text/csv"}),
    "an ETag that is none": ("/v1/charges", b"charge", JSON | {"If-Match": "7"}),
    "an ETag of no account": (
        "/v1/charges:batch",
        b'{"atomic": true, "charges": []}',
        JSON | {"If-Match": '"7"', "Idempotency-Key": "k2"},
    ),
    "a correlation that is none": ("/v1/charges", b"charge", JSON | {"X-Correlation-Id": "ö"}),
    "a host that is none": ("/v1/charges", b"charge", JSON | {"Host": "a/b"}),
    "another host": ("/v1/charges", b"charge", JSON | {"Host": "example.com"}),
    "a stranger": ("/v1/charges", b"charge", JSON | {"X-Test-Scopes": "billing:read"}),
    "too much": ("/v1/accounts", b" " * (1024 * 1024 + 1), JSON),
    "a bill that is there": ("/v1/bills", b'{"currency": "USD"}', JSON | {KEY: "b1"}),
    "a bill without a key": ("/v1/bills", b'{"currency": "USD"}', JSON),
    "a bill of two keys": (
        "/v1/bills",
        b'{"currency": "USD"}',
        JSON | {KEY: "b1", "Idempotency-Key": "b2"},
    ),
    "a bill that is none": (f"/v1/bills/{NO_BILL}/line_items", b"{}", JSON | {KEY: "b3"}),
    "no bill's id": ("/v1/bills/7/close", b"{}", JSON | {KEY: "b3"}),
    "a customer's month": (
        "/api/v1/customers/a%20b/bills",
        b'{"currency": "USD", "billingPeriod": "2025-09"}',
        JSON,
    ),
    "no month": ("/api/v1/customers/a%20b/bills/2025-13/close", None, {}),
    "a period of nobody": ("/bills/closeBillingPeriod/nobody", None, {}),
    "bills of a customer": ("/bills/listBills/a%20b", b'{"status": "OPEN"}', JSON),
    "another case of its type": (
        "/v1/charges",
        b"charge",
        {"Content-Type": "Application/JSON", "Idempotency-Key": "k1"},
    ),
    "a character set": (
        "/v1/charges",
        b"charge",
        {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "k1"},
    ),
    "no type": ("/v1/charges", b"charge", {}),
    "a null": ("/v1/charges", b"null", JSON),
    "a space": ("/v1/charges", b" ", JSON),
    "no body of a type": ("/v1/charges", b"", JSON),
    "an id in other letters": ("/v1/charges/%63hg_1/reverse", b'{"reason": "late"}', JSON),
    "a slash in an id": (f"/v1/accounts/{NO_ID}%2Fx/suspend", b'{"reason": "late"}', JSON),
    "an ETag of nothing": ("/v1/charges", b"charge", JSON | {"If-Match": ""}),
    "an ETag of all": ("/v1/charges", b"charge", JSON | {"If-Match": "*", "Idempotency-Key": "k1"}),
    "weights": ("/v1/charges?dry_run=1", b"charge", JSON | {"Accept": "a/b, application/*;q=0.1"}),
    "what a browser takes": (
        "/v1/charges?dry_run=1",
        b"charge",
        JSON | {"Accept": "text/html,*/*"},
    ),
    "an empty parameter": ("/v1/charges?dry_run=", b"charge", JSON),
    "another tenant": ("/v1/charges", b"charge", JSON | {"X-Test-Tenant": "other"}),
    "no such path": ("/v1/charge", b"charge", JSON),
}


async def answered(api: Api, name: str, bodies: dict[bytes, bytes]) -> Any:
    """Status, headers and body of an answer, without what is another one each time."""
    path, body, given = ASKED[name]
    headers = {name.lower().encode(): value.encode("latin-1") for name, value in given.items()}
    answer = await api.client.post(
        path,
        content=None if body is None else bodies.get(body, body),
        headers=headers,
    )
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("x-correlation-id", "content-length")
    }
    members = answer.json()
    members.pop("trace_id", None)
    return answer.status_code, kept, members


@pytest.fixture
def plain(api: Api) -> Application:
    """The application, which a test may leave to Litestar alone."""
    assert isinstance(api.app, Application)
    return api.app


async def test_what_answers_commands_answers_as_litestar_does(
    api: Api, plain: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = await open_account(api)
    bodies = {
        b"charge": json.dumps(charge_body(account_id)).encode(),
        b"other": json.dumps(charge_body(account_id, "1.00")).encode(),
    }
    for name in ("done", "a bill that is there", "a customer's month"):
        await answered(api, name, bodies)  # what is compared below is a repeat
    found = {name: await answered(api, name, bodies) for name in ASKED}
    monkeypatch.setattr(plain, "endpoints", {})
    for name in ASKED:
        assert found[name] == await answered(api, name, bodies), name
    assert {status for status, _, _ in found.values()} == {
        *(200, 201, 400, 403, 404, 406, 409, 413, 415)
    }


async def test_every_command_is_answered_so_and_nothing_else(plain: Application) -> None:
    documented = plain.openapi_schema.to_schema()["paths"]
    commands = {
        path
        for path, methods in documented.items()
        if any(
            str(each.get("name")).endswith("Idempotency-Key")
            for each in methods.get("post", {}).get("parameters", ())
        )
    }
    answered_so = {
        route.path_format
        for route in plain.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler in plain.endpoints
    }
    assert answered_so == commands


async def test_a_fault_is_answered_and_counted_as_everywhere(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_envelope: Any) -> Any:
        raise ZeroDivisionError("none of anybody's business")

    monkeypatch.setattr(api.dependencies.executor, "execute", fail)
    answer = await api.post("/v1/accounts", account_body())
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "business" not in answer.text
    metrics = (await api.client.get("/metrics")).text
    series = 'daybook_http_requests_total{method="POST",route="/v1/accounts",status="500"} 1.0'
    assert series in metrics


PIECES = {
    "whole": [(b"{}", False)],
    "in pieces": [(b"{", True), (b"", True), (b"}", True), (b"", False)],
    "broken off": [(b"{", True)],
    "empty": [(b"", False)],
    "too much in pieces": [(b" " * 600_000, True)] * 2,
}


async def said(app: Application, pieces: list[tuple[bytes, bool]], *headers: bytes) -> Any:
    """What an application answers, without what is another with each request."""
    answer = await told(app, pieces, [(header, b"x") for header in headers])
    start, body = answer[0], b"".join(message.get("body", b"") for message in answer[1:])
    unlike = (b"x-correlation-id", b"content-length")
    kept = sorted(pair for pair in start["headers"] if pair[0] not in unlike)
    members = json.loads(body)
    members.pop("trace_id", None)
    return start["status"], kept, members


async def test_a_body_in_pieces_and_one_that_breaks_off_are_answered_alike(
    plain: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = (b"if-match", b"if-match")
    found = {name: await said(plain, pieces) for name, pieces in PIECES.items()}
    repeated = await said(plain, PIECES["whole"], *twice)
    monkeypatch.setattr(plain, "endpoints", {})
    for name, pieces in PIECES.items():
        assert found[name] == await said(plain, pieces), name
    assert repeated == await said(plain, PIECES["whole"], *twice)
    assert found["in pieces"] == found["whole"]
    assert {status for status, _, _ in found.values()} == {400, 413}
