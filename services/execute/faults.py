"""What can go wrong below a command, and whether the command or Postgres is to blame."""

from typing import Final

import asyncpg
import structlog

from services.crash_reports import report
from services.execute.envelope import Envelope, Refused

_log = structlog.get_logger()

# What Postgres says about the values it was given; everything else it says is about itself.
_ABOUT_CONTENT: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
_UNSTORABLE: Final = (asyncpg.DataError, asyncpg.ProgramLimitExceededError, UnicodeError)


class StreamMoved(Exception):
    """A stream changed between load and append: load and decide again."""


def is_away(fault: Exception) -> bool:
    """Whether a fault is about Postgres (away, read-only, full, of another release).

    Then nothing may be decided from it, above all not that a command is bad.
    """
    if isinstance(fault, (*_ABOUT_CONTENT, ValueError)):
        return False  # asyncpg's own refusal to encode a value is a ValueError, too
    return isinstance(
        fault,
        asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError | OSError,
    )


def refusal_of(envelope: Envelope, fault: Exception) -> Refused:
    """The refusal of a command that failed alone; what happened goes to the log, not to callers."""
    _log.error(
        "command failed",
        tenant=envelope.tenant,
        command=type(envelope.command).__name__,
        correlation_id=envelope.correlation_id,
        identity=envelope.identity,
        exc_info=fault,
    )
    if isinstance(fault, asyncpg.UniqueViolationError):
        if fault.constraint_name == "claims_are_taken_once":
            return Refused(code="ALREADY_EXISTS", detail="it was made before, by another command")
    elif isinstance(fault, _UNSTORABLE):
        return Refused(
            code="VALIDATION_FAILED",
            detail="the command holds a text or a number that the ledger cannot store",
        )
    traceparent = envelope.traceparent
    report(
        fault,
        code="INTERNAL",
        command=type(envelope.command).__name__,
        trace_id=None if traceparent is None else traceparent.split("-")[1],
    )
    return Refused(
        code="INTERNAL", detail=f"the command could not be executed: {type(fault).__name__}"
    )
