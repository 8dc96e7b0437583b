"""What a clinic does in a month, step by step; each takes the clinic and works by itself."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from contracts import inbound
from services.adapters.postgres.migrate import SEARCH_PATH
from services.execute.faults import is_away
from tests.fixtures.clinic import Clinic, money
from tests.fixtures.waiting import until

REASONS = ("CONTRACTUAL", "CHARITY", "BAD_DEBT", "COURTESY", "CORRECTION")
SYSTEM = "urn:clinic:services"
PRICES = (
    ("north", "VISIT", money("125.00")),
    ("north", "LENS", money("80.10")),
    ("north", "LAB-1", money("12.35")),
    ("osaka", "VISIT", money("9000", "JPY")),
)


def service(account_id: str, code: str = "VISIT", day: int = 2, **changes: Any) -> dict[str, Any]:
    """A charge of the price list at facility `north`."""
    body = {"account_id": account_id, "facility": "north", "code": code, "system": SYSTEM}
    return body | {"service_date": f"2026-03-{day:02}", "currency": "USD"} | changes


async def rules(clinic: Clinic, statement: str, *values: Any) -> None:
    """What an administrator of the database sets: taxes, thresholds; may be done again."""

    async def is_set() -> bool:
        try:
            await _execute(clinic.stack.addresses.postgres_url, statement, *values)
        except Exception as fault:
            if not is_away(fault):
                raise
            return False  # the server was killed
        return True

    await until(is_set)


async def _execute(url: str, statement: str, *values: Any) -> None:
    admin = await asyncpg.connect(url, server_settings={"search_path": SEARCH_PATH})
    try:
        await admin.execute(statement, *values)
    finally:
        await admin.close()


async def set_up(clinic: Clinic, folder: Path) -> None:
    """Prices, a tax, a threshold and a code system; prices that collide are refused."""
    tax = "INSERT INTO tax_rules VALUES ($1, 'vat', '*', 'LENS', '[2000-01-01,)', 50000)"
    await rules(clinic, tax, clinic.tenant)
    await rules(clinic, "INSERT INTO refund_thresholds VALUES ($1, 'USD', 1000)", clinic.tenant)
    file = folder / "codes.csv"
    file.write_text("code\nVISIT\nLENS\nLAB-1\nPHYSIO\n", encoding="utf-8")
    clinic.runs("codes", "load", str(file), "--system", SYSTEM, "--version", "1")
    names = ("facility", "code", "unit_price")
    prices = [dict(zip(names, row, strict=True), valid_from="2026-01-01") for row in PRICES]
    await clinic.does("admin", "/v1/price-lists", {"name": "2026", "prices": prices})
    again = {"name": "Again", "prices": prices[:1]}
    await clinic.is_refused("admin", "/v1/price-lists", again, "STATE_CONFLICT")


async def open_account(clinic: Clinic, patient: str, **changes: Any) -> str:
    """Over HTTP; a second one is refused."""
    body = {"patient_id": patient, "facility": "north", "currency": "USD", "name": "Zahra Ahmadi"}
    opened = await clinic.does("clerk", "/v1/accounts", body | changes)
    await clinic.is_refused("clerk", "/v1/accounts", body | changes, "ALREADY_EXISTS")
    return str(opened["account_id"])


async def suspend_and_reinstate(clinic: Clinic, account_id: str) -> None:
    """No charge is taken meanwhile, and a payment is; letters go elsewhere then."""
    place, reason = f"/v1/accounts/{account_id}", {"reason": "letters come back"}
    await clinic.does("head", f"{place}/suspend", reason)
    await clinic.is_refused("clerk", "/v1/charges", service(account_id), "STATE_CONFLICT")
    await pay(clinic, account_id, "5.00")
    await clinic.does("clerk", f"{place}/contact", {"email": "zahra@example.org"})
    await clinic.does("head", f"{place}/reinstate", {"reason": "a new address"})


async def charge(clinic: Clinic, account_id: str) -> None:
    """One, many, none at all: single, batch by item and as a whole, dry run, stated price."""
    await clinic.does("clerk", "/v1/charges", service(account_id))
    await clinic.does("clerk", "/v1/charges?dry_run=true", service(account_id), 200)
    unknown = service(account_id, "NOBODY-KNOWS")
    await clinic.is_refused("clerk", "/v1/charges", unknown, "CODE_INVALID")
    many = [service(account_id, "LAB-1", day) for day in range(3, 28)]
    batch = await clinic.does("clerk", "/v1/charges:batch", {"charges": [*many, unknown]})
    assert (batch["captured"], batch["refused"]) == (25, 1)
    whole = {"charges": [*many[:2], unknown], "atomic": True}
    await clinic.is_refused("clerk", "/v1/charges:batch", whole, "CODE_INVALID")
    dear = service(account_id, "PHYSIO", unit_price=money("44.44"), modifiers=["GP"], quantity=3)
    await clinic.is_refused("clerk", "/v1/charges", dear, "ACCESS_DENIED")
    await clinic.does("biller", "/v1/charges", dear)


async def reverse(clinic: Clinic, account_id: str) -> None:
    """Once only."""
    charge = await clinic.does("clerk", "/v1/charges", service(account_id, day=9))
    place, reason = f"/v1/charges/{charge['charge_id']}/reverse", {"reason": "another patient"}
    await clinic.does("head", place, reason)
    await clinic.is_refused("head", place, reason, "STATE_CONFLICT")


async def invoice(clinic: Clinic, account_id: str, *codes: str) -> str:
    """Charges of these codes, drafted by name and issued; while on an invoice they stay."""
    captured = [await clinic.does("clerk", "/v1/charges", service(account_id, c)) for c in codes]
    draft = {"account_id": account_id, "charge_ids": [each["charge_id"] for each in captured]}
    drafted = await clinic.does("clerk", "/v1/invoices", draft)
    invoice_id = str(drafted["invoice_id"])
    await clinic.does("clerk", f"/v1/invoices/{invoice_id}/issue", {"due_days": 14})
    place = f"/v1/charges/{captured[0]['charge_id']}/reverse"
    await clinic.is_refused("head", place, {"reason": "too late"}, "STATE_CONFLICT")
    return invoice_id


async def invoice_of_all(clinic: Clinic, account_id: str, due_days: int = 30) -> str:
    """All open charges of an account; the tax was raised since they were captured."""
    raised = "UPDATE tax_rules SET rate_ppm = $2 WHERE tenant = $1"
    await rules(clinic, raised, clinic.tenant, 50_000)
    await clinic.does("clerk", "/v1/charges", service(account_id, "LENS"))
    await rules(clinic, raised, clinic.tenant, 72_500)
    drafted = await clinic.does("clerk", "/v1/invoices", {"account_id": account_id})
    place = f"/v1/invoices/{drafted['invoice_id']}/issue"
    issued = await clinic.does("clerk", place, {"due_days": due_days})
    assert issued["tax_trued_up"] != money("0.00")
    return str(drafted["invoice_id"])


async def pay(clinic: Clinic, account_id: str, amount: str, **changes: Any) -> str:
    """Cash for the oldest invoices unless it says otherwise."""
    body = {"account_id": account_id, "amount": money(amount), "method": "cash"}
    return str((await clinic.does("cashier", "/v1/payments", body | changes))["payment_id"])


async def pay_by_card(clinic: Clinic, account_id: str) -> None:
    """A saved card pays and is removed; another one is declined; the gateway is a sandbox."""
    place = f"/v1/accounts/{account_id}/payment-methods"
    saved = await clinic.does("clerk", place, {"setup": "pm_card_visa"})
    by_card = {"account_id": account_id, "amount": money("21.00"), "method": "card"}
    with_saved = by_card | {"payment_method_id": saved["payment_method_id"]}
    await clinic.starts("cashier", "/v1/payments", with_saved)
    declined = by_card | {"payment_token": "pm_card_visa_chargeDeclined"}
    await clinic.starts("cashier", "/v1/payments", declined)
    await clinic.starts("clerk", f"{place}/{saved['payment_method_id']}/remove", {})


async def has_paid(clinic: Clinic, account_id: str, reference: str) -> None:
    """Wait for what the bus and the gateway bring: it would settle invoices of later steps."""

    async def is_booked() -> bool:
        place = f"/v1/payments?account_id={account_id}&limit=100"
        payments = (await clinic.reads("cashier", place))["items"]
        came = reference in {payment["reference"] for payment in payments}
        return came and {payment["status"] for payment in payments} <= {"posted", "failed"}

    await until(is_booked)


async def state(clinic: Clinic) -> None:
    """A statement as of today for every account of a facility, once the last run has ended."""

    async def has_ended() -> bool:
        runs = (await clinic.reads("finance", "/v1/statement-runs"))["items"]
        return all(run["status"] != "running" for run in runs)

    await until(has_ended)
    today = datetime.now(UTC).date()
    run = {"facility": "north", "as_of_date": f"{today}", "channels": ["print"]}
    await clinic.does("finance", "/v1/statement-runs", run, 202)


async def settled(clinic: Clinic) -> None:
    """Wait until the gateway's answer to every payment and refund is booked, and all else ended."""

    async def is_settled() -> bool:
        refunds = (await clinic.reads("cashier", "/v1/refunds?limit=100"))["items"]
        payments = (await clinic.reads("cashier", "/v1/payments?limit=100"))["items"]
        runs = (await clinic.reads("finance", "/v1/statement-runs"))["items"]
        exports = (await clinic.reads("finance", "/v1/gl-exports"))["items"]
        found = {each["status"] for each in (*refunds, *payments, *runs, *exports)}
        log = (await clinic.fetches("finance", "/v1/events?follow=false&after=0")).text
        return "billing.invoice.sent_to_collections" in log and found <= {
            "issued",
            "rejected",
            "posted",
            "failed",
            "completed",
        }

    await until(is_settled)


