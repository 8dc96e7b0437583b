"""Postgres that is away: told apart from our own faults, so that callers know to come again."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog

from services.api.problems import unavailable
from services.execute.faults import is_away

_log = structlog.get_logger()


@contextmanager
def outage_as_problem() -> Iterator[None]:
    """Answer 503 when Postgres is away, or when no projector has made the read models yet."""
    try:
        yield
    except asyncpg.UndefinedTableError as missing:
        _log.warning("read model missing", reason=str(missing))
        raise unavailable("the read models are not built yet: start the projector") from missing
    except Exception as fault:
        if not is_away(fault):
            raise
        _log.warning("database unavailable", reason=repr(fault))
        raise unavailable("the database is away: repeat the request") from fault
