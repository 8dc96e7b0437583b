"""What a command answers from memory as it is done, a repeat is answered from the log: the same."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.execute.envelope import Done
from tests.fixtures.attempts import NAMED, give_up
from tests.fixtures.http_api import Api
from tests.fixtures.tenants import envelope
from tests.fixtures.visits import account_body, charge_body, payment_body
from tests.fixtures.walking import calls_of

ADA = {"x-test-actor": "user:ada"}
BEA = {"x-test-actor": "user:bea"}
WHY = {"reason": "somebody erred"}
# They command nothing: a report is computed, bills are listed as often as it is asked for.
NO_COMMANDS = {"/v1/reports/aging:refresh", "/bills/listBills/{customer_id}", "/repo/sync"}


class Step(NamedTuple):
    """A command: its route, what stands in it and its body, from the answers by name."""

    name: str
    route: str
    body: Callable[[Mapping[str, Any]], Any]
    of: str | None = None
    """Whose id stands in the route."""
    headers: Mapping[str, str] = ADA
    is_of_a_bill: bool = False
    """It answers with the bill as it stands, which a client of a bill's surface goes by."""


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def price(made: Mapping[str, Any]) -> Any:
    return {"facility": "*", "code": "1", "unit_price": usd("7.25"), "valid_from": "2026-01-01"}


def account(made: Mapping[str, Any]) -> str:
    account_id: str = made["account"]["account_id"]
    return account_id


def refund_body(made: Mapping[str, Any], amount: str) -> Any:
    return {
        "payment_id": made["payment"]["payment_id"],
        "amount": usd(amount),
        "reason": "no visit",
    }


def plain_charge(made: Mapping[str, Any]) -> Any:
    return charge_body(account(made))


FEE = {"description": "api fee", "currency": "USD"}
CUSTOMER = {"customer_id": NAMED["customer_id"], "currency": "USD"}
CUSTOMERS = "/api/v1/customers/{customer_id}/bills"
BILLS = (
    Step("monthly", CUSTOMERS, lambda made: {"currency": "USD", "billingPeriod": NAMED["period"]}),
    Step(
        "monthly item",
        f"{CUSTOMERS}/{{period}}/items",
        lambda made: {"description": "api fee", "amount": "2.50"},
    ),
    Step("monthly closed", f"{CUSTOMERS}/{{period}}/close", lambda made: {}),
    Step(
        "dated",
        "/v1/bills",
        lambda made: {"currency": "USD", "end_time": "2099-12-31T00:00:00Z"},
    ),
    Step(
        "dated item",
        "/v1/bills/{bill_id}/line_items",
        lambda made: FEE | {"amount_cents": 250},
        of="dated",
    ),
    Step("dated closed", "/v1/bills/{bill_id}/close", lambda made: WHY, of="dated"),
    Step(
        "period",
        "/bills/startbillingperiod",
        lambda made: CUSTOMER | {"billing_period_days": 30},
    ),
    Step("given up", "/bills/createbill", lambda made: CUSTOMER),
    Step("retried", "/v1/bills/{bill_id}/retry", lambda made: {}, of="given up"),
    Step("of the period", "/bills/createbill", lambda made: CUSTOMER),
    Step(
        "its item",
        "/bills/addItem/{customer_id}/{bill_id}",
        lambda made: FEE | {"amount": 2.5, "quantity": 1},
        of="of the period",
    ),
    Step("closed", "/bills/close/{customer_id}/{bill_id}", lambda made: WHY, of="of the period"),
    Step("over", "/bills/closeBillingPeriod/{customer_id}", lambda made: None),
)
STEPS = (
    Step("account", "/v1/accounts", lambda made: account_body(name="Zahra")),
    Step("prices", "/v1/price-lists", lambda made: {"name": "2026", "prices": [price(made)]}),
    Step("charge", "/v1/charges", plain_charge),
    Step("wrong", "/v1/charges", plain_charge),
    Step("reversed", "/v1/charges/{charge_id}/reverse", lambda made: WHY, of="wrong"),
    Step(
        "batch",
        "/v1/charges:batch",
        lambda made: {"charges": [plain_charge(made), charge_body("acc_" + "0" * 26)]},
    ),
    Step(
        "whole",
        "/v1/charges:batch",
        lambda made: {"charges": [plain_charge(made)] * 2, "atomic": True},
    ),
    Step(
        "small",
        "/v1/invoices",
        lambda made: {"account_id": account(made), "charge_ids": [made["charge"]["charge_id"]]},
    ),
    Step("invoice", "/v1/invoices", lambda made: {"account_id": account(made)}),
    Step("issued", "/v1/invoices/{invoice_id}/issue", lambda made: {"due_days": 9}, of="invoice"),
    Step("issued small", "/v1/invoices/{invoice_id}/issue", lambda made: {}, of="small"),
    Step(
        "payment",
        "/v1/payments",
        lambda made: payment_body(
            account(made),
            "150.00",
            allocations=[{"invoice_id": made["small"]["invoice_id"], "amount": usd("125.00")}],
        ),
    ),
    Step(
        "adjusted",
        "/v1/adjustments",
        lambda made: {
            "account_id": account(made),
            "reason": "CHARITY",
            "direction": "credit",
            "amount": usd("5.00"),
            "invoice_id": made["invoice"]["invoice_id"],
        },
    ),
    Step("void", "/v1/invoices/{invoice_id}/void", lambda made: WHY, of="small"),
    Step(
        "credit",
        "/v1/accounts/{account_id}/credit-allocations",
        lambda made: {"amount": usd("20.00")},
        of="account",
    ),
    Step("refund", "/v1/refunds", lambda made: refund_body(made, "30.00")),
    Step("refund 2", "/v1/refunds", lambda made: refund_body(made, "10.00")),
    Step(
        "approved",
        "/v1/refunds/{refund_id}/approve",
        lambda made: None,
        of="refund",
        headers=BEA,
    ),
    Step(
        "rejected",
        "/v1/refunds/{refund_id}/reject",
        lambda made: WHY,
        of="refund 2",
        headers=BEA,
    ),
    Step(
        "card",
        "/v1/accounts/{account_id}/payment-methods",
        lambda made: {"setup": "pm_card_visa"},
        of="account",
    ),
    Step(
        "no card",
        "/v1/accounts/{account_id}/payment-methods/{payment_method_id}/remove",
        lambda made: None,
        of="card",
    ),
    Step("run", "/v1/statement-runs", lambda made: {"as_of_date": "2026-01-31"}),
    Step(
        "contact",
        "/v1/accounts/{account_id}/contact",
        lambda made: {"email": "nino@example.org"},
        of="account",
    ),
    Step("suspended", "/v1/accounts/{account_id}/suspend", lambda made: WHY, of="account"),
    Step("reinstated", "/v1/accounts/{account_id}/reinstate", lambda made: WHY, of="account"),
    Step(
        "export",
        "/v1/gl-exports",
        lambda made: {"booked_from": "2026-01-01", "booked_to": "2026-01-31"},
    ),
    Step("workflow", "/v1/workflow-runs", lambda made: {"workflow": "prebill"}),
    Step(
        "cancelled",
        "/v1/workflow-runs/{workflow_run_id}/cancel",
        lambda made: {},
        of="workflow",
    ),
    *(step._replace(is_of_a_bill=True) for step in BILLS),
    Step("void later", "/v1/invoices/{invoice_id}/void", lambda made: WHY, of="invoice"),
)


