"""The post: documents are kept in the object store, then handed to whoever delivers them."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from contracts.statement import DeliveryChannel
from services.objects import object_key
from services.ports import (
    Attachment,
    Channel,
    Delivered,
    Delivery,
    Dispatch,
    NotDelivered,
    ObjectStore,
    Undeliverable,
)
from services.statements.contacts import Contact
from services.statements.letters import Letter

LINK_DAYS: Final = 60
_PDF: Final = "application/pdf"

MakeLink = Callable[[str, str, datetime], str]
"""The URL of a tenant's document that is good until an instant."""


class Kept(NamedTuple):
    """A document in the object store."""

    document: str
    content: bytes
    sha256: str


class HandedOver(NamedTuple):
    """Somebody else has it now."""

    channel: DeliveryChannel
    reference: str


class Letterbox(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to a customer; `delivery_id` makes a repeat recognisable."""

    tenant: str
    delivery_id: str
    contact: Contact
    language: str
    letter: Letter
    kept: Kept
    file_name: str


class Post:
    """Keeps and delivers; raises ObjectStoreUnreachable, ObjectStoreDenied and
    DeliveryMisconfigured."""

    def __init__(
        self, objects: ObjectStore, deliveries: Mapping[Channel, Delivery], make_link: MakeLink
    ) -> None:
        self._objects = objects
        self._deliveries = deliveries
        self._make_link = make_link

    async def keep(self, tenant: str, document: str, content: bytes) -> Kept:
        """Keep a document; the same again in the same place is the same bytes."""
        await self._objects.put(object_key(tenant, *document.split("/")), content)
        return Kept(document, content, hashlib.sha256(content).hexdigest())

    async def deliver(self, letterbox: Letterbox) -> HandedOver | Undeliverable | NotDelivered:
        """Try the customer's ways in their order; one that will never work leaves the next."""
        refused: list[Undeliverable] = []
        for channel, to in letterbox.contact.ways:
            answer = await self._deliveries[channel].deliver(self._dispatch(letterbox, channel, to))
            if isinstance(answer, Delivered):
                return HandedOver(DeliveryChannel(channel.value), answer.reference)
            if isinstance(answer, NotDelivered):
                return answer
            refused.append(answer)
        if refused:
            return refused[-1]
        return Undeliverable(
            code="NO_CONTACT",
            message="the account has neither e-mail address nor telephone number that may be used,"
            " and `print` was not asked for",
        )

    def _dispatch(self, box: Letterbox, channel: Channel, to: str) -> Dispatch:
        link = None
        if channel is not Channel.PRINT:
            until = datetime.now(UTC) + timedelta(days=LINK_DAYS)
            link = self._make_link(box.tenant, box.kept.document, until)
        attachment = Attachment(name=box.file_name, media_type=_PDF, content=box.kept.content)
        return Dispatch(
            delivery_id=box.delivery_id,
            tenant=box.tenant,
            to=to,
            name=box.contact.name or "",
            language=box.language,
            subject=box.letter.subject,
            text=box.letter.text_for(channel),
            link=link,
            attachment=None if channel is Channel.SMS else attachment,
        )
