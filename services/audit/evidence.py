"""Which events prove something: an event, an invoice, an account's balance, all of a tenant."""

import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from contracts.ids import split_event_id
from projections.statements import AnyConnection
from services.audit.pages import Row, sql

EVENTS_AT_ONCE: Final = 500
TENANT: Final = "tenant"
_EVIDENCE: Final = sql("evidence")
_OF_INVOICE: Final = sql("streams_of_invoice")
_ID: Final = re.compile(r"\b[a-z]{3,4}_[0-7][0-9a-z]{25}\b")
_BODIES: Final = "SELECT body FROM daybook.events WHERE tenant = $1 AND stream_id = $2"
_OF_ACCOUNT: Final = (
    "SELECT stream_id FROM daybook.stream_heads WHERE tenant = $1"
    " AND (account_id = $2 OR stream_id = $2) ORDER BY stream_id"
)


class NotProvable(Exception):
    """There is no such thing, or nothing that proves it yet; the text says which."""


class Evidence(NamedTuple):
    """What is proved, and which events of the tenant do it."""

    kind: str
    subject: str
    streams: list[str] | None
    """None for all of them."""
    version: int | None = None
    """None for all of them."""


async def evidence_of(connection: AnyConnection, tenant: str, subject: str) -> Evidence:
    """The events that prove a subject: `tenant`, or the id of an invoice, an account or an event.

    Raises NotProvable.
    """
    if subject == TENANT:
        return Evidence(TENANT, tenant, None)
    if subject.startswith("acc_") and "-" not in subject:
        streams = await connection.fetch(_OF_ACCOUNT, tenant, subject)
        return Evidence("balance", subject, _known(subject, [row[0] for row in streams]))
    if subject.startswith("inv_") and "-" not in subject:
        bodies = await connection.fetch(_BODIES, tenant, subject)
        named = sorted({id_ for row in bodies for id_ in _ID.findall(row["body"].decode())})
        streams = await connection.fetch(_OF_INVOICE, tenant, subject, named)
        return Evidence("invoice", subject, _known(subject, [row[0] for row in streams]))
    try:
        stream_id, version = split_event_id(subject)
    except ValueError:
        raise NotProvable(
            f"{subject!r} is nothing to prove: name an invoice (inv_…), an account (acc_…), an"
            " event (…-1) or `tenant`"
        ) from None
    return Evidence("event", subject, [stream_id], version)


def _known(subject: str, streams: list[str]) -> list[str]:
    if not streams:
        raise NotProvable(f"the tenant has no {subject}")
    return streams


async def events_of(
    connection: AnyConnection, tenant: str, evidence: Evidence, size: int
) -> AsyncIterator[Row]:
    """The events under a checkpoint of that size, in the tenant's order; within a transaction."""
    cursor = await connection.cursor(_EVIDENCE, tenant, size, *evidence[2:])
    while rows := await cursor.fetch(EVENTS_AT_ONCE):
        for row in rows:
            yield row
