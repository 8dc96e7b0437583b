"""The write path against a real Postgres."""

import hashlib
from collections.abc import AsyncIterator
from datetime import date

import pytest

from contracts import ids
from contracts.money import Money
from domain.account import OpenAccount
from domain.charge import CaptureCharge
from domain.invoice import CreateDraftInvoice, IssueInvoice
from domain.payment import PostPayment
from services.execute.envelope import BusIdentity, Done, Envelope, Refused
from services.execute.executor import Executor
from tests.fixtures.databases import Database


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    async with Executor(await database.pool("daybook_writer", 6)) as executor:
        yield executor


def envelope(command: object, *, key: str | None = None, tenant: str = "demo", payload: bytes = b"x") -> Envelope:
    identity = None if key is None else BusIdentity("intake", "/meter", key)
    return Envelope(
        tenant=tenant,
        command=command,
        actor="bus:/meter",
        correlation_id="c-1",
        identity=identity,
        payload_hash=hashlib.sha256(payload).digest(),
    )


def account_id(patient: str, tenant: str = "demo") -> ids.AccountId:
    return ids.AccountId(ids.derive("acc", tenant, patient, "USD"))


def open_account(patient: str, tenant: str = "demo") -> OpenAccount:
    return OpenAccount(
        account_id=account_id(patient, tenant),
        patient_id=patient,
        name=None,
        facility="north",
        currency="USD",
    )


def capture(patient: str, number: int, minor: int = 12500, tenant: str = "demo") -> CaptureCharge:
    return CaptureCharge(
        charge_id=ids.ChargeId(ids.derive("chg", tenant, patient, str(number))),
        account_id=account_id(patient, tenant),
        facility="north",
        code="99213",
        system="cpt",
        quantity=1,
        service_on=date(2026, 1, 2),
        currency="USD",
        unit_price=Money.of(minor, "USD"),
    )


async def test_a_charge_is_captured_invoiced_and_paid(executor: Executor, database: Database) -> None:
    invoice_id = ids.InvoiceId(ids.derive("inv", "1"))
    outcomes = await executor.execute_all(
        [
            envelope(open_account("p1")),
            envelope(capture("p1", 1)),
            envelope(capture("p1", 2, 500)),
            envelope(CreateDraftInvoice(invoice_id=invoice_id, account_id=account_id("p1"))),
            envelope(IssueInvoice(invoice_id=invoice_id, account_id=account_id("p1"))),
            envelope(
                PostPayment(
                    payment_id=ids.PaymentId(ids.derive("pay", "1")),
                    account_id=account_id("p1"),
                    amount=Money.of(14000, "USD"),
                    method="cash",
                )
            ),
        ]
    )
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
    admin = await database.admin()
    head = await admin.fetchrow("SELECT * FROM account_heads")
    assert (head["receivable_minor"], head["credit_minor"], head["version"]) == (0, 1000, 7)
    assert await admin.fetchval("SELECT count(*) FROM open_items") == 0
    assert await admin.fetchval("SELECT sum(amount_minor) FROM ledger_entries") == 0


async def test_the_same_message_is_taken_once(executor: Executor, database: Database) -> None:
    await executor.execute(envelope(open_account("p1")))
    charge = envelope(capture("p1", 1), key="m-1")
    first, second = await executor.execute_all([charge, charge])
    third = await executor.execute(charge)
    assert [outcome.replayed for outcome in (first, second, third)] == [False, True, True]
    assert first.token == second.token == third.token
    other = await executor.execute(envelope(capture("p1", 1), key="m-1", payload=b"other"))
    assert isinstance(other, Refused)
    assert other.code == "IDEMPOTENCY_KEY_REUSED"
