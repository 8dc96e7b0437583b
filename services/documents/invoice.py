"""An invoice on paper: its lines, tax by rate, what settled it, and the slip for the rest."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from contracts.charge import ChargeCaptured
from contracts.views import (
    AccountBalance,
    InvoiceDetail,
    InvoiceLineDetail,
)
from services.documents.columns import table
from services.documents.paper import Closing, Column, Fact, Paper, Slip, Table
from services.documents.sender import Sender, letterhead
from services.documents.settled import adjusted_minor, paid_minor, settled_rows
from services.documents.slip import code_text, payment_slip
from services.documents.style import Style
from services.documents.texts import clean

_DRAFT: Final = "draft"
_VOID: Final = "void"
_PAID: Final = "paid"
_BILL: Final = "billing.bill.closed.v1"


class InvoiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What an invoice on paper is made of; `name` is open, and None where nothing opens it."""

    detail: InvoiceDetail
    charges: Mapping[str, ChargeCaptured]
    """What was charged, by charge id: unit prices and final tax rates. May lack some."""
    account: AccountBalance
    name: str | None
    sender: Sender


def invoice_paper(document: InvoiceDocument, style: Style) -> Paper:
    """The invoice in the words, digits and dates of a language."""
    words, invoice = style.words, document.detail.invoice
    status = invoice.status.value
    due = _due(document, style)
    return Paper(
        language=style.locale.language,
        region=style.locale.territory,
        direction=style.direction,
        digits=style.digits,
        page_of=style.page_of(),
        title=words.invoice,
        subject=style.foreign(invoice.number) if invoice.number else words.drafted,
        author=clean(document.sender.name),
        mark={_DRAFT: words.draft, _VOID: words.void}.get(status),
        stamp=words.paid if status == _PAID else None,
        letterhead=letterhead(document.sender, style),
        addressee_label=words.bill_to,
        addressee=(
            style.foreign(document.name) if document.name else words.account_holder,
            f"{words.patient} {style.foreign(document.account.patient_id)}",
        ),
        facts=_facts(document, style),
        due=due,
        due_note=_due_note(document, style),
        tables=_tables(document, style),
        note=_note(document, style),
        slip=_slip(document, style, due),
    )


def _facts(document: InvoiceDocument, style: Style) -> tuple[Fact, ...]:
    words, invoice = style.words, document.detail.invoice
    dates = ((words.issued_on, invoice.issued_on), (words.due_on, invoice.due_on))
    return (
        Fact(
            label=words.invoice_number,
            value=style.foreign(invoice.number) if invoice.number else words.drafted,
        ),
        *(Fact(label=label, value=style.day(on)) for label, on in dates if on is not None),
        Fact(label=words.account, value=style.figure(invoice.account_id)),
        Fact(label=words.currency, value=style.currency(invoice.total.currency)),
    )


def _note(document: InvoiceDocument, style: Style) -> str | None:
    words, invoice, released = style.words, document.detail.invoice, document.detail.released
    if invoice.status.value == _DRAFT:
        return words.draft_note
    if invoice.status.value != _VOID:
        return None
    if released is None or not released.minor:
        return words.void_note
    amount = style.money(released.minor, released.currency)
    return f"{words.void_note} {words.void_credit.format(amount=amount)}"


def _owed_minor(document: InvoiceDocument) -> int:
    invoice = document.detail.invoice
    return invoice.total.minor if invoice.status.value == _DRAFT else invoice.outstanding.minor


def _due(document: InvoiceDocument, style: Style) -> Fact:
    currency = document.detail.invoice.total.currency
    return Fact(
        label=style.words.total
        if document.detail.invoice.status.value == _DRAFT
        else style.words.amount_due,
        value=style.money(_owed_minor(document), currency),
    )


def _due_note(document: InvoiceDocument, style: Style) -> str:
    invoice = document.detail.invoice
    if invoice.status.value == _DRAFT:
        return style.words.drafted
    if invoice.outstanding.minor <= 0 or invoice.due_on is None:
        return style.words.nothing_due
    return style.words.please_pay_by.format(day=style.day(invoice.due_on))


def _tables(document: InvoiceDocument, style: Style) -> tuple[Table, ...]:
    settled = settled_rows(document.detail, style)
    lines = table(
        _line_columns(style),
        [
            *(_line_row(line, document, style) for line in document.detail.lines),
            *_bill_rows(document.detail, style),
        ],
        _closing(document, style),
    )
    if not settled:
        return (lines,)
    words = style.words
    columns = (
        Column(label=words.date, kind="date"),
        Column(label=words.description, kind="text"),
        Column(label=words.amount, kind="number"),
    )
    return lines, table(columns, settled, title=words.settled)


