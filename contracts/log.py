"""The verifiable log: how an event becomes a leaf, and leaves become a tree of tiles.

The tree is that of RFC 6962, section 2.1, with SHA-256, in the tiles of 256 hashes of tlog-tiles
(https://c2sp.org/tlog-tiles); leaf i of the tree (from 0) is the event at position i + 1.

A leaf is SHA-256(0x00 || fields), where the fields stand in this order, each after its length in
bytes as an unsigned 32-bit integer; all integers are big-endian:

    log id            UTF-8                       `log_` and a TypeID, the same for the whole log
    position          64-bit two's complement     dense over the log, from 1
    tenant            UTF-8
    tenant position   64-bit two's complement     dense over the tenant, from 1
    stream id         UTF-8
    version           64-bit two's complement     dense over the stream, from 1
    type              UTF-8                       such as billing.charge.captured.v1
    recorded_at       64-bit two's complement     microseconds since 1970-01-01T00:00:00Z
    body digest       32 bytes                    SHA-256 of the body as stored and published
    metadata digest   32 bytes                    SHA-256 of the metadata as stored
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
TILE_HASHES: Final = 256
TILE_BYTES: Final = HASH_BYTES * TILE_HASHES
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_sha256: Final = hashlib.sha256
_length: Final = struct.Struct(">I").pack
_integer: Final = struct.Struct(">Iq").pack
_DIGEST_LENGTH: Final = _length(HASH_BYTES)


def leaf(
    *,
    log_id: str,
    position: int,
    tenant: str,
    tenant_position: int,
    stream_id: str,
    version: int,
    type_: str,
    recorded_at_us: int,
    body_digest: bytes,
    metadata_digest: bytes,
) -> bytes:
    """The leaf of an event, as the head of this module says; 32 bytes."""
    return _sha256(
        b"".join(
            (
                b"\x00",
                _text(log_id),
                _integer(8, position),
                _text(tenant),
                _integer(8, tenant_position),
                _text(stream_id),
                _integer(8, version),
                _text(type_),
                _integer(8, recorded_at_us),
                _DIGEST_LENGTH,
                body_digest,
                _DIGEST_LENGTH,
                metadata_digest,
            )
        )
    ).digest()


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _length(len(encoded)) + encoded


def microseconds(instant: datetime) -> int:
    """An instant as the leaf holds it: whole microseconds since 1970-01-01T00:00:00Z."""
    return (instant - _EPOCH) // _MICROSECOND


def node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return _sha256(b"\x01" + left + right).digest()


class Tile(NamedTuple):
    """256 hashes of one level; `root`, the hash over them, is entry `number` of the level above."""

    level: int
    number: int
    hashes: bytes
    root: bytes


class Frontier(NamedTuple):
    """The right edge of a tree of `size` leaves: per level the hashes of the tile still open."""

    size: int
    open_tiles: tuple[bytes, ...]


EMPTY: Final = Frontier(0, ())


def append(frontier: Frontier, leaves: Iterable[bytes]) -> tuple[Frontier, list[Tile]]:
    """The edge after more leaves, and the tiles that they filled, lower levels first."""
    hashes = b"".join(leaves)
    size = frontier.size + len(hashes) // HASH_BYTES
    filled: list[Tile] = []
    open_tiles: list[bytes] = []
    below = frontier.size
    for level in range(max(len(frontier.open_tiles), levels_of(size))):
        edge = frontier.open_tiles[level] if level < len(frontier.open_tiles) else b""
        rest, tiles = _fill(level, below // TILE_HASHES, edge + hashes)
        open_tiles.append(rest)
        filled.extend(tiles)
        hashes = b"".join(tile.root for tile in tiles)
        below //= TILE_HASHES
    return Frontier(size, tuple(open_tiles)), filled


def levels_of(size: int) -> int:
    """How many levels of tiles a tree of this size has, the open ones included."""
    levels = 0
    while size:
        levels += 1
        size //= TILE_HASHES
    return levels


def _fill(level: int, index: int, hashes: bytes) -> tuple[bytes, list[Tile]]:
    tiles: list[Tile] = []
    start = 0
    while len(hashes) - start >= TILE_BYTES:
        content = hashes[start : start + TILE_BYTES]
        tiles.append(Tile(level, index + len(tiles), content, tree_root(split(content))))
        start += TILE_BYTES
    return hashes[start:], tiles


def split(hashes: bytes) -> list[bytes]:
    """The single hashes of a tile."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves, or over the roots of subtrees of equal full size, from the left.

    Pairs are joined level by level and an odd one out moves up as it is, which gives the tree of
    RFC 6962: its splits are at the largest power of two.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        joined = [node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            joined.append(level[-1])
        level = joined
    return level[0]


def root(frontier: Frontier) -> bytes:
    """The root of the whole tree: what a checkpoint signs."""
    carried: bytes | None = None
    for edge in frontier.open_tiles:
        # The tree over a level's open tile is completed by what lower levels left over: the
        # leftover stands right of everything above it and is smaller than one entry of it.
        hashes = split(edge) if carried is None else [*split(edge), carried]
        if hashes:
            carried = tree_root(hashes)
    return EMPTY_ROOT if carried is None else carried
