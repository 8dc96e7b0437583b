"""What a clinic's lab bills its customers by the month, by the period and from start to end."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts import inbound
from domain import naming
from services.adapters.sandbox_gateway import DECLINED, PAYS
from tests.fixtures.clinic import Clinic
from tests.fixtures.month_sums import Happened
from tests.fixtures.waiting import until

OVER = "2025-09"
"""A month that is over: its bill is closed by hand."""
PERIOD = {"currency": "USD", "billing_period_days": 30}
FEES_OF_EACH = 2
REFUSED = "customer-of-old"


async def all_of_them(clinic: Clinic, name: str) -> None:
    """On every surface, for a customer of that name."""
    await by_the_month(clinic, name)
    await fees(clinic, name)
    await by_the_period(clinic, name, PAYS)


async def by_the_month(clinic: Clinic, customer: str) -> None:
    """An item comes once under its key; what is closed takes no more."""
    bills = f"/api/v1/customers/{customer}/bills"
    await clinic.does("meter", bills, {"currency": "USD", "billingPeriod": OVER})
    item = {"description": "samples", "amount": "2.50"}
    for number in range(3):
        added = await clinic.does("meter", f"{bills}/{OVER}/items", item, 200)
        assert added["total"] == f"{(number + 1) * Decimal('2.50')}"
    await clinic.does("meter", f"{bills}/{OVER}/close", {}, 200)
    await clinic.is_refused("meter", f"{bills}/{OVER}/close", {}, "STATE_CONFLICT")
    await clinic.is_refused("meter", f"{bills}/{OVER}/items", item, "STATE_CONFLICT")


async def fees(clinic: Clinic, customer: str) -> None:
    """One of today, and one of the month whose bill was closed: it goes to the next."""
    fee = {"customer": customer, "currency": "USD", "amount": "1.25", "description": "a call"}
    for instant in (f"{datetime.now(UTC):%FT%TZ}", f"{OVER}-15T10:00:00Z"):
        await clinic.sends(inbound.USAGE_FEE_INCURRED, fee | {"incurred_at": instant})


async def by_the_period(clinic: Clinic, customer: str, card: str) -> None:
    """Two bills, one closed by hand and one with its period; a saved card is charged for both."""
    named = {"customer_id": customer, "currency": "USD"}
    await clinic.does("meter", "/bills/startbillingperiod", named | PERIOD, 200)
    await clinic.is_refused("meter", "/bills/startbillingperiod", named | PERIOD, "STATE_CONFLICT")
    ids = [
        (await clinic.does("meter", "/bills/createbill", named, 200))["bill_id"] for _ in range(2)
    ]
    account_id = naming.bill_account_id(clinic.tenant, customer, "USD")
    place = f"/v1/accounts/{account_id}/payment-methods"
    await clinic.does("clerk", place, {"setup": card})
    item: dict[str, Any] = {"description": "compute", "quantity": 2}
    for bill_id in ids:
        for currency, amount in (("USD", 10.5), ("GEL", 2.5)):
            sent = item | {"amount": amount, "currency": currency}
            place = f"/bills/addItem/{customer}/{bill_id}"
            added = await clinic.does("meter", place, sent, 200)
        assert added["bill"]["total_amount"] == 23.0
    reason = {"reason": "moves away"}
    await clinic.does("meter", f"/bills/close/{customer}/{ids[0]}", reason, 200)
    await clinic.does("meter", f"/bills/closeBillingPeriod/{customer}", {}, 200)


async def troubles(clinic: Clinic) -> None:
    """A bill that ends by itself while everything is killed, and a card that is declined."""
    ends = datetime.now(UTC) + timedelta(seconds=20)
    made = await clinic.does(
        "meter", "/v1/bills", {"currency": "USD", "end_time": f"{ends:%FT%TZ}"}
    )
    item = {"currency": "USD", "amount_cents": 250, "description": "a day"}
    await clinic.does("meter", f"/v1/bills/{made['bill']['id']}/line_items", item)
    await by_the_period(clinic, REFUSED, DECLINED)


async def mend(clinic: Clinic) -> None:
    """Another card, and what was declined is tried again; by the end of the month it is paid."""
    account_id = naming.bill_account_id(clinic.tenant, REFUSED, "USD")
    place = f"/v1/accounts/{account_id}/payment-methods"
    for card in (await clinic.reads("clerk", place))["items"]:
        await clinic.starts("clerk", f"{place}/{card['payment_method_id']}/remove", {})
    await clinic.does("clerk", place, {"setup": PAYS})
    for bill in (await _periods_bills(clinic, REFUSED))["bills"]:
        await until_attention(clinic, bill["id"])
        await clinic.does("meter", f"/v1/bills/{bill['id']}/retry", {}, 200)


async def until_attention(clinic: Clinic, bill_id: str) -> None:
    """Wait until somebody has to look at it."""

    async def is_there() -> bool:
        bill = (await clinic.looks("meter", f"/v1/bills/{bill_id}"))["bill"]
        return bool(bill["status"] == "attention_required")

    await until(is_there)


async def settled(clinic: Clinic, names: Iterable[str]) -> None:
    """Wait until every bill but those of this month is closed, and every fee is on one."""

    async def are_closed() -> bool:
        dated = (await clinic.looks("meter", "/v1/bills"))["bills"]
        found = [await _periods_bills(clinic, name) for name in (*names, REFUSED)]
        open_ = [await _open_months(clinic, name) for name in names]
        fees_ = {sum(bill["itemCount"] for bill in bills) for bills in open_}
        states = {bill["status"] for bill in dated}
        states |= {bill["status"].lower() for bills in found for bill in bills["bills"]}
        return states == {"closed"} and fees_ == {FEES_OF_EACH}

    await until(are_closed)


async def check(clinic: Clinic, events: Iterable[Happened]) -> None:
    """Each bill says what its line items come to, and how many there are."""
    sums: dict[str, Counter[str]] = {}
    for event in events:
        if event.type == "bill.created":
            sums[event.body["bill_id"]] = Counter()
        if event.type == "bill.line_item_added":
            found = sums[event.body["bill_id"]]
            found["items"] += 1
            found["cents"] += int(Decimal(event.body["amount"]["amount"]) * 100)
        if event.type == "bill.closed":
            total = int(Decimal(event.body["total"]["amount"]) * 100)
            assert total == sums[event.body["bill_id"]]["cents"]
    for bill_id, counted in sums.items():
        bill = (await clinic.looks("meter", f"/v1/bills/{bill_id}"))["bill"]
        shown = {"items": len(bill["line_items"]), "cents": bill["total_amount_cents"]}
        assert shown == dict(counted), bill_id


async def _periods_bills(clinic: Clinic, customer: str) -> Any:
    return await clinic.does("meter", f"/bills/listBills/{customer}", {}, 200)


async def _open_months(clinic: Clinic, customer: str) -> Any:
    place = f"/api/v1/customers/{customer}/bills?status=OPEN"
    return (await clinic.looks("meter", place))["bills"]
