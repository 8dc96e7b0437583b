"""What every event has: its body's base shapes and the metadata stored beside the body."""

from datetime import date
from functools import cache
from typing import Annotated, TypeGuard

import msgspec
from msgspec import Meta

from contracts.ids import AccountId
from contracts.ledger import Posting
from contracts.money import Currency

BODY_BYTES_MAX = 512 * 1024


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of the billing ledger."""


class AccountEvent(Event, frozen=True, kw_only=True):
    """A fact about an account, decided under its lock; the account's version counts it."""

    account_id: AccountId


class Posted(AccountEvent, frozen=True, kw_only=True):
    """A fact that books: its postings are one transaction, which sums to zero."""

    facility: str
    currency: Currency
    effective_on: Annotated[date, Meta(description="the service date: when it counts")]
    booked_on: Annotated[date, Meta(description="the posting date, local to the facility")]
    postings: tuple[Posting, ...] = ()


@cache
def _is_of_account(shape: type[Event]) -> bool:
    return issubclass(shape, AccountEvent)


def is_of_account(event: Event) -> TypeGuard[AccountEvent]:
    """Whether an event is an account's; asked of every event, and isinstance costs a struct more
    than it looks, since its class is an abstract one."""
    return _is_of_account(type(event))


def partition_key(stream_id: str, event: Event) -> str:
    """What is kept in order on the bus: the account of an account's event, else the stream."""
    return event.account_id if is_of_account(event) else stream_id


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who caused an event and why; stored, hashed and published beside the body."""

    actor: str
    """Who: `user:<id>`, `bus:<source>`, `saga:<workflow id>` or `cli`."""
    command: str
    """The command that decided it."""
    correlation_id: str
    """The same for everything that one cause set off."""
    causation_id: str | None = None
    """The event or message that led to it."""
    traceparent: str | None = None
    """W3C trace context of the command."""
