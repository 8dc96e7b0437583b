"""Decodes each event once, for every check that needs to know what happened."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from contracts.catalogue import UnknownEventType, decode
from contracts.event import Event, Metadata, partition_key
from projections.recorded import Recorded, Undecodable
from services.audit.findings import Check, Findings
from services.audit.pages import Row

Known = list[tuple[Recorded, Row]]
"""The events of a page that can be read, each with what is kept of it."""

_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


class Bodies:
    """Decodes; `broken` has the streams and accounts (with their tenant) of which an event is
    missing or unreadable, so that what follows from it can be told from damage of its own."""

    def __init__(self, findings: Findings) -> None:
        self.broken: set[tuple[str, str]] = set()
        self.seen = 0
        self._findings = findings

    def take(self, rows: Iterable[Row]) -> tuple[list[Recorded], Known]:
        """The events of a page in order: all that are there, and those that are readable."""
        everything: list[Recorded] = []
        known: Known = []
        for row in rows:
            recorded = self._decoded(row)
            if recorded is None:
                continue
            everything.append(recorded)
            if not isinstance(recorded.event, Undecodable):
                known.append((recorded, row))
        self._findings.checked(Check.BODIES, len(everything))
        self.seen += len(everything)
        return everything, known

    def _decoded(self, row: Row) -> Recorded | None:
        tenant, stream_id, version = row["tenant"], row["stream_id"], row["version"]
        type_, key = row["type"], row["partition_key"]
        if type_ is None:
            self.broken.add((tenant, stream_id))
            self._add(row, Check.EVENTS, "is not in events", expected="an event")
            return None
        event = self._event(row, type_)
        if isinstance(event, Undecodable):
            self.broken |= {(tenant, stream_id), (tenant, key)}
        elif key != (owner := partition_key(stream_id, event)):
            self._add(row, Check.BODIES, "partition_key", expected=owner, found=key)
        position, recorded_at = row["position"] or 0, row["recorded_at"]
        return Recorded(position, tenant, stream_id, version, key, type_, recorded_at, event)

    def _event(self, row: Row, type_: str) -> Event:
        problem = _metadata_problem(row["metadata"])
        if problem is not None:
            self._add(row, Check.BODIES, problem)
        try:
            return decode(type_, row["body"])
        except UnknownEventType as error:
            reason = str(error)
        except (msgspec.MsgspecError, ValueError) as error:  # UnicodeDecodeError is the latter
            reason = f"the body is no {type_}: {error}"
        self._add(row, Check.BODIES, reason)
        return Undecodable(reason=reason)

    def _add(self, row: Row, check: Check, what: str, **values: str) -> None:
        self._findings.add(check, what, **place(row), **values)


def _metadata_problem(metadata: bytes) -> str | None:
    found = _metadata(metadata)
    return found if isinstance(found, str) else None


def metadata_of(metadata: bytes) -> Metadata | None:
    """Who caused an event and why; None when it is unreadable, which is a finding already."""
    found = _metadata(metadata)
    return None if isinstance(found, str) else found


@lru_cache(maxsize=4_096)  # a page's, and the events of a command have the same
def _metadata(metadata: bytes) -> Metadata | str:
    try:
        return _decode_metadata(metadata)
    except (msgspec.MsgspecError, ValueError) as error:
        return f"unreadable metadata: {error}"


def place(row: Row) -> dict[str, str | int | None]:
    """Where an event is, for a finding."""
    return {name: row[name] for name in ("position", "tenant", "stream_id", "version")}
