"""The payment slip: what is due, by when, to whom, and the reference to type or to scan."""

from datetime import date
from typing import Final

import segno

from services.documents.paper import Fact, Slip
from services.documents.sender import Sender
from services.documents.style import Style

# Readers take every mask; looking for the best of eight takes 5 ms, half of a short document's
# Python.
_MASK: Final = 2


def payment_slip(
    sender: Sender,
    style: Style,
    *,
    reference: str,
    due: Fact,
    due_on: date | None,
    facts: tuple[Fact, ...],
    code: str,
) -> Slip:
    """The slip of a document; `code` is what its QR code says."""
    words = style.words
    by = () if due_on is None else (Fact(label=words.due_on, value=style.day(due_on)),)
    return Slip(
        title=words.slip,
        cut=words.slip_cut,
        payee=(style.foreign(sender.name), *map(style.foreign, sender.payment_instructions)),
        facts=(Fact(label=words.reference, value=style.foreign(reference)), *facts, *by),
        due=due,
        code=qr_code(code),
        code_label=words.scan,
    )


def code_text(reference: str, amount: str, currency: str, due_on: date | None) -> str:
    """What a QR code says: reference, amount, currency and due date (ISO 8601), by `|`."""
    return "|".join((reference, amount, currency, "" if due_on is None else due_on.isoformat()))


def qr_code(text: str) -> tuple[str, ...]:
    """A QR code (ISO/IEC 18004, error level M): a string a row, 1 is dark."""
    rows = segno.make(text, error="m", micro=False, mask=_MASK).matrix
    return tuple("".join(map(str, row)) for row in rows)
