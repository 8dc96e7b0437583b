"""A reminder of an invoice: set, kept, and handed to whoever delivers it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg

from contracts.account import AccountOpened
from contracts.statement import DeliveryChannel
from services.documents.invoice import InvoiceDocument
from services.documents.rendering import PaperTooLong, Render, RendererBusy, render_invoice
from services.documents.sender import Sender
from services.documents.style import Style, choose_style
from services.letterheads import find_sender
from services.ports import NotDelivered, Undeliverable
from services.printing import InvoiceParts, find_invoice_parts
from services.sealing import find_keys
from services.statements.collections import Overdue
from services.statements.contacts import Contact, contact_of, read_accounts, subjects_of
from services.statements.letters import Told, reminder_letter
from services.statements.post import LINK_DAYS, HandedOver, Kept, Letterbox, Post
from services.tenant_view import tenant_view

_ANY: Final = tuple(DeliveryChannel)
"""A reminder goes whatever way there is; paper there always is."""


class NotReminded(Exception):
    """The customer was not reminded; the text says why."""


class _Found(NamedTuple):
    parts: InvoiceParts
    style: Style
    sender: Sender
    contact: Contact


class Reminding:
    """Reminds customers; the pool acts as daybook_reader."""

    def __init__(self, reader: asyncpg.Pool, render: Render, post: Post) -> None:
        self._reader = reader
        self._render = render
        self._post = post

    async def remind(self, tenant: str, overdue: Overdue, day: int) -> HandedOver:
        """Send the reminder of a day of the schedule; raises NotReminded and what the post does."""
        found = await self._find(tenant, overdue)
        document = InvoiceDocument(
            detail=found.parts.detail,
            charges=found.parts.charges,
            account=found.parts.account,
            name=found.contact.name,
            sender=found.sender,
        )
        try:
            content = await render_invoice(self._render, document, found.style)
        except (PaperTooLong, RendererBusy) as wrong:
            raise NotReminded(str(wrong)) from wrong
        place = f"invoices/{overdue.invoice_id}/reminder-{day}.pdf"
        kept = await self._post.keep(tenant, place, content)
        answer = await self._post.deliver(_letterbox(tenant, overdue, day, found, kept))
        if isinstance(answer, NotDelivered):
            raise NotReminded(answer.reason)
        if isinstance(answer, Undeliverable):
            raise NotReminded(f"{answer.code}: {answer.message}")
        return answer

    async def _find(self, tenant: str, overdue: Overdue) -> _Found:
        async with tenant_view(self._reader, tenant) as connection:
            parts = await find_invoice_parts(connection, overdue.invoice_id)
            accounts = await read_accounts(connection, [overdue.account_id])
            if parts is None:
                raise NotReminded("the read models do not show the invoice yet")
            style, sender = await _dress(connection, parts)
        account: AccountOpened = accounts[overdue.account_id]
        keys = await find_keys(self._reader, tenant, subjects_of(accounts))
        return _Found(parts, style, sender, contact_of(account, keys, tenant, _ANY))


async def _dress(connection: Any, parts: InvoiceParts) -> tuple[Style, Sender]:
    wanted = (parts.account.language,)
    language = choose_style(wanted).style.language
    sender = await find_sender(connection, parts.detail.invoice.facility, language)
    return choose_style(wanted, sender.calendar).style, sender


def delivery_id(invoice_id: str, day: int) -> str:
    """The name of a reminder, which a repeat bears too."""
    return f"{invoice_id}-{day}"


def _letterbox(tenant: str, overdue: Overdue, day: int, found: _Found, kept: Kept) -> Letterbox:
    invoice = found.parts.detail.invoice
    told = Told(
        sender=found.sender.name,
        name=found.contact.name,
        on=invoice.due_on or datetime.now(UTC).date(),
        amount_minor=overdue.outstanding_minor,
        currency=found.parts.account.currency,
        until=(datetime.now(UTC) + timedelta(days=LINK_DAYS)).date(),
        number=invoice.number or "",
    )
    return Letterbox(
        tenant=tenant,
        delivery_id=delivery_id(overdue.invoice_id, day),
        contact=found.contact,
        language=found.style.tag,
        letter=reminder_letter(found.style, told),
        kept=kept,
        file_name=f"{invoice.number}.pdf",
    )
