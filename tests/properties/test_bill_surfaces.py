"""Any sequence of calls on the three surfaces of bills does what a simple model of them does."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over

examples = (f"c{number}" for number in itertools.count())
few = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RATES = {("USD", "GEL"): Decimal("2.5"), ("GEL", "USD"): Decimal("0.4")}
MONTHS = ("2025-08", "2025-09")
AMOUNTS = ("0.01", "2.50", "10")
CENT = Decimal("0.01")
exact = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


@dataclass
class Bill:
    """A bill as its clients think of it: what is on it by key, and whether it is open."""

    currency: str
    items: dict[str, tuple[Any, Decimal]] = field(default_factory=dict)
    is_open: bool = True
    closed_under: str | None = None

    @property
    def amounts(self) -> list[Decimal]:
        """What each item counts, in the order in which they came."""
        return [amount for _, amount in self.items.values()]

    @property
    def total(self) -> Decimal:
        return sum(self.amounts, Decimal(0))

    def add(self, key: str, sent: Any, amount: Decimal) -> int:
        """The status of an answer to an item."""
        if key in self.items:
            return 200 if self.items[key][0] == sent else 409
        if not self.is_open:
            return 409
        self.items[key] = (sent, amount)
        return 200

    def close(self, key: str | None = None) -> int:
        """The status of an answer to a close; the same key again is the same answer."""
        if not self.is_open:
            return 200 if key is not None and key == self.closed_under else 409
        self.is_open, self.closed_under = False, key
        return 200


class Model:
    """One customer of all surfaces, and the calls that are made for it."""

    def __init__(self, api: Api, customer: str) -> None:
        self.client = api.client
        self.customer = customer
        self.months: dict[str, Bill] = {}
        self.in_period: dict[str, Bill] = {}
        self.dated: dict[str, Bill] = {}
        self.runs = False

    async def post(self, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"X-Idempotency-Key": key} if key else {}
        if body is None:
            return await self.client.post(path, headers=headers)
        headers["Content-Type"] = "application/json"
        return await self.client.post(path, content=msgspec.json.encode(body), headers=headers)

    # Monthly bills.

    async def make_month(self, month: str, currency: str) -> None:
        path = f"/api/v1/customers/{self.customer}/bills"
        made = await self.post(path, {"currency": currency, "billingPeriod": month})
        assert made.status_code == (409 if month in self.months else 201), made.text
        self.months.setdefault(month, Bill(currency))

    async def add_month(self, month: str, key: str, amount: str) -> None:
        path = f"/api/v1/customers/{self.customer}/bills/{month}/items"
        body = {"description": "a fee", "amount": amount, "IdempotencyKey": key}
        added = await self.post(path, body)
        bill = self.months.get(month)
        expected = 404 if bill is None else bill.add(key, amount, Decimal(amount))
        assert added.status_code == expected, added.text

    async def close_month(self, month: str) -> None:
        path = f"/api/v1/customers/{self.customer}/bills/{month}/close"
        bill = self.months.get(month)
        closed = await self.post(path)
        assert closed.status_code == (404 if bill is None else bill.close()), closed.text

    # Periods.

    async def start(self) -> None:
        body = {"customer_id": self.customer, "currency": "USD", "billing_period_days": 9}
        started = await self.post("/bills/startbillingperiod", body)
        assert started.status_code == (409 if self.runs else 200), started.text
        self.runs = True

    async def end(self) -> None:
        ended = await self.post(f"/bills/closeBillingPeriod/{self.customer}")
        if self.runs:
            assert ended.status_code == 200, ended.text
            for bill in self.in_period.values():
                bill.is_open = False
        else:
            assert ended.status_code in (404, 409), ended.text
        self.runs = False

    async def make_in_period(self, currency: str) -> None:
        body = {"customer_id": self.customer, "currency": currency}
        made = await self.post("/bills/createbill", body)
        assert made.status_code == (200 if self.runs else 404), made.text
        if self.runs:
            self.in_period[made.json()["bill_id"]] = Bill(currency)

    async def add_in_period(
        self, which: int, key: str, amount: str, quantity: int, currency: str
    ) -> None:
        if not self.in_period:
            return
        bill_id = list(self.in_period)[which % len(self.in_period)]
        bill = self.in_period[bill_id]
        number = msgspec.Raw(amount.encode())
        rest = {"description": "a fee", "quantity": quantity, "currency": currency}
        path = f"/bills/addItem/{self.customer}/{bill_id}"
        added = await self.post(path, {"amount": number, **rest}, key)
        rate = RATES.get((currency, bill.currency), Decimal(1))
        counted = (Decimal(amount) * quantity * rate).quantize(CENT, ROUND_HALF_EVEN)
        expected = bill.add(key, (amount, quantity, currency), counted)
        assert added.status_code == expected, added.text

    async def close_in_period(self, which: int) -> None:
        if not self.in_period:
            return
        bill_id = list(self.in_period)[which % len(self.in_period)]
        closed = await self.post(f"/bills/close/{self.customer}/{bill_id}", {"reason": "asked"})
        assert closed.status_code == self.in_period[bill_id].close(), closed.text

    # From start to end.

    async def make_dated(self, name: str) -> None:
        ends = (datetime(2100, 1, 1, tzinfo=UTC) + timedelta(days=1)).isoformat()
        key = f"{self.customer}-{name}"
        made = await self.post("/v1/bills", {"currency": "USD", "end_time": ends}, key)
        assert made.status_code == 201, made.text
        self.dated.setdefault(made.json()["bill"]["id"], Bill("USD"))

    async def add_dated(self, which: int, key: str, amount: str) -> None:
        if not self.dated:
            return
        bill_id = list(self.dated)[which % len(self.dated)]
        cents = int(Decimal(amount) * 100)
        body = {"currency": "USD", "amount_cents": cents, "description": "a fee"}
        added = await self.post(f"/v1/bills/{bill_id}/line_items", body, key)
        expected = self.dated[bill_id].add(key, amount, Decimal(amount))
        assert added.status_code == {200: 201}.get(expected, expected), added.text

    async def close_dated(self, which: int, key: str) -> None:
        if not self.dated:
            return
        bill_id = list(self.dated)[which % len(self.dated)]
        bill = self.dated[bill_id]
        closed = await self.post(f"/v1/bills/{bill_id}/close", {"reason": ""}, key)
        assert closed.status_code == bill.close(key), closed.text

    async def check(self) -> None:
        """What every surface shows is what the model has."""
        path = f"/api/v1/customers/{self.customer}/bills"
        listed = (await self.client.get(path)).json()["bills"]
        assert {each["billingPeriod"]: Decimal(each["total"]) for each in listed} == {
            month: bill.total for month, bill in self.months.items()
        }
        for month, bill in self.months.items():
            found = (await self.client.get(f"{path}/{month}")).json()
            assert found["status"] == ("OPEN" if bill.is_open else "CLOSED")
            assert [item["idempotencyKey"] for item in found["items"]] == list(bill.items)
            assert [Decimal(item["amount"]["Value"]) for item in found["items"]] == bill.amounts
        answer = exact((await self.post(f"/bills/listBills/{self.customer}", {})).content)
        assert Decimal(answer["total"]) == sum(
            (bill.total for bill in self.in_period.values()), Decimal(0)
        )
        for found in answer["bills"]:
            bill = self.in_period[found["id"]]
            assert found["status"] == ("OPEN" if bill.is_open else "CLOSED")
            assert Decimal(found["total_amount"]) == bill.total
            assert [Decimal(item["converted_amount"]) for item in found["items"]] == bill.amounts
        for bill_id, bill in self.dated.items():
            found = (await self.client.get(f"/v1/bills/{bill_id}")).json()["bill"]
            assert found["total_amount_cents"] == bill.total * 100
            cents = [line["amount_cents"] for line in found["line_items"]]
            assert cents == [amount * 100 for amount in bill.amounts]
            assert (found["status"] == "closed") == (not bill.is_open)


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with api_over(database) as api:
        yield api


_months, _keys = st.sampled_from(MONTHS), st.sampled_from(("a", "b", "c"))
_amounts, _which = st.sampled_from(AMOUNTS), st.integers(0, 2)
_currencies = st.sampled_from(("USD", "GEL"))
_adds = (
    st.tuples(st.just("add_month"), _months, _keys, _amounts),
    st.tuples(st.just("add_in_period"), _which, _keys, _amounts, st.integers(1, 3), _currencies),
    st.tuples(st.just("add_dated"), _which, _keys, _amounts),
)
_makes = (
    st.tuples(st.just("make_month"), _months, _currencies),
    st.tuples(st.just("start")),
    st.tuples(st.just("make_in_period"), _currencies),
    st.tuples(st.just("make_dated"), st.sampled_from(("x", "y"))),
)
_ends = (
    st.tuples(st.just("close_month"), _months),
    st.tuples(st.just("end")),
    st.tuples(st.just("close_in_period"), _which),
    st.tuples(st.just("close_dated"), _which, st.sampled_from(("k", "l"))),
)
calls = st.lists(st.one_of(*_makes, *_makes, *_adds, *_adds, *_ends), min_size=10, max_size=30)


@few
@given(calls)
async def test_any_calls_do_what_the_model_does(api: Api, made: list[tuple[Any, ...]]) -> None:
    model = Model(api, next(examples))
    for name, *arguments in made:
        await getattr(model, name)(*arguments)
    await model.check()
