"""The leaves of whole pages at once: only where something is wrong is a page looked at closely.

Each event's body and metadata are hashed here, from the bytes as they are stored; what else is in
a leaf comes framed by Postgres. Measured three times as fast as row by row.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import asyncpg

from contracts.log import HASH_BYTES
from projections.statements import AnyConnection
from services.audit.pages import PAGE_BYTES, sql

PAGE_EVENTS: Final = 4_000
_HASHED: Final = sql("hashed")
_DIGEST_LENGTH: Final = struct.pack(">I", HASH_BYTES)

HashedPage = asyncpg.Record
"""The columns of sql/hashed.sql."""


class Hashed(NamedTuple):
    """What a page's stored bytes give."""

    leaves: list[bytes]
    are_well: bool
    """Every event is there, and its leaf is the one that is stored."""


def leaf_prefix(log_id: str) -> bytes:
    """What begins every leaf of a log, up to its position."""
    encoded = log_id.encode()
    return b"\x00" + struct.pack(">I", len(encoded)) + encoded + struct.pack(">I", 8)


async def hashed_pages(
    connection: AnyConnection, after: int, prefix: bytes
) -> AsyncIterator[HashedPage]:
    """The log behind a position, read one page ahead of whoever hashes it."""
    prepared = await connection.prepare(_HASHED)

    async def fetch(key: int) -> HashedPage | None:
        page = await prepared.fetchrow(key, PAGE_EVENTS, PAGE_BYTES, prefix)
        return page if page is not None and page["events"] else None

    ahead = asyncio.create_task(fetch(after))
    try:
        while (page := await ahead) is not None:
            ahead = asyncio.create_task(fetch(page["last"]))
            await asyncio.sleep(0)  # lets the query go out before the page is worked on
            yield page
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


def hash_page(page: HashedPage) -> Hashed:
    """The leaves of a page; those of one where events are missing cannot be told."""
    if page["found"] != page["events"]:
        return Hashed([], are_well=False)
    leaves = [
        sha256(
            framed
            + _DIGEST_LENGTH
            + sha256(body).digest()
            + _DIGEST_LENGTH
            + sha256(metadata).digest()
        ).digest()
        for framed, body, metadata in zip(
            _parts(page["framed"], page["framed_lengths"]),
            _parts(page["bodies"], page["body_lengths"]),
            _parts(page["metadata"], page["metadata_lengths"]),
            strict=True,
        )
    ]
    return Hashed(leaves, are_well=b"".join(leaves) == page["leaves"])


def _parts(joined: bytes, lengths: Sequence[int]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield joined[start : start + length]
        start += length
