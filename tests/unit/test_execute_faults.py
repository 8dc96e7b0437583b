"""Whose fault it is: the command's, or the database's."""

import asyncpg
import pytest
from asyncpg.exceptions import _base
from structlog.testing import capture_logs

from services.execute.envelope import Refused, is_kept
from services.execute.faults import is_away, refusal_of
from tests.fixtures.write_path import capture, envelope


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("unknown protocol state"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.TooManyConnectionsError("too many clients"),
        asyncpg.DiskFullError("no space left"),
        asyncpg.OutOfMemoryError("out of shared memory"),
        asyncpg.ReadOnlySQLTransactionError("read-only"),
        asyncpg.InvalidPasswordError("password"),
        asyncpg.InsufficientPrivilegeError("permission denied"),
        asyncpg.UndefinedTableError("relation does not exist"),
        asyncpg.IndexCorruptedError("corrupted"),
        asyncpg.PostgresIOError("could not read block"),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_what_postgres_says_about_itself_is_no_commands_fault(fault: Exception) -> None:
    assert is_away(fault)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (asyncpg.CharacterNotInRepertoireError("0x00"), "VALIDATION_FAILED"),
        (asyncpg.NumericValueOutOfRangeError("out of range"), "VALIDATION_FAILED"),
        (asyncpg.ProgramLimitExceededError("index row size"), "VALIDATION_FAILED"),
        (
            UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
            "VALIDATION_FAILED",
        ),
        (asyncpg.CheckViolationError("does not sum to zero"), "INTERNAL"),
        (asyncpg.UniqueViolationError("duplicate key"), "INTERNAL"),
        (_base.DataError("invalid input for query argument $1"), "INTERNAL"),
        (ZeroDivisionError(), "INTERNAL"),
        (KeyError("counter"), "INTERNAL"),
    ],
)
def test_what_it_says_about_values_is_their_commands(fault: Exception, code: str) -> None:
    assert not is_away(fault)
    with capture_logs() as logs:
        refused = refusal_of(envelope(capture()), fault)
    assert (refused.code, refused.transient) == (code, False)
    assert [log["exc_info"] for log in logs] == [fault]
    # What happened stays in the log.
    assert str(fault) not in refused.detail or not str(fault)


def test_a_taken_claim_is_told_from_other_duplicates() -> None:
    taken = asyncpg.UniqueViolationError("duplicate key")
    taken.constraint_name = "claims_are_taken_once"
    with capture_logs():
        assert refusal_of(envelope(capture()), taken).code == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("STATE_CONFLICT", True),
        ("NOT_FOUND", True),
        ("ALREADY_EXISTS", True),
        ("VALIDATION_FAILED", False),
        ("PRICE_NOT_FOUND", False),
        ("CURRENCY_UNSUPPORTED", False),
        ("ACCOUNT_VERSION_CONFLICT", False),
    ],
)
def test_what_the_caller_can_mend_is_no_lasting_answer(code: str, kept: bool) -> None:
    assert is_kept(Refused(code=code, detail="")) is kept
    assert not is_kept(Refused(code=code, detail="", transient=True))
