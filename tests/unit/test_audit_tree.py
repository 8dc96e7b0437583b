"""Tiles of every level of the Merkle tree are compared, also those that only a long log has."""

from hashlib import sha256
from typing import Any

import pytest

from contracts import log
from services.audit.findings import Check, Findings
from services.audit.tree import Tree

TILE = 256
PAGE = 8_192
LEAVES = [sha256(number.to_bytes(4)).digest() for number in range(TILE * TILE)]


class Stored:
    """The table merkle_tiles, as the statement of `Tree` asks it."""

    def __init__(self, tiles: list[log.Tile]) -> None:
        self.tiles = {(tile.level, tile.number): (tile.hashes, tile.root) for tile in tiles}

    async def fetch(self, _statement: str, levels: list[int], indexes: list[int]) -> Any:
        return [
            dict(zip(("level", "index", "hashes", "root"), (*at, *self.tiles[at]), strict=True))
            for at in zip(levels, indexes, strict=True)
            if at in self.tiles
        ]


@pytest.fixture(scope="module")
def tiles() -> list[log.Tile]:
    _, tiles = log.append(log.EMPTY, LEAVES)
    return list(tiles)


async def audited(stored: Stored) -> tuple[Findings, Tree]:
    findings = Findings(Check)
    tree = Tree(findings)
    connection: Any = stored
    for first in range(0, len(LEAVES), PAGE):
        await tree.take(connection, LEAVES[first : first + PAGE])
    return findings, tree


async def test_a_long_tree_that_is_whole_is_well(tiles: list[log.Tile]) -> None:
    findings, tree = await audited(Stored(tiles))
    assert findings.ordered() == ()
    checked = {count.check: count.checked for count in findings.counts()}
    assert checked[Check.TILES] == TILE + 1
    assert tree.root == log.tree_root(LEAVES)


async def test_a_changed_hash_of_a_tile_above_the_lowest_is_found(tiles: list[log.Tile]) -> None:
    stored = Stored(tiles)
    hashes, root = stored.tiles[1, 0]
    changed = 3 * log.HASH_BYTES
    stored.tiles[1, 0] = (
        hashes[:changed] + bytes([hashes[changed] ^ 1]) + hashes[changed + 1 :],
        root,
    )
    (finding,) = (await audited(stored))[0].ordered()
    first_covered = 3 * TILE + 1
    assert (finding.what, finding.position) == ("level 1, tile 0", first_covered)


async def test_a_missing_tile_above_the_lowest_is_found(tiles: list[log.Tile]) -> None:
    stored = Stored(tiles)
    del stored.tiles[1, 0]
    (finding,) = (await audited(stored))[0].ordered()
    assert (finding.what, finding.position, finding.found) == ("level 1, tile 0", 1, None)


async def test_a_changed_root_of_a_tile_above_the_lowest_is_found(tiles: list[log.Tile]) -> None:
    stored = Stored(tiles)
    stored.tiles[1, 0] = (stored.tiles[1, 0][0], bytes(log.HASH_BYTES))
    (finding,) = (await audited(stored))[0].ordered()
    assert (finding.what, finding.found) == ("level 1, tile 0", "0" * 2 * log.HASH_BYTES)
