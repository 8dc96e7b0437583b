"""The Merkle tree over the leaves as they should be, tile by tile against the stored ones."""

from collections.abc import Iterable, Sequence
from typing import Final

from contracts import log
from projections.statements import AnyConnection
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings

_LEAVES_PER_READ: Final = 10_000
_LEAVES_BEFORE: Final = (
    "SELECT coalesce(array_agg(leaf ORDER BY position), '{}') FROM daybook.event_log"
    " WHERE position > $1 AND position <= $2"
)
_TILES: Final = (
    "SELECT t.level, t.index, t.hashes, t.root"
    " FROM unnest($1::smallint[], $2::bigint[]) AS w (level, index)"
    " JOIN daybook.merkle_tiles t USING (level, index)"
)
_BEYOND: Final = (
    "SELECT level, index FROM daybook.merkle_tiles"
    " WHERE index >= $1::bigint >> (8 * (level + 1))"
    " ORDER BY index << (8 * (level + 1)), level LIMIT $2"
)


class Tree:
    """Grows by leaves and compares each tile that they fill."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._frontier = log.EMPTY

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """The root over everything so far."""
        return log.root(self._frontier)

    async def skip(self, connection: AnyConnection, until: int) -> None:
        """Take over the leaves up to a position as they are stored."""
        for after in range(0, until, _LEAVES_PER_READ):
            last = min(after + _LEAVES_PER_READ, until)
            await self.take(connection, await connection.fetchval(_LEAVES_BEFORE, after, last))

    async def take(
        self, connection: AnyConnection, leaves: Sequence[bytes], stops: Sequence[int] = ()
    ) -> dict[int, bytes]:
        """Add leaves and compare the tiles that they fill; the roots at the sizes `stops`, which
        lie within, in order."""
        roots: dict[int, bytes] = {}
        tiles: list[log.Tile] = []
        first = self.size
        for stop in (*stops, first + len(leaves)):
            part = leaves[self.size - first : stop - first]
            self._frontier, filled = log.append(self._frontier, part)
            tiles += filled
            if len(roots) < len(stops):
                roots[stop] = self.root
        if tiles:
            await self._compare_all(connection, tiles)
        return roots

    async def _compare_all(self, connection: AnyConnection, tiles: Sequence[log.Tile]) -> None:
        places = ([tile.level for tile in tiles], [tile.number for tile in tiles])
        rows = await connection.fetch(_TILES, *places)
        stored = {(row["level"], row["index"]): (row["hashes"], row["root"]) for row in rows}
        for tile in tiles:
            self._compare(tile, stored.get((tile.level, tile.number)))
        self._findings.checked(Check.TILES, len(tiles))

    def _compare(self, tile: log.Tile, stored: tuple[bytes, bytes] | None) -> None:
        level, index, hashes, root = tile
        if stored == (hashes, root):
            return
        entry = 0
        if stored is not None and stored[0] != hashes:
            pairs = enumerate(zip(log.split(hashes), log.split(stored[0]), strict=False))
            entry = next((at for at, (expected, found) in pairs if expected != found), 0)
        self._findings.add(
            Check.TILES,
            f"level {level}, tile {index}",
            # The first position that the entry covers.
            position=(((index << 8) + entry) << (8 * level)) + 1,
            expected=root.hex(),
            found=None if stored is None else stored[1].hex(),
        )

    async def finish(self, connection: AnyConnection) -> None:
        """No tile may stand beyond the end of the log."""
        rows = await connection.fetch(_BEYOND, self._frontier.size, FINDINGS_KEPT_MAX)
        self._beyond((row["level"], row["index"]) for row in rows)

    def _beyond(self, tiles: Iterable[tuple[int, int]]) -> None:
        for level, index in tiles:
            what = f"level {level}, tile {index} stands beyond the end of the log"
            self._findings.add(Check.TILES, what, position=(index << (8 * (level + 1))) + 1)
