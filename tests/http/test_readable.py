"""Refusals that a caller can act on: which field, what is allowed there, how much."""

from typing import Any

import httpx
import pytest

from tests.fixtures.asgi import told
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body
from tests.http.test_problems import check


def errors_of(response: httpx.Response, code: str = "VALIDATION_FAILED") -> list[dict[str, str]]:
    """Path and message of everything that is wrong."""
    assert "regex" not in response.text
    assert "(?!" not in response.text
    found: list[dict[str, str]] = check(response, 400, code)["errors"]
    return found


async def test_a_text_of_another_form_is_refused_in_words(api: Api) -> None:
    for field, text, words in (
        ("patient_id", " p1", "neither begins nor ends with a space"),
        ("patient_id", "p1 ", "neither begins nor ends with a space"),
        ("patient_id", "p\u0000", "without control characters"),
        ("patient_id", "Re\u0301my", "in Unicode's normal form C"),
        ("facility", "a b", "letters A-Z and a-z, digits and . _ -"),
        ("language", "e", "length >= 2"),
        ("language", "1n", "BCP 47"),
    ):
        (error,) = errors_of(await api.post("/v1/accounts", account_body() | {field: text}))
        assert error["path"] == f"$.{field}"
        assert words in error["message"]


async def test_a_parameter_of_another_form_is_refused_in_words(api: Api) -> None:
    (error,) = errors_of(await api.client.get("/v1/invoices?account_id=1"))
    assert error["path"] == "query:account_id"
    assert "the id of an account, such as acc_" in error["message"]


async def test_a_wrong_currency_is_named_by_its_field(api: Api) -> None:
    account_id = await open_account(api)
    unknown: Any = {"amount": "1", "currency": "XYZ"}
    euro: Any = {"amount": "1", "currency": "EUR"}
    for path, body, field in (
        ("/v1/accounts", account_body("p2", currency="XYZ"), "$.currency"),
        ("/v1/charges", charge_body(account_id, currency="EUR", unit_price=euro), "$.currency"),
        ("/v1/charges", charge_body(account_id, unit_price=euro), "$.unit_price.currency"),
        ("/v1/charges", charge_body(account_id, unit_price=unknown), "$.unit_price.currency"),
        ("/v1/payments", payment_body(account_id) | {"amount": euro}, "$.amount.currency"),
    ):
        response = await api.post(path, body, key=None if "payments" not in path else field)
        (error,) = errors_of(response, "CURRENCY_UNSUPPORTED")
        assert error["path"] == field, body


async def test_what_the_books_refuse_is_named_by_its_field(api: Api) -> None:
    account_id = await open_account(api)
    nothing = {"amount": "0.00", "currency": "USD"}
    adjusted = {
        "account_id": account_id,
        "reason": "COURTESY",
        "direction": "debit",
        "amount": nothing,
    }
    payment = payment_body(account_id, "1.00", received_on="2199-01-01")
    for path, body, field in (
        ("/v1/charges?dry_run=true", charge_body(account_id, modifiers=["25"] * 2), "$.modifiers"),
        ("/v1/payments", payment, "$.received_on"),
        ("/v1/payments", payment_body(account_id, "0.00"), "$.amount"),
        ("/v1/adjustments", adjusted, "$.amount"),
        ("/v1/statement-runs", {"as_of_date": "2199-01-01"}, "$.as_of_date"),
        (
            "/v1/statement-runs",
            {"as_of_date": "2026-01-31", "facility": "nowhere"},
            "$.facility",
        ),
    ):
        key = field if "payments" in path else None
        for _ in range(2):  # kept under its key as well
            (error,) = errors_of(await api.post(path, body, key=key))
            assert error["path"] == field, body


async def test_a_body_over_the_limit_is_told_the_limit_and_what_to_do(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for path, most in (("/v1/accounts", 1024 * 1024), ("/v1/price-lists", 8 * 1024 * 1024)):
        response = await api.client.post(path, content=b" " * (most + 1), headers=headers)
        problem = check(response, 413, "BODY_TOO_LARGE")
        assert f"{most} bytes" in problem["detail"]
        assert "send it in parts" in problem["detail"]


async def test_a_repeated_parameter_is_refused(api: Api) -> None:
    (error,) = errors_of(await api.client.get("/v1/invoices?limit=1&limit=2"))
    assert error == {"path": "query:limit", "message": "it is given more than once: give it once"}


async def test_a_period_that_ends_before_it_begins_is_refused(api: Api) -> None:
    await api.catch_up()
    late, early = "2026-02-01", "2026-01-31"
    for path, first, last in (
        ("/v1/invoices", "date_from", "date_to"),
        ("/v1/reports/trial-balance", "from", "to"),
        ("/v1/reports/revenue", "from", "to"),
    ):
        (error,) = errors_of(await api.client.get(f"{path}?{first}={late}&{last}={early}"))
        assert error["path"] == f"query:{first}"
        assert error["message"] == f"{late} is after {last}, which is {early}"
        assert (await api.client.get(f"{path}?{first}={late}&{last}={late}")).status_code == 200


async def test_head_answers_like_get_without_the_body(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    for path in (
        f"/v1/accounts/{account_id}",
        "/v1/invoices",
        "/v1/accounts/acc_none",
        "/health/live",
        "/health/ready",
        "/schema/openapi.json",
    ):
        head, get = await api.client.head(path), await api.client.get(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name), path
    refused = await api.client.head("/v1/charges")
    assert (refused.status_code, refused.content) == (405, b"")
    deleted = await api.client.delete("/v1/invoices")
    assert deleted.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_page_that_the_document_does_not_have_is_a_problem(api: Api) -> None:
    for path in ("/schema/nope", "/schema/nope.json", "/schema/swagger", "/schema/a/b"):
        check(await api.client.get(path), 404, "NOT_FOUND")


async def test_a_client_that_leaves_within_its_body_is_no_fault_of_ours(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = await told(api.app, [(b'{"patient_id":', True)], [(b"content-length", b"99")])
    assert sent[0]["status"] == 400
    assert "error" not in capsys.readouterr().out
    assert 'status="5' not in (await api.client.get("/metrics")).text


async def test_invented_methods_share_a_series(api: Api) -> None:
    for method in ("BREW", "MELT", "GET", "HEAD"):
        await api.client.request(method, "/v1/payments/x")
    text = (await api.client.get("/metrics")).text
    assert 'method="other"' in text
    assert "BREW" not in text
    assert "MELT" not in text
    for method in ("GET", "HEAD"):
        route = 'route="/v1/payments/{payment_id}"'
        assert f'{{method="{method}",{route},status="404"}} 1.0' in text


async def test_a_halted_read_model_is_named_and_leaves_the_process_ready(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    assert (await api.client.get("/health/ready")).json() == {"status": "ready", "halted": []}
    token = (await api.post("/v1/charges", charge_body(account_id))).json()["token"]
    admin = await api.database.admin()
    await admin.execute(
        "UPDATE read.projections SET status = 'halted', halted_position = 2, error = 'why'"
        " WHERE name = 'account_balances'"
    )
    ready = await api.client.get("/health/ready")
    assert (ready.status_code, ready.json()["halted"]) == (200, ["account_balances"])
    late = await api.client.get(f"/v1/accounts/{account_id}?after={token}")
    assert "account_balances is halted" in check(late, 425, "NOT_YET")["detail"]