async def adjust(clinic: Clinic, account_id: str, invoice_id: str) -> None:
    """Each reason on an invoice, and the other way on the account."""
    for number, reason in enumerate(REASONS, 1):
        credit: dict[str, Any] = {"account_id": account_id, "reason": reason, "direction": "credit"}
        credit |= {"amount": money(f"{number}.01"), "invoice_id": invoice_id}
        await clinic.does("biller", "/v1/adjustments", credit)
        debit = credit | {"direction": "debit", "invoice_id": None, "amount": money("0.25")}
        await clinic.does("biller", "/v1/adjustments", debit)


async def void(clinic: Clinic, account_id: str, invoice_id: str) -> None:
    """A part-paid, adjusted invoice is taken back; what was paid on it is credit, and settles."""
    await clinic.does("head", f"/v1/invoices/{invoice_id}/void", {"reason": "wrong patient"})
    other = await invoice(clinic, account_id, "LAB-1", "LAB-1")
    part = {"allocations": [{"invoice_id": other, "amount": money("10.00")}]}
    place = f"/v1/accounts/{account_id}/credit-allocations"
    await clinic.does("cashier", place, part)
    await clinic.does("cashier", place, {"amount": money("3.00")})


async def refund(clinic: Clinic, account_id: str) -> list[str]:
    """Under the threshold, by four eyes, rejected, and more than there is."""
    payment_id = await pay(clinic, account_id, "60.00")
    asked = {"payment_id": payment_id, "reason": "paid twice"}
    small = await clinic.does("cashier", "/v1/refunds", asked | {"amount": money("9.99")})
    assert small["status"] == "approved"
    large = await clinic.does("supervisor", "/v1/refunds", asked | {"amount": money("30.00")})
    place = f"/v1/refunds/{large['refund_id']}/approve"
    await clinic.is_refused("supervisor", place, {}, "FOUR_EYES")
    await clinic.does("head", place, {})
    beyond = asked | {"amount": money("20.02")}
    await clinic.is_refused("cashier", "/v1/refunds", beyond, "AMOUNT_EXCEEDS_REFUNDABLE")
    wrong = await clinic.does("cashier", "/v1/refunds", asked | {"amount": money("20.01")})
    why = {"reason": "it was paid once"}
    await clinic.does("supervisor", f"/v1/refunds/{wrong['refund_id']}/reject", why)
    return [str(small["refund_id"]), str(large["refund_id"])]


