"""What a batch of events means: which workflows start, with which streams, and which are woken."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from contracts.catalogue import decode
from services.feeding import Noted
from services.sagas import workflow_ids
from services.sagas.table import ALSO, TABLE, Saga, Signal, Start
from services.sagas.waits import Wait

STREAMS_PER_WORKFLOW_MAX: Final = 100
# Long encounters share a workflow with fewer others.
BYTES_PER_WORKFLOW_MAX: Final = 512 * 1024


class Happening(NamedTuple):
    """Something that workflows may wait for, by any of its names."""

    tenant: str
    stream_id: str
    keys: tuple[str, ...]
    meaning: Signal


class Target(NamedTuple):
    """A workflow to be signalled; no id where nobody waits."""

    tenant: str
    workflow_id: str
    signal: str


def starts(
    events: Sequence[Noted], streams_max: int = STREAMS_PER_WORKFLOW_MAX
) -> Iterator[tuple[Saga, str, str, list[str]]]:
    """What is to be started: saga, tenant, workflow id and the streams that share it."""
    together: dict[tuple[Saga, str], list[Noted]] = defaultdict(list)
    alone: dict[tuple[Saga, str, str], None] = {}
    for event in events:
        for meaning in (TABLE[event.type], ALSO.get(event.type)):
            if isinstance(meaning, Start) and meaning.key is not None:
                key = meaning.key(decode(event.type, event.body))
                alone[meaning.saga, event.tenant, key] = None
            elif isinstance(meaning, Start):
                together[meaning.saga, event.tenant].append(event)
    for saga, tenant, key in alone:
        yield saga, tenant, workflow_ids.of_one(saga.kind, tenant, key), [key]
    for (saga, tenant), all_of_them in together.items():
        for some in _parts(all_of_them, 1 if saga.alone else streams_max):
            yield saga, tenant, _workflow_id(saga, some), [event.stream_id for event in some]


def _workflow_id(saga: Saga, events: Sequence[Noted]) -> str:
    first, last = events[0], events[-1]
    if len(events) == 1:
        return workflow_ids.of_one(saga.kind, first.tenant, first.stream_id)
    return workflow_ids.of_batch(saga.kind, first.tenant, first.position, last.position)


def _parts(events: Sequence[Noted], streams_max: int) -> Iterator[list[Noted]]:
    part: list[Noted] = []
    size_bytes = 0
    for event in events:
        size_bytes += len(event.body)
        full = len(part) == streams_max or size_bytes > BYTES_PER_WORKFLOW_MAX
        if part and full:
            yield part
            part, size_bytes = [], len(event.body)
        part.append(event)
    if part:
        yield part


def happenings(events: Sequence[Noted]) -> Iterator[Happening]:
    """The events that workflows may wait for."""
    for event in events:
        meaning = TABLE[event.type]
        if isinstance(meaning, Signal):
            happened = decode(event.type, event.body)
            keys = meaning.keys(event.stream_id, happened)
            named = event.stream_id if meaning.key is None else meaning.key(happened)
            yield Happening(event.tenant, named, keys, meaning)


def signals_of(
    happened: Sequence[Happening], waiting: Sequence[Wait]
) -> dict[Target, list[Happening]]:
    """Each workflow is signalled once for all that it waits for."""
    waiters: dict[tuple[str, str], list[str]] = defaultdict(list)
    for wait in waiting:
        waiters[wait.tenant, wait.awaits].append(wait.workflow_id)
    signals: dict[Target, list[Happening]] = defaultdict(list)
    for each in happened:
        found = {name for key in each.keys for name in waiters.get((each.tenant, key), ())}
        for workflow_id in sorted(found) or [""]:
            signals[Target(each.tenant, workflow_id, each.meaning.signal)].append(each)
    return dict(signals)
