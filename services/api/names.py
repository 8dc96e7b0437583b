"""Personal fields at this edge: opened for whoever may read them, absent where they cannot be."""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from contracts.private import Private
from services.api.outage import outage_as_problem
from services.sealing import Keys, Unsealable, find_keys, make_keys, open_sealed, seal

_AT_ONCE: Final = 200
"""How many are opened before others are answered: a bill may have 50,000."""
_log = structlog.get_logger()


async def sealed(pool: asyncpg.Pool, tenant: str, subject: str, text: str | None) -> Private | None:
    """A personal field under its subject's key, which is made when there is none."""
    if text is None:
        return None
    with outage_as_problem():
        keys = await make_keys(pool, tenant, [subject])
    return seal(keys, tenant, subject, text)


async def opened(
    pool: asyncpg.Pool, tenant: str, privates: Sequence[Private | None]
) -> list[str | None]:
    """The texts of personal fields in their order; None for one that nothing opens any more."""
    subjects = [private.subject for private in privates if private is not None]
    if not subjects:
        return [None] * len(privates)
    with outage_as_problem():
        keys = await find_keys(pool, tenant, subjects)
    return await open_all(keys, tenant, privates)


async def open_all(keys: Keys, tenant: str, privates: Sequence[Private | None]) -> list[str | None]:
    """The same with keys that were read already."""
    texts: list[str | None] = []
    for at in range(0, len(privates), _AT_ONCE):
        if at:
            await asyncio.sleep(0)
        part = privates[at : at + _AT_ONCE]
        texts += [None if private is None else _text(keys, tenant, private) for private in part]
    return texts


def _text(keys: Keys, tenant: str, private: Private) -> str | None:
    try:
        return open_sealed(keys, tenant, private)
    except Unsealable as unsealable:
        # A forgotten subject that came back has a new key, which does not open the old fields.
        # One field that does not open must not take a page of others along.
        _log.warning("personal field does not open", reason=str(unsealable))
        return None
