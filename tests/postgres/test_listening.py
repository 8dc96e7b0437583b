"""A connection that listens, and breaks."""

import asyncpg

from relay.database import listening
from tests.fixtures.databases import Database
from tests.fixtures.waiting import until


async def test_a_connection_that_broke_while_it_listened_goes_back_without_a_word(
    database: Database,
) -> None:
    pool, admin = await database.pool("daybook_writer"), await database.admin()

    async def is_broken() -> bool:
        try:
            return connection.is_closed()
        except asyncpg.InterfaceError:
            return True  # it has left its pool

    async with (
        pool.acquire() as connection,
        listening(connection, "a_channel", lambda *_: None),
    ):
        await admin.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        await until(is_broken)
    async with pool.acquire() as another:
        assert await another.fetchval("SELECT 1") == 1


async def test_who_stops_listening_hears_no_more(database: Database) -> None:
    pool, heard = await database.pool("daybook_writer"), list[str]()

    async def has_heard() -> bool:
        return bool(heard)

    async with pool.acquire() as connection:
        async with listening(connection, "a_channel", lambda *said: heard.append(str(said[-1]))):
            await connection.execute("NOTIFY a_channel, 'one'")
            await until(has_heard)
        await connection.execute("NOTIFY a_channel, 'two'")
        assert await connection.fetchval("SELECT 1") == 1
    assert heard == ["one"]
