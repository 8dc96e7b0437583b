"""Invoices and statements as PDF over HTTP: who gets one, in which language, and when again."""

from typing import Any

import pytest

from contracts.ids import AccountId, InvoiceId, derive
from domain.invoice import CreateDraftInvoice, IssueInvoice
from services.execute.envelope import Done, Envelope
from tests.fixtures.http_api import Api
from tests.fixtures.pdf_text import pages, text
from tests.fixtures.visits import account_body, charge_body, payment_body
from tests.http.test_problems import check

PDF = {"Accept": "application/pdf"}


async def make_account(api: Api, **changes: Any) -> AccountId:
    response = await api.post("/v1/accounts", account_body(name="Ana Lima", **changes))
    assert response.status_code == 201, response.text
    return AccountId(response.json()["account_id"])


async def make_invoice(api: Api, account_id: AccountId, *, is_issued: bool = True) -> str:
    """An invoice over one charge of 125.00."""
    await api.post("/v1/charges", charge_body(account_id))
    invoice_id = InvoiceId(derive("inv", account_id))
    commands: list[Any] = [CreateDraftInvoice(invoice_id=invoice_id, account_id=account_id)]
    if is_issued:
        commands.append(IssueInvoice(invoice_id=invoice_id, account_id=account_id))
    for command in commands:
        envelope = Envelope(tenant="demo", command=command, actor="test", correlation_id="c")
        assert isinstance(await api.dependencies.executor.execute(envelope), Done)
    await api.catch_up()
    return f"/v1/invoices/{invoice_id}"