async def give_back(clinic: Clinic, patient: str) -> None:
    """Money of an invoice goes back and is owed again: some is paid, the void takes the rest."""
    account_id = await open_account(clinic, f"{patient}-back")
    invoice_id = await invoice(clinic, account_id, "LAB-1")
    place = f"/v1/accounts/{account_id}"
    owed = (await clinic.reads("finance", place))["receivable"]["amount"]
    paid = await pay(clinic, account_id, owed)
    asked = {"payment_id": paid, "amount": money("9.00"), "reason": "the insurer pays"}
    refund_id = (await clinic.does("cashier", "/v1/refunds", asked))["refund_id"]

    async def is_booked() -> bool:
        found = await clinic.reads("cashier", f"/v1/refunds/{refund_id}")
        return bool(found["status"] == "issued")

    await until(is_booked)
    await pay(clinic, account_id, "4.00")
    await clinic.does("head", f"/v1/invoices/{invoice_id}/void", {"reason": "the insurer's"})
    left = await clinic.reads("finance", place)
    assert Decimal(left["receivable"]["amount"]) == 0
    assert Decimal(left["credit"]["amount"]) == Decimal(owed) - 9 + 4
    lower = {"account_id": account_id, "reason": "COURTESY", "direction": "credit"}
    await invoice(clinic, account_id, "LAB-1")
    await clinic.does("biller", "/v1/adjustments", lower | {"amount": money("1.00")})


