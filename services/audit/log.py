"""The order: dense positions of log, tenants and partitions; each leaf from the stored bytes."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from contracts.bus import partition_of
from contracts.log import HASH_BYTES, leaf, microseconds
from projections.statements import AnyConnection
from services.audit.bodies import place
from services.audit.findings import Check, Findings
from services.audit.hashing import HashedPage
from services.audit.pages import Row

# A gap is filled up, so that what stands behind it keeps its place in the tree; but not for ever.
GAP_FILLED_MAX: Final = 1_000_000
_MISSING: Final = bytes(HASH_BYTES)
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
_partition_of: Final = lru_cache(maxsize=65_536)(partition_of)


class Order:
    """Follows the log from a position on; `take` answers the leaves that the stored bytes give."""

    def __init__(self, findings: Findings, log_id: str, partitions: int, after: int) -> None:
        self.position = after
        self._findings = findings
        self._log_id = log_id
        self._partitions = partitions
        self._sequenced_at = _BEGINNING
        self._tenants: defaultdict[str, int] = defaultdict(int)
        self._parts: defaultdict[tuple[str, int], int] = defaultdict(int)

    async def skip(self, connection: AnyConnection) -> None:
        """Take over the counts of what lies before, as it is stored."""
        rows = await connection.fetch(
            "SELECT tenant, partition, max(tenant_position) AS tenant_position,"
            " max(partition_position) AS partition_position, max(sequenced_at) AS sequenced_at"
            " FROM daybook.event_log WHERE position <= $1 GROUP BY tenant, partition",
            self.position,
        )
        for row in rows:
            tenant = row["tenant"]
            self._tenants[tenant] = max(self._tenants[tenant], row["tenant_position"])
            self._parts[tenant, row["partition"]] = row["partition_position"]
            self._sequenced_at = max(self._sequenced_at, row["sequenced_at"])

    def take(self, rows: Sequence[Row]) -> list[bytes]:
        """Check a page; a position that is missing gives a leaf of zeros."""
        leaves: list[bytes] = []
        for row in rows:
            leaves += self._gap(row)
            self._count(row)
            leaves.append(self._leaf(row))
        self._findings.checked(Check.POSITIONS, len(rows))
        self._findings.checked(Check.LEAVES, len(rows))
        return leaves

    def take_well(self, page: HashedPage) -> bool:
        """Whether positions are dense and time goes on in a page; only then is it counted."""
        events, last = page["events"], page["last"]
        if (page["first"], last) != (self.position + 1, self.position + events):
            return False
        if page["is_back"] or page["from_at"] < self._sequenced_at:
            return False
        tenants, parts = dict(self._tenants), dict(self._parts)
        for tenant, position, partition, within in zip(
            page["tenants"],
            page["tenant_positions"],
            page["partitions"],
            page["partition_positions"],
            strict=True,
        ):
            key = (tenant, partition)
            if tenants.get(tenant, 0) + 1 != position or parts.get(key, 0) + 1 != within:
                return False
            tenants[tenant], parts[key] = position, within
        self._tenants.update(tenants)
        self._parts.update(parts)
        self.position, self._sequenced_at = last, page["until_at"]
        self._findings.checked(Check.POSITIONS, events)
        self._findings.checked(Check.LEAVES, events)
        return True

    def _gap(self, row: Row) -> list[bytes]:
        position = row["position"]
        missing, self.position = position - self.position - 1, position
        if not missing:
            return []
        expected = position - missing
        self._findings.add(
            Check.POSITIONS,
            f"{missing} positions are missing" if missing > 1 else "the position is missing",
            position=expected,
            expected=str(expected),
            found=str(position),
        )
        return [_MISSING] * min(missing, GAP_FILLED_MAX)

    def _count(self, row: Row) -> None:
        tenant, partition = row["tenant"], row["partition"]
        self._next(row, "tenant_position", self._tenants[tenant] + 1)
        self._tenants[tenant] = row["tenant_position"]
        self._next(row, "partition_position", self._parts[tenant, partition] + 1)
        self._parts[tenant, partition] = row["partition_position"]
        if row["partition_key"] is not None:
            self._next(row, "partition", _partition_of(row["partition_key"], self._partitions))
        if row["sequenced_at"] < self._sequenced_at:
            self._add(row, "sequenced_at", f"{self._sequenced_at} or later", row["sequenced_at"])
        self._sequenced_at = row["sequenced_at"]

    def _next(self, row: Row, name: str, expected: int) -> None:
        if row[name] != expected:
            self._add(row, name, expected, row[name])

    def _add(self, row: Row, name: str, expected: object, found: object) -> None:
        self._findings.add(
            Check.POSITIONS, name, **place(row), expected=str(expected), found=str(found)
        )

    def _leaf(self, row: Row) -> bytes:
        if row["type"] is None:
            return bytes(row["leaf"])  # the event is gone, which is a finding of its own
        computed = leaf(
            log_id=self._log_id,
            position=row["position"],
            tenant=row["tenant"],
            tenant_position=row["tenant_position"],
            stream_id=row["stream_id"],
            version=row["version"],
            type_=row["type"],
            recorded_at_us=microseconds(row["recorded_at"]),
            body_digest=sha256(row["body"]).digest(),
            metadata_digest=sha256(row["metadata"]).digest(),
        )
        if computed != row["leaf"]:
            expected, found = computed.hex(), row["leaf"].hex()
            self._findings.add(Check.LEAVES, "leaf", **place(row), expected=expected, found=found)
        return computed

    async def finish(self, connection: AnyConnection) -> None:
        """Compare the heads with where the log ended."""
        head = await connection.fetchrow("SELECT position, sequenced_at FROM daybook.log_head")
        self._head("position", None, self.position, head["position"] if head else None)
        if head and self.position:
            self._head("sequenced_at", None, self._sequenced_at, head["sequenced_at"])
        found = {
            row["tenant"]: row
            for row in await connection.fetch(
                "SELECT tenant, tenant_position, partition_positions FROM daybook.tenant_log_heads"
            )
        }
        for tenant in sorted(found.keys() | self._tenants.keys()):
            row = found.get(tenant)
            expected = [self._parts[tenant, part] for part in range(self._partitions)]
            position = row["tenant_position"] if row else None
            self._head("tenant_position", tenant, self._tenants[tenant], position)
            if row is not None:
                self._head("partition_positions", tenant, expected, row["partition_positions"])
        self._findings.checked(Check.LOG_HEAD, 1 + len(found))

    def _head(self, name: str, tenant: str | None, expected: object, found: object) -> None:
        if expected != found:
            self._findings.add(
                Check.LOG_HEAD, name, tenant=tenant, expected=str(expected), found=str(found)
            )
