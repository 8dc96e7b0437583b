"""A batch of the sequencer worked out in memory: positions, leaves, tiles and heads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import asyncpg

from contracts import log
from contracts.bus import partition_of
from contracts.ids import event_id
from relay.tree import Log, TenantHead

_partition_of: Final = lru_cache(maxsize=65_536)(partition_of)


class OutboxNamesNoEvent(Exception):
    """An outbox row names an event that `events` does not have; nothing of it can be skipped."""


class Draft(NamedTuple):
    """What is written in one transaction, and the state of the log after it."""

    frontier: log.Frontier
    heads: dict[str, TenantHead]
    outbox_rows: int
    arguments: tuple[Any, ...]
    """Of sql/sequence.sql."""


def work_out(held: Log, heads: Mapping[str, TenantHead], rows: Sequence[asyncpg.Record]) -> Draft:
    """Give the events of `rows`, which come from sql/take.sql, the next positions.

    `heads` has every tenant of the batch. Raises OutboxNamesNoEvent.
    """
    counters = {tenant: _Counter(heads[tenant]) for tenant in {row["tenant"] for row in rows}}
    events = [
        _place(held, counters, position, row)
        for position, row in enumerate(rows, held.frontier.size + 1)
    ]
    frontier, tiles = log.append(held.frontier, [event[-1] for event in events])
    after = {tenant: counter.head() for tenant, counter in counters.items()}
    outbox_ids = list({row["id"] for row in rows})
    return Draft(
        frontier=frontier,
        heads=after,
        outbox_rows=len(outbox_ids),
        arguments=(
            held.frontier.size,
            *zip(*events, strict=True),
            *(tuple(zip(*tiles, strict=True)) or ((), (), (), ())),
            list(after),
            [head.position for head in after.values()],
            [_array(head.partition_positions) for head in after.values()],
            outbox_ids,
        ),
    )


def _place(
    held: Log, counters: Mapping[str, "_Counter"], position: int, row: asyncpg.Record
) -> tuple[str, int, int, int, str, int, datetime, bytes]:
    """The columns of an event in event_log, the leaf last."""
    outbox_id, committed_at, tenant, stream_id, version, type_, key, *hashed = row
    if type_ is None:
        named = event_id(stream_id, version)
        raise OutboxNamesNoEvent(f"row {outbox_id}: event {named} of tenant {tenant}")
    recorded_at_us, body_digest, metadata_digest = hashed
    counter = counters[tenant]
    partition = _partition_of(key, held.partitions)
    counter.position += 1
    counter.partition_positions[partition] += 1
    leaf = log.leaf(
        log_id=held.log_id,
        position=position,
        tenant=tenant,
        tenant_position=counter.position,
        stream_id=stream_id,
        version=version,
        type_=type_,
        recorded_at_us=recorded_at_us,
        body_digest=body_digest,
        metadata_digest=metadata_digest,
    )
    within = counter.partition_positions[partition]
    return tenant, counter.position, partition, within, stream_id, version, committed_at, leaf


class _Counter:
    """A tenant's dense positions while a batch counts them up."""

    __slots__ = ("partition_positions", "position")

    def __init__(self, head: TenantHead) -> None:
        self.position = head.position
        self.partition_positions = list(head.partition_positions)

    def head(self) -> TenantHead:
        return TenantHead(self.position, tuple(self.partition_positions))


def _array(values: Sequence[int]) -> str:
    # unnest() flattens arrays of arrays, so each goes as the text of one.
    return f"{{{','.join(map(str, values))}}}"
