"""Reports over HTTP: revenue of a period, ageing as it was last computed and computed anew."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from contracts.ids import AccountId, InvoiceId, derive
from domain.invoice import CreateDraftInvoice, IssueInvoice
from services.execute.envelope import Done, Envelope
from tests.fixtures.http_api import Api
from tests.fixtures.visits import account_body, charge_body, open_account, payment_body

REFRESH = "/v1/reports/aging:refresh"
AGING = "/v1/reports/aging"
OTHER = {"x-test-tenant": "other"}


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def _issue(api: Api, account_id: str, due_days: int) -> None:
    """Everything that is open on an account, on an invoice."""
    account = AccountId(account_id)
    invoice_id = InvoiceId(derive("inv", account_id))
    for command in (
        CreateDraftInvoice(invoice_id=invoice_id, account_id=account),
        IssueInvoice(invoice_id=invoice_id, account_id=account, due_days=due_days),
    ):
        envelope = Envelope(tenant="demo", command=command, actor="test", correlation_id="c")
        outcome = await api.dependencies.executor.execute(envelope)
        assert isinstance(outcome, Done), outcome


async def _visit(api: Api, patient: str = "p1") -> str:
    """125.00 charged and billed, 40.00 paid."""
    account_id: str = await open_account(api, patient)
    await api.post("/v1/charges", charge_body(account_id))
    await _issue(api, account_id, 30)
    await api.post("/v1/payments", payment_body(account_id), key=patient)
    return account_id


async def test_the_revenue_of_a_period_has_each_figure_by_facility_and_currency(api: Api) -> None:
    await _visit(api)
    await api.catch_up()
    today = datetime.now(UTC).date()
    found = (await api.client.get(f"/v1/reports/revenue?from={today}&to={today}")).json()
    [row] = found["rows"]
    assert {name: row[name]["amount"] for name in ("captured", "tax", "adjusted")} == {
        "captured": "125.00",
        "tax": "0.00",
        "adjusted": "0.00",
    }
    assert (row["collected"]["amount"], row["outstanding"]["amount"]) == ("40.00", "85.00")
    assert (row["facility"], row["days_in_receivables"]) == ("north", "0.7")
    assert found["totals"]["USD"] == {name: row[name] for name in row if name != "facility"}
    before = today - timedelta(days=9)
    quiet = await api.client.get(f"/v1/reports/revenue?from={before}&to={before}")
    assert quiet.json()["rows"] == []
    elsewhere = await api.client.get(f"/v1/reports/revenue?from={today}&to={today}&facility=south")
    assert elsewhere.json()["rows"] == []


async def test_days_in_receivables_are_null_where_nothing_was_captured(api: Api) -> None:
    await _visit(api)
    await api.catch_up()
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    found = (await api.client.get(f"/v1/reports/revenue?from={tomorrow}&to=2199-12-31")).json()
    assert found["rows"][0]["outstanding"]["amount"] == "85.00"
    assert found["rows"][0]["days_in_receivables"] is None


async def test_a_report_names_what_it_needs(api: Api) -> None:
    await api.catch_up()
    for path, field in (
        ("/v1/reports/revenue?from=2026-01-01", "query:to"),
        ("/v1/reports/revenue?from=2026-01-01&to=9999-01-01", "query:to"),
        ("/v1/reports/revenue?from=2026-01-01&to=2026-01-01&facility=a%20b", "query:facility"),
        (f"{AGING}?as_of=0001-01-01", "query:as_of"),
        (f"{AGING}?as_of=yesterday", "query:as_of"),
        (f"{AGING}/accounts", "query:facility"),
    ):
        response = await api.client.get(path)
        assert problem(response) == (400, "VALIDATION_FAILED"), path
        assert response.json()["errors"][0]["path"] == field, path


async def test_ageing_is_what_was_last_computed_until_it_is_computed_anew(api: Api) -> None:
    account_id = await _visit(api)
    await api.catch_up()
    assert problem(await api.client.get(AGING)) == (404, "NOT_FOUND")
    computed = await api.post(REFRESH, {})
    [report] = computed.json()["reports"]
    [total] = report["totals"]
    assert (total["accounts"], total["current"]["amount"]) == (1, "85.00")
    paid = await api.post("/v1/payments", payment_body(account_id, "5"), key="more")
    await api.catch_up()
    assert (await api.client.get(AGING)).json()["reports"] == [report]
    token = paid.json()["token"]
    early = await api.client.get(f"{AGING}?after={token}")
    assert problem(early) == (425, "NOT_YET")
    assert early.json()["lag"]["events"] >= 1
    [anew] = (await api.post(f"{REFRESH}?after={token}", {})).json()["reports"]
    assert anew["totals"][0]["current"]["amount"] == "80.00"
    assert (await api.client.get(f"{AGING}?after={token}")).json()["reports"] == [anew]


async def test_ageing_counts_by_the_date_of_the_facility(api: Api) -> None:
    zone = "Pacific/Kiritimati"
    admin = await api.database.admin()
    await admin.execute("INSERT INTO facility_settings VALUES ('demo', 'north', $1)", zone)
    account_id = await open_account(api)
    await api.post("/v1/charges", charge_body(account_id))
    await _issue(api, account_id, 0)
    await api.catch_up()
    today = datetime.now(ZoneInfo(zone)).date()
    [report] = (await api.post(REFRESH, {"facility": "north"})).json()["reports"]
    assert (date.fromisoformat(report["as_of"]), report["time_zone"]) == (today, zone)
    aging = (await api.client.get(f"/v1/accounts/{account_id}")).json()["aging"]
    assert (aging["as_of"], aging["current"]["amount"]) == (str(today), "125.00")
    ahead = await api.post(REFRESH, {"as_of": str(today + timedelta(days=1))})
    assert problem(ahead) == (400, "VALIDATION_FAILED")
    assert "at facility north" in ahead.json()["detail"]
    yesterday = await api.post(REFRESH, {"as_of": str(today - timedelta(days=1))})
    assert yesterday.json()["reports"][0]["totals"] == []
    assert (await api.client.get(AGING)).json()["reports"] == [report]


async def test_the_accounts_of_a_report_come_page_by_page_and_of_one_report_only(api: Api) -> None:
    accounts = sorted([await _visit(api, f"p{number}") for number in range(5)])
    await open_account(api, "nothing-open")
    await api.catch_up()
    await api.post(REFRESH, {})
    path = f"{AGING}/accounts?facility=north&limit=2"
    page = (await api.client.get(path)).json()
    first, items = page, list(page["items"])
    while page["cursor"] is not None:
        page = (await api.client.get(f"{path}&cursor={page['cursor']}")).json()
        items += page["items"]
    assert [item["account_id"] for item in items] == accounts
    assert {item["balance"]["amount"] for item in items} == {"85.00"}
    await api.post(REFRESH, {})
    stale = await api.client.get(f"{path}&cursor={first['cursor']}")
    assert problem(stale) == (400, "VALIDATION_FAILED")
    assert "begin with its first page" in stale.json()["detail"]


async def test_a_report_that_is_known_already_is_not_sent_again(api: Api) -> None:
    await _visit(api)
    await api.catch_up()
    await api.post(REFRESH, {})
    etag = (await api.client.get(AGING)).headers["etag"]
    same = await api.client.get(AGING, headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    await api.post(REFRESH, {})
    assert (await api.client.get(AGING, headers={"If-None-Match": etag})).status_code == 200


async def test_reports_are_their_tenants_and_take_their_scope(api: Api) -> None:
    await _visit(api)
    await api.catch_up()
    await api.post(REFRESH, {})
    today = datetime.now(UTC).date()
    paths = (
        AGING,
        f"{AGING}/accounts?facility=north",
        f"/v1/reports/revenue?from={today}&to={today}",
    )
    for path in paths:
        denied = await api.client.get(path, headers={"x-test-scopes": "billing:read"})
        assert problem(denied) == (403, "ACCESS_DENIED"), path
    denied = await api.post(REFRESH, {}, **{"x-test-scopes": "billing:read"})
    assert problem(denied) == (403, "ACCESS_DENIED")
    for path in paths[:2]:
        assert problem(await api.client.get(path, headers=OTHER)) == (404, "NOT_FOUND"), path
    assert (await api.client.get(paths[2], headers=OTHER)).json()["rows"] == []
    assert problem(await api.post(REFRESH, {}, **OTHER)) == (404, "NOT_FOUND")


async def test_only_a_facility_that_keeps_accounts_has_a_report(api: Api) -> None:
    await api.post("/v1/accounts", account_body("p1"))
    await api.catch_up()
    assert problem(await api.post(REFRESH, {"facility": "south"})) == (404, "NOT_FOUND")
    wrong: Any = {"facility": "north", "as_of": "2026-13-01"}
    assert problem(await api.post(REFRESH, wrong)) == (400, "VALIDATION_FAILED")
