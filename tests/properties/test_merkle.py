"""The tree by tiles against two other ways to the same root: the definition, and a library."""

import hashlib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]  # it ships no types

from contracts import log

LEAVES = tuple(
    hashlib.sha256(b"\x00" + number.to_bytes(4, "big")).digest() for number in range(2_000)
)
CACHE: dict[tuple[int, int], bytes] = {}


def by_definition(start: int, end: int) -> bytes:
    """RFC 6962, section 2.1: split at the largest power of two below the size."""
    if (start, end) not in CACHE:
        size = end - start
        if size == 1:
            return LEAVES[start]
        split = start + (1 << (size - 1).bit_length() - 1)
        left, right = by_definition(start, split), by_definition(split, end)
        CACHE[start, end] = hashlib.sha256(b"\x01" + left + right).digest()
    return CACHE[start, end]


def appended(frontier: log.Frontier, leaves: Sequence[bytes]) -> log.Frontier:
    return log.append(frontier, leaves)[0]


def test_every_size_up_to_two_thousand_has_the_root_of_the_definition() -> None:
    frontier = log.EMPTY
    for size in range(1, len(LEAVES) + 1):
        frontier = appended(frontier, [LEAVES[size - 1]])
        assert log.root(frontier) == by_definition(0, size)


def test_an_independent_library_has_the_same_root() -> None:
    tree = InmemoryTree(algorithm="sha256")
    frontier = log.EMPTY
    for size in range(1, 601):
        tree.append_entry((size - 1).to_bytes(4, "big"))
        frontier = appended(frontier, [LEAVES[size - 1]])
        if size % 17 == 0 or size in (255, 256, 257, 512, 513):
            assert log.root(frontier) == tree.get_root()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_how_leaves_are_batched_changes_nothing(batches: list[int]) -> None:
    total = min(sum(batches), len(LEAVES))
    frontier, tiles = log.EMPTY, []
    for start, end in itertools.pairwise((0, *itertools.accumulate(batches))):
        frontier, filled = log.append(frontier, LEAVES[start:end])
        tiles += filled
    at_once, tiles_at_once = log.append(log.EMPTY, LEAVES[:total])
    assert frontier == at_once
    assert sorted(tiles) == sorted(tiles_at_once)


@settings(max_examples=30)
@given(st.integers(1, 2_000))
def test_full_tiles_and_the_open_edge_hold_every_leaf_once(size: int) -> None:
    frontier, tiles = log.append(log.EMPTY, LEAVES[:size])
    bottom = b"".join(tile.hashes for tile in tiles if tile.level == 0)
    assert bottom + frontier.open_tiles[0] == b"".join(LEAVES[:size])
    for tile in tiles:
        assert tile.root == log.tree_root(log.split(tile.hashes))
        assert len(tile.hashes) == log.TILE_BYTES


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_536 + 256, 2 * 65_536 + 300])
def test_trees_of_three_levels_of_tiles_have_their_root(size: int) -> None:
    leaves = [LEAVES[number % len(LEAVES)] for number in range(size)]
    frontier, tiles = log.append(log.EMPTY, leaves)
    assert log.root(frontier) == log.tree_root(leaves)
    assert {tile.level for tile in tiles} == ({0, 1} if size >= 65_536 else {0})
    assert len(frontier.open_tiles) == log.levels_of(size)
