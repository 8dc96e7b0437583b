"""What migrations ask of a server before they touch it."""

from typing import Any, NamedTuple

import pytest

from services.adapters.postgres.migrate import PostgresTooOld, migrate


class Version(NamedTuple):
    major: int


class Server:
    """A connection of which only the version may be asked."""

    def get_server_version(self) -> Version:
        return Version(17)


async def test_a_postgres_that_cannot_run_the_write_path_is_refused() -> None:
    server: Any = Server()
    with pytest.raises(PostgresTooOld, match="Postgres 18 or later is needed, this is 17"):
        await migrate(server)
