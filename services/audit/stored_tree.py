"""Roots and proofs of the log as it is stored, from a few tiles: never from all of it."""

from collections import OrderedDict
from typing import Final

from contracts.log import EMPTY_ROOT, HASH_BYTES, TILE_HASHES, node, split
from contracts.proofs import (
    Span,
    Subtree,
    consistency_spans,
    inclusion_spans,
    span_root,
    subtrees,
)
from projections.statements import AnyConnection

TILES_KEPT_MAX: Final = 64
"""Each with the hashes above its own takes 40 KB of memory."""

_TILE_HEIGHT: Final = 8
_ENTRIES: Final = "SELECT daybook.tree_entries($1, $2, $3)"

Pyramid = list[list[bytes]]
"""The entries of a tile, then the hashes over each whole two of them, and so on."""


class TreeDamaged(Exception):
    """Hashes that the tree must have are not stored: restore the database from a backup."""


class StoredTree:
    """The tree over the first `size` leaves, which must be there already."""

    def __init__(self, connection: AnyConnection, size: int) -> None:
        self.size = size
        self._connection = connection
        self._tiles: OrderedDict[tuple[int, int], Pyramid] = OrderedDict()

    async def root(self) -> bytes:
        """The root, as a checkpoint signs it; raises TreeDamaged."""
        return await self._root_of(Span(0, self.size)) if self.size else EMPTY_ROOT

    async def inclusion(self, position: int) -> list[bytes]:
        """The inclusion proof of the event at a position (from 1); raises TreeDamaged, and
        ValueError when it is not in this tree."""
        return [await self._root_of(span) for span in inclusion_spans(position - 1, self.size)]

    async def consistency(self, first_size: int) -> list[bytes]:
        """The proof that this tree goes on from a smaller one; raises TreeDamaged, ValueError."""
        return [await self._root_of(span) for span in consistency_spans(first_size, self.size)]

    async def _root_of(self, span: Span) -> bytes:
        return span_root([await self._root_below(subtree) for subtree in subtrees(span)])

    async def _root_below(self, subtree: Subtree) -> bytes:
        level, within = divmod(subtree.height, _TILE_HEIGHT)
        tile, entry = divmod(subtree.number << within, TILE_HASHES)
        return (await self._tile(level, tile))[within][entry >> within]

    async def _tile(self, level: int, number: int) -> Pyramid:
        held = self._tiles.get((level, number))
        if held is None:
            held = await self._read(level, number)
            self._tiles[level, number] = held
            if len(self._tiles) > TILES_KEPT_MAX:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end((level, number))
        return held

    async def _read(self, level: int, number: int) -> Pyramid:
        first = number * TILE_HASHES
        behind = min(first + TILE_HASHES, self.size >> (_TILE_HEIGHT * level))
        entries = await self._connection.fetchval(_ENTRIES, level, first, behind) or b""
        if len(entries) != (behind - first) * HASH_BYTES:
            raise TreeDamaged(
                f"level {level} of the tree has {len(entries) // HASH_BYTES} hashes from {first}"
                f" to {behind}: restore the database, `daybook audit verify` says what is missing"
            )
        return _pyramid(split(entries))


def _pyramid(hashes: list[bytes]) -> Pyramid:
    pyramid = [hashes]
    while len(hashes) > 1:
        hashes = [node(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
        pyramid.append(hashes)
    return pyramid
