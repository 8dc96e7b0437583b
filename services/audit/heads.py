"""Streams: versions without a gap, folded into the state that stream_heads says they have.

A stream is held in memory until it is at the version of its head; most are after one event.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from projections.recorded import Recorded
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import Row
from services.commands import DECIDERS
from services.execute.load import decode_state

Key = tuple[str, str]
"""Tenant and stream."""

_EVOLVE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    prefix: decider.evolve for prefix, decider in DECIDERS.items()
}
_LATER_FIELDS: Final = ("asked", "digest", "charge_ids", "due_days", "facility")
"""Fields of states that a release added; None in what was stored before."""
_encode_state: Final = msgspec.json.Encoder().encode
_VERSION: Final = "SELECT version FROM daybook.stream_heads WHERE tenant = $1 AND stream_id = $2"
_ORPHANS: Final = (
    "SELECT h.tenant, h.stream_id, h.version FROM daybook.stream_heads h"
    " WHERE NOT EXISTS (SELECT FROM daybook.events e WHERE e.tenant = h.tenant"
    " AND e.stream_id = h.stream_id) ORDER BY h.tenant, h.stream_id LIMIT $1"
)


class StreamHeads:
    """Folds every stream and compares it with its head once it is there."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._broken = bodies.broken
        self._open: dict[Key, tuple[int, Any, Recorded]] = {}
        self._beyond: dict[Key, tuple[Recorded, int | None]] = {}
        self._compared = 0

    def take(self, known: Known) -> None:
        """Fold the readable events of a page."""
        for recorded, row in known:
            key = (recorded.tenant, recorded.stream_id)
            if key in self._broken:
                continue
            held = self._open.pop(key, None)
            version, state = (held[0], held[1]) if held else (0, None)
            if key in self._beyond or recorded.version != version + 1:
                self._out_of_line(key, recorded, row, version)
                continue
            evolve = _EVOLVE.get(recorded.stream_id.partition("_")[0])
            try:
                state = evolve(state, recorded.event) if evolve else None
            except (AttributeError, TypeError, ValueError) as error:
                what = f"{recorded.type} is no event of such a stream: {error}"
                self._findings.at(Check.BODIES, recorded, what)
                self._broken.add(key)
                continue
            self._place(key, recorded, row, state)
        self._findings.checked(Check.VERSIONS, len(known))

    def _out_of_line(self, key: Key, recorded: Recorded, row: Row, version: int) -> None:
        head = row["head_version"]
        if key in self._beyond or (head is not None and version == 0 and recorded.version > head):
            self._beyond[key] = (recorded, head)  # its head was reached before
            return
        expected, found = str(version + 1), str(recorded.version)
        self._findings.at(Check.VERSIONS, recorded, "version", expected=expected, found=found)
        self._broken.add(key)

    def _place(self, key: Key, recorded: Recorded, row: Row, state: Any) -> None:
        head = row["head_version"]
        if head is None or recorded.version > head:
            self._beyond[key] = (recorded, head)
        elif recorded.version == head:
            self._compared += 1
            self._compare(recorded, row, state)
        else:
            self._open[key] = (recorded.version, state, recorded)

    def _compare(self, recorded: Recorded, row: Row, state: Any) -> None:
        expected, found = _encode_state(state), row["head_state"]
        if expected != found and not _same(recorded.stream_id, state, found):
            self._findings.at(
                Check.STREAM_HEADS,
                recorded,
                "state",
                expected=expected.decode(),
                found=found.decode(errors="replace"),
            )
        owner = getattr(state, "account_id", None)
        if owner != row["head_account"]:
            found = row["head_account"]
            self._findings.at(
                Check.STREAM_HEADS, recorded, "account_id", expected=owner, found=found
            )

    async def finish(self, connection: AnyConnection) -> None:
        """What is left: heads that no event reaches, and events beyond their head."""
        for recorded, head in self._beyond.values():
            self._version(recorded, head)
        for key, (_, _, recorded) in self._open.items():
            if key not in self._broken:
                self._version(recorded, await connection.fetchval(_VERSION, *key))
        await self._find_orphans(connection)

    def _version(self, recorded: Recorded, found: int | None) -> None:
        self._findings.at(
            Check.STREAM_HEADS,
            recorded,
            "version",
            expected=str(recorded.version),
            found=None if found is None else str(found),
        )

    async def _find_orphans(self, connection: AnyConnection) -> None:
        heads = await connection.fetchval("SELECT count(*) FROM daybook.stream_heads")
        self._findings.checked(Check.STREAM_HEADS, heads)
        if heads == self._compared:
            return
        for row in await connection.fetch(_ORPHANS, FINDINGS_KEPT_MAX):
            if (row["tenant"], row["stream_id"]) not in self._broken:
                self._findings.add(
                    Check.STREAM_HEADS,
                    "version",
                    tenant=row["tenant"],
                    stream_id=row["stream_id"],
                    found=str(row["version"]),
                )


def _same(stream_id: str, state: Any, stored: bytes) -> bool:
    """Whether a state that is written differently, by another release, means the same."""
    try:
        found = decode_state(stream_id, stored)
        for field in _LATER_FIELDS:
            # An older release did not keep it, and nothing rewrites a state that does not change.
            if getattr(state, field, None) is not None and getattr(found, field, None) is None:
                state = msgspec.structs.replace(state, **{field: None})
        return bool(found == state)
    except (msgspec.MsgspecError, KeyError):
        return False
