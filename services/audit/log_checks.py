"""The checks of the log itself: its order, its leaves and tree, what was signed of it, and that
every event has its place in it.
"""

from collections.abc import AsyncIterator, Sequence

from projections.statements import AnyConnection
from services.audit.bodies import place
from services.audit.checkpoints import Checkpoints, Kept
from services.audit.findings import Check, Findings
from services.audit.hashing import HashedPage, hash_page, hashed_pages, leaf_prefix
from services.audit.log import Order
from services.audit.pages import Row, placed_until, waiting
from services.audit.placement import Placement
from services.audit.tree import Tree


class LogChecks:
    """Takes the log page by page, by its rows or all at once."""

    def __init__(
        self, findings: Findings, log_id: str, partitions: int, kept: Kept, since: int
    ) -> None:
        self.order = Order(findings, log_id, partitions, since - 1)
        self.tree = Tree(findings)
        self.checkpoints = Checkpoints(findings, log_id, kept, since)
        self.placement = Placement(findings)
        self._findings = findings
        self._prefix = leaf_prefix(log_id)
        self._since = since

    async def start(self, connection: AnyConnection) -> None:
        """Take over what lies before as it is stored."""
        await self.checkpoints.start(connection)
        if self._since > 1:
            await self.order.skip(connection)
            await self.tree.skip(connection, self._since - 1)

    async def take(self, connection: AnyConnection, rows: Sequence[Row]) -> None:
        """Check a page of events."""
        leaves = self.order.take(rows)
        await self.checkpoints.take(connection, self.tree, leaves)
        self.placement.take(rows)

    async def take_all(self, reader: AnyConnection, worker: AnyConnection) -> AsyncIterator[int]:
        """Check the whole log, and nothing that follows from it; how many events each time.

        Pages are checked at once, and row by row where one is not well.
        """
        async for page in hashed_pages(reader, self._since - 1, self._prefix):
            await self._take_page(worker, page)
            yield page["events"]
        if self._since == 1:
            async for rows in waiting(reader):
                yield len(self.placement.take_waiting(rows))
            await self.placement.finish(worker)

    async def _take_page(self, connection: AnyConnection, page: HashedPage) -> None:
        hashed = hash_page(page)
        if hashed.are_well and self.order.take_well(page):
            await self.checkpoints.take(connection, self.tree, hashed.leaves)
            self.placement.count(page["events"])
            return
        rows = await placed_until(connection, page["first"] - 1, page["last"])
        for row in rows:
            if row["type"] is None:
                missing = place(row) | {"expected": "an event"}
                self._findings.add(Check.EVENTS, "is not in events", **missing)
        await self.take(connection, rows)

    async def finish(self, connection: AnyConnection) -> None:
        """Compare where all of it ends."""
        await self.order.finish(connection)
        await self.tree.finish(connection)
        await self.checkpoints.finish(connection, self.tree.size)
