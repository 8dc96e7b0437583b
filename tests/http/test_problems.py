"""Every class of failure has one shape, its code and its status, and tells nothing it must not."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from domain.decider import Rejected
from services.api.codes import CODES
from services.execute import append, attempt, envelope  # noqa: F401  # they define refusals
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body

MEMBERS = {"type", "title", "status", "detail", "code", "message", "trace_id"}


def check(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of a response, in the shape that all have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem.keys() - {"errors", "lag"} == MEMBERS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["message"] == problem["detail"] != ""
    assert len(problem["trace_id"]) == 32
    assert CODES[code].status == status
    return problem


async def test_an_unknown_route(api: Api) -> None:
    check(await api.client.get("/v2/accounts"), 404, "NOT_FOUND")


async def test_an_id_that_cannot_be_one(api: Api) -> None:
    for path in (
        "/v1/accounts/acc_1",
        "/v1/accounts/%00",
        "/v1/charges/pay_1",
        "/v1/invoices/x%0a",
    ):
        check(await api.client.get(path), 404, "NOT_FOUND")


async def test_a_method_that_a_route_does_not_have(api: Api) -> None:
    response = await api.client.delete("/v1/invoices")
    check(response, 405, "METHOD_NOT_ALLOWED")
    assert "GET" in response.headers["allow"]


async def test_options_name_every_method_of_a_path_and_none_that_only_refuses(api: Api) -> None:
    for path, methods in (
        ("/v1/invoices", "GET, HEAD, OPTIONS, POST"),
        ("/v1/charges", "OPTIONS, POST"),
        ("/v1/charges/chg_1", "GET, HEAD, OPTIONS"),
    ):
        response = await api.client.options(path)
        assert (response.status_code, response.headers["allow"]) == (204, methods), path


async def test_an_answer_that_is_not_json_is_not_acceptable(api: Api) -> None:
    response = await api.client.get("/v1/accounts", headers={"Accept": "text/csv"})
    check(response, 406, "NOT_ACCEPTABLE")
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.5"):
        probe = await api.client.get("/v1/payments/x", headers={"Accept": accept})
        check(probe, 404, "NOT_FOUND")


async def test_a_body_over_the_limit(api: Api) -> None:
    body = json.dumps(account_body(name="x" * 1024 * 1024))
    headers = {"Content-Type": "application/json"}
    response = await api.client.post("/v1/accounts", content=body, headers=headers)
    check(response, 413, "BODY_TOO_LARGE")


async def test_a_streamed_body_over_the_limit(api: Api) -> None:
    async def chunks() -> Any:
        for _ in range(17):
            yield b" " * 64 * 1024

    headers = {"Content-Type": "application/json"}
    response = await api.client.post("/v1/accounts", content=chunks(), headers=headers)
    check(response, 413, "BODY_TOO_LARGE")


async def test_a_body_that_is_not_json(api: Api) -> None:
    body = json.dumps(account_body())
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/cbor", ""):
        request = api.client.build_request("POST", "/v1/accounts", content=body)
        request.headers["Content-Type"] = media_type
        check(await api.client.send(request), 415, "MEDIA_TYPE_UNSUPPORTED")


async def test_a_body_that_cannot_be_read(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"patient_id":"\\ud800"}'):
        response = await api.client.post("/v1/accounts", content=body, headers=headers)
        problem = check(response, 400, "VALIDATION_FAILED")
        assert problem["errors"], body


async def test_a_name_that_stands_twice_in_a_body_is_refused(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    whole = json.dumps(account_body())
    for body, path in (
        (whole.replace("{", '{"patient_id": "p2", ', 1), "$..patient_id"),
        (whole.replace("{", '{"patient\\u005fid": "p2", ', 1), "$..patient_id"),
    ):
        response = await api.client.post("/v1/accounts", content=body, headers=headers)
        problem = check(response, 400, "VALIDATION_FAILED")
        assert [error["path"] for error in problem["errors"]] == [path]
    euro = {"amount": "1", "currency": "EUR"}
    nested = json.dumps(payment_body("acc_" + "0" * 26) | {"amount": euro})
    doubled = nested.replace('"currency"', '"amount": "2", "currency"', 1)
    headers["Idempotency-Key"] = "k"
    response = await api.client.post("/v1/payments", content=doubled, headers=headers)
    assert check(response, 400, "VALIDATION_FAILED")["errors"][0]["path"] == "$..amount"


async def test_a_query_parameter_that_is_wrong_is_named(api: Api) -> None:
    await api.catch_up()
    for query, path in (
        ("limit=0", "query:limit"),
        ("limit=many", "query:limit"),
        ("cursor=!", "query:cursor"),
        ("stauts=paid", "query:stauts"),
        ("status=lost", "query:status"),
        ("date_from=yesterday", "query:date_from"),
        ("account_id=1", "query:account_id"),
        ("status=null", "query:status"),
        ("date_to=null", "query:date_to"),
        ("cursor=", "query:cursor"),
    ):
        problem = check(await api.client.get(f"/v1/invoices?{query}"), 400, "VALIDATION_FAILED")
        assert [error["path"] for error in problem["errors"]] == [path], query


async def test_what_is_in_the_books_is_never_changed(api: Api) -> None:
    account_id = await open_account(api)
    charge = await api.post("/v1/charges", charge_body(account_id))
    payment = await api.post("/v1/payments", payment_body(account_id), key="k")
    for path in (
        charge.headers["location"],
        payment.headers["location"],
        f"/v1/accounts/{account_id}/ledger",
    ):
        for method in ("PUT", "PATCH", "DELETE"):
            check(await api.client.request(method, path), 409, "LEDGER_IMMUTABLE")


async def test_a_correlation_id_that_cannot_be_taken_over_is_refused(api: Api) -> None:
    response = await api.client.get("/v1/invoices", headers={"X-Correlation-Id": "a b"})
    problem = check(response, 400, "VALIDATION_FAILED")
    assert problem["errors"][0]["path"] == "header:X-Correlation-Id"
    assert response.headers["x-correlation-id"] != "a b"


async def test_the_trace_id_is_the_callers(api: Api) -> None:
    headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    problem = check(await api.client.get("/nowhere", headers=headers), 404, "NOT_FOUND")
    assert problem["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_fault_tells_nothing_of_itself(api: Api) -> None:
    admin = await api.database.admin()
    await admin.execute("ALTER TABLE events ADD CONSTRAINT secret_reason CHECK (false) NOT VALID")
    response = await api.post("/v1/accounts", account_body(), key="k")
    check(response, 500, "INTERNAL")
    assert "secret" not in response.text
    assert "CheckViolation" not in response.text
    await admin.execute("ALTER TABLE events DROP CONSTRAINT secret_reason")
    # A fault holds no key: the repeat is executed.
    assert (await api.post("/v1/accounts", account_body(), key="k")).status_code == 201


async def test_a_fault_in_a_query_tells_nothing_of_itself(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    admin = await api.database.admin()
    await admin.execute("UPDATE read.account_balances SET name = 'secret'")
    response = await api.client.get(f"/v1/accounts/{account_id}")
    check(response, 500, "INTERNAL")
    assert "secret" not in response.text
    assert "malformed" not in response.text


async def test_a_schema_of_another_release_is_an_outage(api: Api) -> None:
    await api.catch_up()
    admin = await api.database.admin()
    await admin.execute("REVOKE SELECT ON read.invoices FROM daybook_reader")
    response = await api.client.get("/v1/invoices")
    check(response, 503, "UNAVAILABLE")
    assert "permission" not in response.text


async def test_commands_while_postgres_is_away_are_to_be_tried_again(api: Api) -> None:
    account_id = await open_account(api)
    api.dependencies.writer.terminate()
    for body in (account_body("p2", name="Ana"), account_body("p3")):
        response = await api.post("/v1/accounts", body)
        check(response, 503, "UNAVAILABLE")
        assert int(response.headers["retry-after"]) >= 1
    response = await api.post("/v1/payments", payment_body(account_id), key="k")
    check(response, 503, "UNAVAILABLE")


async def test_queries_while_postgres_is_away_are_to_be_tried_again(api: Api) -> None:
    api.dependencies.reader.terminate()
    response = await api.client.get("/v1/invoices")
    check(response, 503, "UNAVAILABLE")
    assert int(response.headers["retry-after"]) >= 1


async def test_queries_before_the_read_models_are_built_are_to_be_tried_again(api: Api) -> None:
    check(await api.client.get("/v1/invoices"), 503, "UNAVAILABLE")


def test_every_refusal_of_the_domain_is_in_the_table() -> None:
    codes = {kind.code for kind in _kinds(Rejected)}
    assert codes >= {"NOT_FOUND", "STATE_CONFLICT", "ACCOUNT_VERSION_CONFLICT"}
    assert codes <= CODES.keys()


def _kinds(kind: type[Rejected]) -> Iterator[type[Rejected]]:
    yield kind
    for refusal in kind.__subclasses__():
        yield from _kinds(refusal)
