"""Letterheads as a tenant has set them, for a connection that acts for one tenant."""

from importlib.resources import files
from typing import Final

from projections.statements import AnyConnection
from services.documents.sender import Sender
from services.documents.words import Language

ANY: Final = "*"
_FIND: Final = (files("services") / "sql" / "letterhead.sql").read_text(encoding="utf-8")
_SET: Final = (files("services") / "sql" / "letterhead_set.sql").read_text(encoding="utf-8")


async def find_sender(connection: AnyConnection, facility: str, language: Language) -> Sender:
    """Who a facility's documents in this language come from; without a letterhead its code."""
    row = await connection.fetchrow(_FIND, facility, language)
    if row is None:
        return Sender(name=facility)
    return Sender(
        name=row["name"],
        address=tuple(row["address"]),
        phone=row["phone"],
        email=row["email"],
        tax_id=row["tax_id"],
        payment_instructions=tuple(row["payment_instructions"]),
        calendar=row["calendar"],
    )


async def set_sender(
    connection: AnyConnection, facility: str, language: Language | str, sender: Sender
) -> None:
    """Keep a letterhead, instead of the one that was kept for the same facility and language."""
    await connection.execute(
        _SET,
        facility,
        language,
        sender.name,
        list(sender.address),
        sender.phone,
        sender.email,
        sender.tax_id,
        list(sender.payment_instructions),
        sender.calendar,
    )