async def systems(clinic: Clinic, name: str, invoice_id: str, account_id: str) -> None:
    """Everything that systems send, for an account that one of them opens."""
    opening = {"patient_id": f"bus-{name}", "facility": "north", "currency": "USD", "name": "Farid"}
    await clinic.sends(inbound.OPEN_ACCOUNT, opening)
    await clinic.sends(inbound.CAPTURE_CHARGE, service(account_id, "LAB-1"))
    paid = {"account_id": account_id, "amount": money("150.00"), "method": "bank"}
    await clinic.sends(inbound.POST_PAYMENT, paid | {"reference": f"feed/{name}"})
    part = {"account_id": account_id, "amount": money("1.00")}
    await clinic.sends(inbound.ALLOCATE_CREDIT, part)
    lower: dict[str, Any] = {
        "account_id": account_id,
        "reason": "CONTRACTUAL",
        "direction": "credit",
    }
    lower |= {"amount": money("1.11"), "direction": "credit", "invoice_id": invoice_id}
    await clinic.sends(inbound.APPLY_ADJUSTMENT, lower)


async def visits(clinic: Clinic, name: str) -> None:
    """Encounters that a clinic's system closed; one has a service that no price list knows."""
    for number, codes in enumerate((("VISIT",), ("VISIT", "LAB-1"), ("VISIT", "PHYSIO"))):
        services = [{"code": c, "system": SYSTEM, "service_date": "2026-03-16"} for c in codes]
        closed: dict[str, Any] = {
            "encounter_id": f"{name}-{number}",
            "facility": "north",
            "currency": "USD",
        }
        closed |= {"patient": {"patient_id": f"seen-{name}"}, "services": services}
        closed |= {"currency": "USD", "closed_at": "2026-03-16T17:00:00Z"}
        await clinic.sends(inbound.ENCOUNTER_CLOSED, closed)


async def remit(clinic: Clinic, name: str) -> None:
    """A payer pays 100.00 for each of two encounters and writes off 25.00."""
    off = [{"reason": "CONTRACTUAL", "amount": money("25.00")}]
    claims = [
        {"encounter_id": f"{name}-{number}", "paid": money("100.00"), "adjustments": off}
        for number in range(2)
    ]
    advice = {"remittance_id": name, "payer": "Vita", "claims": claims, "total": money("200.00")}
    await clinic.sends(inbound.REMITTANCE_RECEIVED, advice)


async def elsewhere(clinic: Clinic, name: str) -> None:
    """The same patient at another facility, in a currency without digits."""
    yen: Any = {"currency": "JPY", "facility": "osaka"}
    account_id = await open_account(clinic, name, **yen)
    await clinic.does("clerk", "/v1/charges", service(account_id, **yen))
