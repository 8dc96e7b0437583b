"""Cursors of pages: the last row's key, opaque to callers, so that a page costs what it holds.

A cursor is no secret and grants nothing: row-level security holds for whatever key it names.
"""

import base64
import binascii
from typing import Any, Final

import msgspec

LIMIT_MAX: Final = 500
POSITION_MAX: Final = 2**63 - 1  # bigint: before the first row of what comes latest first


class CursorInvalid(ValueError):
    """A cursor that no page of this query answered."""


def encode_cursor(query: str, *key: str | int) -> str:
    """The cursor behind the row with this key, good for this query only."""
    return base64.urlsafe_b64encode(msgspec.json.encode((query, *key))).decode().rstrip("=")


def decode_cursor(query: str, cursor: str, *types: type[str | int]) -> tuple[Any, ...]:
    """The key of a cursor, of these types; raises CursorInvalid."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeError, binascii.Error, msgspec.MsgspecError) as error:
        raise CursorInvalid(f"{cursor[:100]!r} is no cursor") from error
    match found:
        case [named, *key] if named == query and [type(part) for part in key] == list(types):
            if all(_storable(part) for part in key):
                return tuple(key)
    raise CursorInvalid(f"{cursor[:100]!r} is no cursor of this query")


def _storable(part: str | int) -> bool:
    """Whether Postgres takes it: no NUL in a text, no integer beyond a bigint."""
    return "\x00" not in part if isinstance(part, str) else abs(part) <= POSITION_MAX


def page_size(limit: int) -> int:
    """Rows of a page, within what one answer may hold; raises ValueError below one."""
    if limit < 1:
        raise ValueError(f"a page has at least one row, not {limit}")
    return min(limit, LIMIT_MAX)
