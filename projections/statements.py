"""SQL of this package: one statement or one schema a file, beside the modules that run it."""

from importlib.resources import files

from asyncpg import Connection, Pool
from asyncpg.pool import PoolConnectionProxy

AnyConnection = Connection | PoolConnectionProxy
AnyPool = Pool


def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files("projections") / "sql" / f"{name}.sql").read_text()