async def send(api: Api, step: Step, made: Mapping[str, Any]) -> Any:
    known = NAMED | made.get("account", {}) | (made[step.of] if step.of else {})
    path = re.sub(r"{(\w+)}", lambda name: known[name[1]], step.route)
    response = await api.post(path, step.body(made), key=step.name, **step.headers)
    assert response.status_code in (200, 201, 202), (step.name, response.text)
    return response


def read(response: Any) -> Any:
    """What was answered, for later steps; of a bill with its id as others have it."""
    answer = response.json()
    match answer:
        case {"bill": {"id": bill_id}}:
            return answer | {"bill_id": bill_id}
    return answer


def said(response: Any) -> tuple[int, Any, str | None, str | None]:
    """What a caller may go by; compared as text, so that the order counts too."""
    headers = response.headers
    return response.status_code, response.text, headers.get("location"), headers.get("content-type")


async def test_every_command_is_answered_again_as_it_was_answered_first(api: Api) -> None:
    made: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for step in STEPS:
        if step.name == "retried":
            refused = envelope("demo", give_up(made["given up"]), actor="saga:test")
            assert isinstance(await api.dependencies.executor.execute(refused), Done)
        first[step.name] = await send(api, step, made)
        made[step.name] = read(first[step.name])
        again = await send(api, step, made)
        assert "idempotency-replayed" not in first[step.name].headers, step.name
        assert again.headers["idempotency-replayed"] == "true", step.name
        assert said(again) == said(first[step.name]), step.name
    # Everything has become something else meanwhile; the answers are what they were.
    for step in STEPS:
        later = await send(api, step, made)
        assert later.headers["idempotency-replayed"] == "true", step.name
        assert step.is_of_a_bill or said(later) == said(first[step.name]), step.name


def test_every_command_is_among_them(api: Api) -> None:
    posts = {call.path for call in calls_of(api.app) if call.method == "POST" and call.scope}
    assert {step.route for step in STEPS} == posts - NO_COMMANDS