def _line_columns(style: Style) -> tuple[Column, ...]:
    words = style.words
    return (
        Column(label=words.service_on, kind="date"),
        Column(label=words.service, kind="text"),
        Column(label=words.quantity, kind="number"),
        Column(label=words.unit_price, kind="number"),
        Column(label=words.tax, kind="number"),
        Column(label=words.total, kind="number"),
    )


def _line_row(line: InvoiceLineDetail, document: InvoiceDocument, style: Style) -> tuple[str, ...]:
    currency, charge = line.net.currency, document.charges.get(line.charge_id)
    return (
        style.short_day(line.service_on),
        _service(line.code, charge.modifiers if charge else (), style),
        style.count(line.quantity),
        style.amount(charge.unit_price.minor, currency) if charge else "",
        style.amount(line.tax.minor, currency),
        style.amount(line.net.minor + line.tax.minor, currency),
    )


def _bill_rows(detail: InvoiceDetail, style: Style) -> Iterator[tuple[str, ...]]:
    """A bill in one line, with the count of its items: 50,000 of them are no letter."""
    bill, invoice = detail.bill, detail.invoice
    if bill is not None:
        currency = invoice.total.currency
        yield (
            style.short_day(invoice.issued_on) if invoice.issued_on else "",
            f"{style.words.entry(_BILL)} {style.foreign(bill.name)}",
            style.count(bill.item_count),
            "",
            style.amount(invoice.tax.minor, currency),
            style.amount(bill.total.minor, currency),
        )


def _service(code: str, modifiers: Iterable[str], style: Style) -> str:
    return style.foreign(" · ".join((code, *modifiers)))


def _closing(document: InvoiceDocument, style: Style) -> tuple[Closing, ...]:
    words, invoice = style.words, document.detail.invoice
    currency = invoice.total.currency

    def line(label: str, minor: int, *, is_strong: bool = False) -> Closing:
        return Closing(label=label, amounts=(style.amount(minor, currency),), is_strong=is_strong)

    sums = [line(words.subtotal, invoice.net.minor), *_taxes(document, style)]
    sums.append(line(words.total, invoice.total.minor, is_strong=True))
    received_minor = paid_minor(document.detail)
    corrected_minor = adjusted_minor(document.detail)
    if received_minor:
        sums.append(line(words.payments, -received_minor))
    if corrected_minor:
        sums.append(line(words.adjustments, -corrected_minor))
    if received_minor or corrected_minor or invoice.status.value != _DRAFT:
        sums.append(line(words.amount_due, _owed_minor(document), is_strong=True))
    return tuple(sums)


def _taxes(document: InvoiceDocument, style: Style) -> list[Closing]:
    """Tax by rate where the rates are known and sum to the invoice's tax, else in one line."""
    words, invoice = style.words, document.detail.invoice
    currency = invoice.total.currency
    by_rate: dict[int, tuple[int, int]] = {}
    for detail in document.detail.lines:
        charge = document.charges.get(detail.charge_id)
        rate = charge.tax_rate_ppm if charge and charge.tax == detail.tax else -1
        base_minor, tax_minor = by_rate.get(rate, (0, 0))
        by_rate[rate] = base_minor + detail.net.minor, tax_minor + detail.tax.minor
    known = sum(tax for _, tax in by_rate.values()) == invoice.tax.minor and -1 not in by_rate
    if not known or all(rate == 0 for rate in by_rate):
        return [Closing(label=words.tax, amounts=(style.amount(invoice.tax.minor, currency),))]
    return [
        Closing(
            label=words.tax_at.format(
                rate=style.rate(rate), base=style.amount(base_minor, currency)
            ),
            amounts=(style.amount(tax_minor, currency),),
        )
        for rate, (base_minor, tax_minor) in sorted(by_rate.items())
        if rate
    ]


def _slip(document: InvoiceDocument, style: Style, due: Fact) -> Slip | None:
    invoice = document.detail.invoice
    if invoice.number is None or invoice.status.value == _VOID or invoice.outstanding.minor <= 0:
        return None
    owed = invoice.outstanding
    return payment_slip(
        document.sender,
        style,
        reference=invoice.number,
        due=due,
        due_on=invoice.due_on,
        facts=(Fact(label=style.words.account, value=style.figure(invoice.account_id)),),
        code=code_text(invoice.number, owed.amount, owed.currency, invoice.due_on),
    )
