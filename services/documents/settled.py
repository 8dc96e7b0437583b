"""What settled an invoice, for people: payments and credit that still stand, and adjustments."""

from datetime import date

from contracts.adjustment import AdjustmentReason, Direction
from contracts.payment import PaymentMethod
from contracts.views import InvoiceAdjustment, InvoiceDetail
from services.documents.style import Style
from services.documents.words import Words


def paid_minor(detail: InvoiceDetail) -> int:
    """What was paid on it; of a void invoice nothing, for that is credit again."""
    return sum(part.amount.minor for part in detail.payments if not part.released)


def settled_rows(detail: InvoiceDetail, style: Style) -> tuple[tuple[str, ...], ...]:
    """Payments, credit and adjustments by date; a void is one of them."""
    words, currency = style.words, detail.invoice.total.currency
    payments = [
        (
            part.booked_on,
            _paid_by(part.method, words),
            -part.amount.minor,
        )
        for part in detail.payments
        if not part.released  # the invoice was voided: it is credit again
    ]
    adjustments = [
        (
            part.booked_on,
            f"{words.entry('billing.adjustment.applied.v1')} · {words.reason(part.reason)}",
            _raised_minor(part),
        )
        for part in detail.adjustments
        if part.reason is not AdjustmentReason.INVOICE_VOID
    ]
    adjustments += _voided_rows(detail, words)
    return tuple(
        (style.short_day(on), what, style.amount(minor, currency))
        for on, what, minor in sorted(payments + adjustments, key=lambda row: row[0])
    )


def _voided_rows(detail: InvoiceDetail, words: Words) -> list[tuple[date, str, int]]:
    """What a void took back line by line, as the one thing that it is to the customer."""
    taken = [part for part in detail.adjustments if part.reason is AdjustmentReason.INVOICE_VOID]
    if not taken:
        return []
    what, day = words.entry("billing.invoice.voided.v1"), max(part.booked_on for part in taken)
    return [(day, what, sum(map(_raised_minor, taken)))]


def _raised_minor(part: InvoiceAdjustment) -> int:
    return -part.amount.minor if part.direction is Direction.CREDIT else part.amount.minor


def adjusted_minor(detail: InvoiceDetail) -> int:
    """What adjustments took off it, void included, less what they added."""
    return -sum(map(_raised_minor, detail.adjustments))


def _paid_by(method: PaymentMethod | None, words: Words) -> str:
    if method is None:
        return words.entry("billing.credit.allocated.v1")
    return f"{words.entry('billing.payment.posted.v1')} · {words.method(method)}"
