"""How customers are reached: what their account holds of that, opened at this edge."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from contracts.account import AccountContactRecorded, AccountOpened
from contracts.catalogue import decode
from contracts.private import Private
from contracts.statement import DeliveryChannel
from services.ports import Channel
from services.sealing import Keys, Unsealable, open_sealed
from services.statements.queries import sql

_CONTACTS: Final = sql("contacts")
_log = structlog.get_logger()


class Contact(NamedTuple):
    """Where documents of an account can go, what their customer prefers first."""

    name: str | None
    ways: tuple[tuple[Channel, str], ...]


async def read_accounts(connection: Any, account_ids: Sequence[str]) -> dict[str, AccountOpened]:
    """What accounts were opened with, and are reached by now, for one tenant's connection."""
    found: dict[str, AccountOpened] = {}
    for row in await connection.fetch(_CONTACTS, list(account_ids)):
        account_id, event = row["account_id"], decode(row["type"], row["body"])
        if isinstance(event, AccountOpened):
            found[account_id] = event
        elif isinstance(event, AccountContactRecorded):
            found[account_id] = with_contact(found[account_id], event)
    return found


def with_contact(opened: AccountOpened, recorded: AccountContactRecorded) -> AccountOpened:
    """An account as if it had been opened with what was recorded later."""
    return msgspec.structs.replace(
        opened, email=recorded.email, phone=recorded.phone, delivery=recorded.delivery
    )


def subjects_of(accounts: Mapping[str, AccountOpened]) -> list[str]:
    """Whose keys are needed to open what they hold."""
    return [
        private.subject
        for account in accounts.values()
        for private in (account.name, account.email, account.phone)
        if private is not None
    ]


def contact_of(
    account: AccountOpened, keys: Keys, tenant: str, allowed: Sequence[DeliveryChannel]
) -> Contact:
    """The ways that are allowed and there, in the order in which they are tried."""
    email, phone = (_text(keys, tenant, each) for each in (account.email, account.phone))
    known = {DeliveryChannel.EMAIL: email, DeliveryChannel.SMS: phone, DeliveryChannel.PRINT: ""}
    order = sorted(known, key=lambda channel: channel is not account.delivery)
    ways = [
        (Channel(channel.value), to)
        for channel in order
        if channel in allowed and (to := known[channel]) is not None
    ]
    return Contact(_text(keys, tenant, account.name), tuple(ways))


def _text(keys: Keys, tenant: str, private: Private | None) -> str | None:
    try:
        return None if private is None else open_sealed(keys, tenant, private)
    except Unsealable as unsealable:
        _log.warning("personal field does not open", tenant=tenant, reason=str(unsealable))
        return None