async def _pdf(api: Api, path: str, **headers: str) -> Any:
    response = await api.client.get(path, headers=PDF | headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    return response


async def test_an_invoice_is_json_or_a_document_as_accept_says(api: Api) -> None:
    path = await make_invoice(api, await make_account(api))
    document = await _pdf(api, path)
    said = text(document.content)
    for words in ("Invoice", "Ana Lima", "99213", "$125.00", "Payment slip", "Page 1 of 1"):
        assert words in said
    for accept in ("application/json", "*/*", "application/pdf;q=0.5, application/json"):
        answer = await api.client.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["vary"] == document.headers["vary"] == "Accept, Accept-Language"
    for accept in ("text/html", "image/png"):
        refused = await api.client.get(path, headers={"Accept": accept})
        assert "application/pdf" in check(refused, 406, "NOT_ACCEPTABLE")["detail"]
    elsewhere = await api.client.get("/v1/invoices", headers=PDF)
    check(elsewhere, 406, "NOT_ACCEPTABLE")


async def test_a_document_is_sent_again_only_when_it_has_changed(api: Api) -> None:
    account_id = await make_account(api)
    path = await make_invoice(api, account_id)
    first = await _pdf(api, path)
    assert (await _pdf(api, path)).content == first.content
    etag = first.headers["etag"]
    again = await api.client.get(path, headers=PDF | {"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    paid = await _pdf(api, path, **{"If-None-Match": etag})
    assert paid.headers["etag"] != etag
    assert "$85.00" in text(paid.content)


@pytest.mark.parametrize(
    ("account_language", "query", "accepted", "printed"),
    [
        ("ps", "", "en", "ps"),
        ("fa-AF", "", "en", "prs-AF"),
        ("de", "", "fr, ar;q=0.5, en;q=0.3", "ar"),
        ("de", "", "", "en"),
        ("ps", "?language=en-GB", "ar", "en-GB"),
    ],
)
async def test_the_language_is_what_was_asked_for_or_the_accounts(
    api: Api, account_language: str, query: str, accepted: str, printed: str
) -> None:
    path = await make_invoice(api, await make_account(api, language=account_language))
    response = await _pdf(api, path + query, **{"Accept-Language": accepted})
    assert response.headers["content-language"] == printed


async def test_a_language_that_is_not_printed_is_refused_with_those_that_are(api: Api) -> None:
    path = await make_invoice(api, await make_account(api))
    refused = await api.client.get(f"{path}?language=de", headers=PDF)
    assert "en, ps, prs, ar" in check(refused, 400, "VALIDATION_FAILED")["detail"]


async def test_a_draft_is_marked_and_asks_for_no_payment(api: Api) -> None:
    path = await make_invoice(api, await make_account(api), is_issued=False)
    said = text((await _pdf(api, path)).content)
    assert "DRAFT" in said
    assert "not a request for payment" in said
    assert "Payment slip" not in said


async def test_a_void_invoice_adds_up_and_says_where_its_money_went(api: Api) -> None:
    account_id = await make_account(api)
    admin = await api.database.admin()
    await api.post("/v1/charges", charge_body(account_id))  # untaxed as it is captured
    await admin.execute(
        "INSERT INTO tax_rules VALUES ('demo', 'vat', '*', '*', '[2000-01-01,)', 72500)"
    )
    path = await make_invoice(api, account_id)
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    said = text((await _pdf(api, path)).content)
    for words in ("Tax 7.25% on 250.00", "18.12", "268.12", "228.12", "Payments received"):
        assert words in said, words
    assert (await api.post(f"{path}/void", {"reason": "an error"})).status_code == 201
    await api.catch_up()
    said = text((await _pdf(api, path)).content)
    assert "What had been paid on it, $40.00, became credit on your account." in said
    assert "Payments received" not in said
    assert said.count("Invoice cancelled") == 1
    assert said.count("−268.12") == 2  # under the total, and in the list


async def test_a_forgotten_customer_is_named_by_a_neutral_word(api: Api) -> None:
    path = await make_invoice(api, await make_account(api))
    assert "Ana Lima" in text((await _pdf(api, path)).content)
    await (await api.database.admin()).execute("DELETE FROM subject_keys")
    said = text((await _pdf(api, path)).content)
    assert "Ana" not in said
    assert "Account holder" in said


async def test_the_letterhead_of_the_facility_and_language_is_printed(api: Api) -> None:
    path = await make_invoice(api, await make_account(api))
    assert "north" in text((await _pdf(api, path)).content)
    admin = await api.database.admin()
    await admin.execute(
        "INSERT INTO daybook.letterheads (tenant, facility, language, name, address,"
        " payment_instructions) VALUES"
        " ('demo', '*', '*', 'Any Clinic', '{}', '{}'),"
        " ('demo', 'north', 'en', 'North Clinic', '{\"1 High Street\"}', '{\"Account 42\"}'),"
        " ('other', 'north', 'en', 'Stranger', '{}', '{}')"
    )
    said = text((await _pdf(api, path)).content)
    for words in ("North Clinic", "1 High Street", "Account 42"):
        assert words in said
    assert "Any Clinic" in text((await _pdf(api, f"{path}?language=ar")).content)


async def test_another_tenant_has_no_such_invoice_and_no_such_statement(api: Api) -> None:
    account_id = await make_account(api)
    path = await make_invoice(api, account_id)
    stranger = PDF | {"X-Test-Tenant": "other"}
    check(await api.client.get(path, headers=stranger), 404, "NOT_FOUND")
    statement = f"/v1/accounts/{account_id}/statement?from=2026-01-01&to=2026-12-31"
    check(await api.client.get(statement, headers=stranger), 404, "NOT_FOUND")


async def test_a_statement_is_the_same_as_data_and_as_a_document(api: Api) -> None:
    account_id = await make_account(api)
    await make_invoice(api, account_id)
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    path = f"/v1/accounts/{account_id}/statement?from=2020-01-01&to=2199-12-31"
    found = (await api.client.get(path)).json()
    assert found["name"] == "Ana Lima"
    assert [line["type"] for line in found["lines"]] == [
        "billing.charge.captured.v1",
        "billing.payment.posted.v1",
    ]
    assert [line["balance"]["amount"] for line in found["lines"]] == ["125.00", "85.00"]
    assert found["ageing"]["days_over_90"]["amount"] == "85.00"
    (page,) = pages((await _pdf(api, path)).content)
    for words in ("Statement of account", "Opening balance", "99213", "85.00", "Over 90 days"):
        assert words in page


async def test_a_statement_needs_a_period_that_ends_after_it_begins(api: Api) -> None:
    account_id = await make_account(api)
    await api.catch_up()
    path = f"/v1/accounts/{account_id}/statement"
    for asked, field in (
        ("?to=2026-01-01", "query:from"),
        ("?from=2026-01-01", "query:to"),
        ("?from=2026-02-01&to=2026-01-01", "query:from"),
    ):
        refused = await api.client.get(path + asked, headers=PDF)
        assert check(refused, 400, "VALIDATION_FAILED")["errors"][0]["path"] == field
    empty = await _pdf(api, f"{path}?from=2026-01-01&to=2026-01-31")
    assert "Nothing to pay" in text(empty.content)
