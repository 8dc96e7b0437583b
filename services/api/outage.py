"""Postgres that is away: told apart from our own faults, so that callers know to come again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import structlog

from services.api.problems import unavailable

_AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
_log = structlog.get_logger()


@contextmanager
def outage_as_problem() -> Iterator[None]:
    """Answer 503 when Postgres is away, or when no projector has made the read models yet."""
    try:
        yield
    except _AWAY as away:
        _log.warning("database unavailable", reason=str(away))
        raise unavailable("the database is away: repeat the request") from away
    except asyncpg.InterfaceError as fault:
        if "clos" not in str(fault):
            raise
        _log.warning("database unavailable", reason=str(fault))
        raise unavailable("the database is away: repeat the request") from fault
    except asyncpg.UndefinedTableError as missing:
        _log.warning("read model missing", reason=str(missing))
        raise unavailable("the read models are not built yet: start the projector") from missing
