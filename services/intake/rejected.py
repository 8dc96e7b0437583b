"""Rejected messages for operators: list, show, mend and retry, discard."""

import base64
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from contracts.cloudevent import CloudEvent, NotACloudEvent, from_nats
from contracts.ids import RejectionId
from contracts.private import Private
from domain.intake import DiscardIntake, RetryIntake
from services.execute.envelope import Envelope, Outcome, Refused
from services.execute.executor import Executor
from services.intake.rejecting import Kept, restore
from services.intake.sending import Producer
from services.listed import LISTED_MAX, Listed, found_by, listed
from services.sealing import find_keys, open_sealed
from services.tenant_view import tenant_view


class RejectedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected message as a list shows it."""

    rejection_id: RejectionId
    status: str
    code: str
    detail: str
    message_type: str | None
    source: str | None
    message_id: str | None
    received_at: datetime


class NoSuchRejection(LookupError):
    """There is no rejected message of that id in the tenant."""


class Forgotten(LookupError):
    """The message can no longer be opened: its subject was forgotten."""


class CannotRetry(ValueError):
    """What was given in place of the message is no CloudEvent, or the retry was refused."""


_LIST = """
    SELECT rejection_id, status, code, detail, message_type, source, message_id, received_at,
           count(*) OVER () AS found
    FROM billing_intake_rejected
    WHERE tenant = $1 AND ($2::text IS NULL OR status = $2)
        AND ($3::text IS NULL OR (received_at, rejection_id) < (
            SELECT received_at, rejection_id FROM billing_intake_rejected
            WHERE tenant = $1 AND rejection_id = $3))
    ORDER BY received_at DESC, rejection_id DESC LIMIT $4
"""
_FIND = "SELECT * FROM billing_intake_rejected WHERE tenant = $1 AND rejection_id = $2"


async def list_rejected(
    pool: asyncpg.Pool,
    tenant: str,
    *,
    status: str | None = "open",
    limit: int = LISTED_MAX,
    after: str | None = None,
) -> Listed[RejectedSummary]:
    """The newest rejected messages, or those behind one; raises NoSuchRejection.

    The pool acts as daybook_writer or daybook_reader.
    """
    async with tenant_view(pool, tenant) as connection:
        if after is not None and await connection.fetchrow(_FIND, tenant, after) is None:
            raise NoSuchRejection(f"there is no rejected message {after} in tenant {tenant}")
        rows = await connection.fetch(_LIST, tenant, status, after, limit)
    items = [_summary(row) for row in rows]
    ids = [item.rejection_id for item in items]
    return listed(items, ids, found_by(rows))


def _summary(row: asyncpg.Record) -> RejectedSummary:
    return RejectedSummary(**{name: row[name] for name in RejectedSummary.__struct_fields__})


async def open_rejected(
    pool: asyncpg.Pool, tenant: str, rejection_id: str
) -> tuple[RejectedSummary, Kept]:
    """One rejected message with what arrived; raises NoSuchRejection and Forgotten."""
    async with tenant_view(pool, tenant) as connection:
        row = await connection.fetchrow(_FIND, tenant, rejection_id)
    if row is None:
        raise NoSuchRejection(f"there is no rejected message {rejection_id} in tenant {tenant}")
    summary = _summary(row)
    keys = await find_keys(pool, tenant, [row["subject_id"]])
    content = open_sealed(keys, tenant, Private(subject=row["subject_id"], sealed=row["content"]))
    if content is None:
        raise Forgotten(f"{rejection_id} cannot be opened: its subject was forgotten")
    return summary, restore(content)


async def retry(
    executor: Executor,
    pool: asyncpg.Pool,
    producer: Producer,
    tenant: str,
    rejection_id: str,
    mended: CloudEvent | None = None,
) -> Outcome:
    """Send a rejected message again, mended or as it was, and note that; raises CannotRetry."""
    summary, kept = await open_rejected(pool, tenant, rejection_id)
    if summary.status != "open":
        raise CannotRetry(f"{rejection_id} is {summary.status} already")
    event = mended or _event(kept, rejection_id)
    # Sent before it is noted: a crash between the two repeats the sending, which does no harm.
    await producer.send([event])
    return await _note(
        executor,
        tenant,
        RetryIntake(rejection_id=summary.rejection_id, message_id=event.id),
    )


async def discard(executor: Executor, tenant: str, rejection_id: str, reason: str) -> Outcome:
    """Note that a rejected message is not needed."""
    return await _note(
        executor,
        tenant,
        DiscardIntake(rejection_id=RejectionId(rejection_id), reason=reason),
    )


def _event(kept: Kept, rejection_id: str) -> CloudEvent:
    try:
        return from_nats(kept.headers, base64.b64decode(kept.payload_base64))
    except NotACloudEvent as invalid:
        raise CannotRetry(
            f"{rejection_id} is no CloudEvent ({invalid}): give the mended one with --file"
        ) from None


async def _note(executor: Executor, tenant: str, command: Any) -> Outcome:
    outcome = await executor.execute(
        Envelope(
            tenant=tenant,
            command=command,
            actor="cli",
            correlation_id=command.rejection_id,
        )
    )
    if isinstance(outcome, Refused):
        raise CannotRetry(outcome.detail)
    return outcome
