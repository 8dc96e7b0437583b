"""Who sends a document: the letterhead of a facility, and how it wants to be paid."""

import msgspec

from services.documents.paper import Letterhead
from services.documents.style import Calendar, Style


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A letterhead as it is kept; without one the facility's code stands alone."""

    name: str
    address: tuple[str, ...] = ()
    phone: str | None = None
    email: str | None = None
    tax_id: str | None = None
    payment_instructions: tuple[str, ...] = ()
    calendar: Calendar = "gregorian"


def letterhead(sender: Sender, style: Style) -> Letterhead:
    """The sender as the head and the foot of a page have it."""
    words = style.words
    contact = ((words.phone, sender.phone), (words.email, sender.email))
    numbered = (*contact, (words.tax_id, sender.tax_id))
    return Letterhead(
        name=style.foreign(sender.name),
        lines=tuple(map(style.foreign, sender.address)),
        contact=tuple(f"{label} {style.foreign(value)}" for label, value in numbered if value),
    )
