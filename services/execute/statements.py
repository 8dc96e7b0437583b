"""This package's statements, read once, and what they run on."""

from importlib.resources import files

from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy

AnyConnection = Connection | PoolConnectionProxy
"""A connection, borrowed from a pool or not."""


def sql(name: str) -> str:
    """The text of a statement of this package."""
    return (files("services.execute") / "sql" / name).read_text()
