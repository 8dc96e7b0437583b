"""A log to project: visits of many patients, each ten charges, an invoice and its payment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from contracts.account import AccountOpened
from contracts.charge import ChargeCaptured, PriceSource
from contracts.event import AccountEvent
from contracts.ids import AccountId, ChargeId, InvoiceId, PaymentId, derive
from contracts.invoice import InvoiceDrafted, InvoiceIssued, InvoiceLine, InvoicePaid
from contracts.ledger import GlAccount, Posting
from contracts.money import Money
from contracts.payment import Allocation, PaymentMethod, PaymentPosted

TENANT: Final = "demo"
"""Whom anybody on this machine is with auth=dev: the API answers about these visits."""
ACCOUNTS: Final = 2_000
CHARGES_PER_VISIT: Final = 10
_CURRENCY: Final = "USD"
_FACILITY: Final = "north"
_NET_MINOR: Final = 12_500
_TAX_MINOR: Final = 906
_TOTAL_MINOR: Final = _NET_MINOR + _TAX_MINOR
_STARTED_ON: Final = date(2026, 3, 2)
STARTED_AT: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Happened(NamedTuple):
    """An event on its stream."""

    stream_id: str
    version: int
    event: AccountEvent


def visits(count: int) -> Iterator[Happened]:
    """The accounts are opened, then so many visits follow, patient after patient."""
    accounts = account_ids()
    for number, account_id in enumerate(accounts):
        opened = AccountOpened(
            account_id=account_id,
            patient_id=f"patient-{number}",
            name=None,
            facility=_FACILITY,
            currency=_CURRENCY,
            language="en",
        )
        yield Happened(account_id, 1, opened)
    for visit in range(count):
        yield from _visit(visit, accounts[visit % ACCOUNTS])


def account_ids() -> list[AccountId]:
    """The patients' accounts."""
    return [AccountId(derive("acc", TENANT, str(number))) for number in range(ACCOUNTS)]


def invoice_id_of(visit: int) -> InvoiceId:
    """The invoice of a visit."""
    return InvoiceId(derive("inv", TENANT, str(visit)))


def _visit(visit: int, account_id: AccountId) -> Iterator[Happened]:
    on = _STARTED_ON + timedelta(days=visit // 500)
    invoice_id = invoice_id_of(visit)
    payment_id = PaymentId(derive("pay", TENANT, str(visit)))
    charges = [
        _charge(account_id, on, ChargeId(derive("chg", TENANT, str(visit), str(line))))
        for line in range(CHARGES_PER_VISIT)
    ]
    for charge in charges:
        yield Happened(charge.charge_id, 1, charge)
    yield Happened(invoice_id, 1, _drafted(invoice_id, charges))
    yield Happened(invoice_id, 2, _issued(invoice_id, account_id, visit, on))
    yield Happened(payment_id, 1, _payment(payment_id, invoice_id, account_id, on))
    paid = InvoicePaid(
        account_id=account_id, invoice_id=invoice_id, settled_by=payment_id, settled_on=on
    )
    yield Happened(invoice_id, 3, paid)


def _charge(account_id: AccountId, on: date, charge_id: ChargeId) -> ChargeCaptured:
    return ChargeCaptured(
        **_booking(account_id, on),
        postings=(
            _posting(GlAccount.RECEIVABLE, _TOTAL_MINOR),
            _posting(GlAccount.REVENUE, -_NET_MINOR),
            _posting(GlAccount.TAX_PAYABLE, -_TAX_MINOR),
        ),
        charge_id=charge_id,
        code="99213",
        system="urn:bench",
        quantity=1,
        unit_price=_money(_NET_MINOR),
        price_source=PriceSource.STATED,
        net=_money(_NET_MINOR),
        tax=_money(_TAX_MINOR),
        total=_money(_TOTAL_MINOR),
    )


def _drafted(invoice_id: InvoiceId, charges: list[ChargeCaptured]) -> InvoiceDrafted:
    return InvoiceDrafted(
        account_id=charges[0].account_id,
        invoice_id=invoice_id,
        facility=_FACILITY,
        currency=_CURRENCY,
        **_totals(),
        lines=tuple(
            InvoiceLine(
                charge_id=charge.charge_id,
                code=charge.code,
                quantity=1,
                service_on=charge.effective_on,
                net=charge.net,
                tax=charge.tax,
            )
            for charge in charges
        ),
    )


def _issued(invoice_id: InvoiceId, account_id: AccountId, visit: int, on: date) -> InvoiceIssued:
    return InvoiceIssued(
        **_booking(account_id, on),
        **_totals(),
        invoice_id=invoice_id,
        number=f"{_FACILITY}-2026-{visit + 1:06d}",
        issued_on=on,
        due_on=on + timedelta(days=30),
        lines_digest="0" * 64,
    )


def _payment(
    payment_id: PaymentId, invoice_id: InvoiceId, account_id: AccountId, on: date
) -> PaymentPosted:
    amount_minor = CHARGES_PER_VISIT * _TOTAL_MINOR
    return PaymentPosted(
        **_booking(account_id, on),
        postings=(
            _posting(GlAccount.BANK, amount_minor),
            _posting(GlAccount.RECEIVABLE, -amount_minor),
        ),
        payment_id=payment_id,
        method=PaymentMethod.BANK,
        amount=_money(amount_minor),
        allocations=(Allocation(invoice_id=invoice_id, amount=_money(amount_minor)),),
        credited=_money(0),
    )


def _booking(account_id: AccountId, on: date) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "facility": _FACILITY,
        "currency": _CURRENCY,
        "effective_on": on,
        "booked_on": on,
    }


def _totals() -> dict[str, Any]:
    return {
        "line_count": CHARGES_PER_VISIT,
        "net": _money(CHARGES_PER_VISIT * _NET_MINOR),
        "tax": _money(CHARGES_PER_VISIT * _TAX_MINOR),
        "total": _money(CHARGES_PER_VISIT * _TOTAL_MINOR),
    }


def _posting(gl_account: GlAccount, amount_minor: int) -> Posting:
    return Posting(gl_account=gl_account, amount_minor=amount_minor)


def _money(minor: int) -> Money:
    return Money.of(minor, _CURRENCY)
