"""A batch that fails is split; how, without a Postgres to fail it."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.execute import attempt as attempts
from services.execute.attempt import Attempted, Ledger, LedgerUnavailable, attempt
from services.execute.batch import Stage
from services.execute.envelope import Done, Envelope
from services.execute.faults import StreamMoved
from tests.fixtures.write_path import account_id, capture, codes, envelope, issue


class Pool:
    """Lends connections that nobody uses."""

    def acquire(self) -> "Pool":
        return self

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


class Postgres:
    """Fails what it is told to fail, and remembers what was tried."""

    def __init__(self) -> None:
        self.poison: dict[str, Exception] = {}
        self.held_for: dict[str, int] = {}
        self.stage = Stage.WRITE
        self.tried: list[list[str]] = []

    def run(self, batch: "Batch") -> None:
        names = [str(one.command.account_id) for one in batch.envelopes]
        self.tried.append(names)
        for one in batch.envelopes:
            if one.correlation_id in self.poison:
                batch.stage = self.stage
                raise self.poison[one.correlation_id]
        for index, one in enumerate(batch.envelopes):
            account = (one.tenant, str(one.command.account_id))
            if self.held_for.get(account[1], 0) > 0:
                batch.busy[index] = account
            else:
                batch.outcomes[index] = Done(stream_id="chg_1", version=1, token="chg_1-1")
        for held in self.held_for:
            self.held_for[held] -= 1


class Batch:
    """Stands in for a batch: what its Postgres does is all that it does."""

    postgres = Postgres()

    def __init__(self, envelopes: Sequence[Envelope], **_: Any) -> None:
        self.envelopes = envelopes
        self.outcomes: dict[int, Done] = {}
        self.busy: dict[int, tuple[str, str]] = {}
        self.accounts = {
            index: (one.tenant, str(one.command.account_id)) for index, one in enumerate(envelopes)
        }
        self.stage = Stage.CLAIM

    async def run(self, *_: object) -> None:
        self.postgres.run(self)


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Postgres:
    Batch.postgres = Postgres()
    monkeypatch.setattr(attempts, "Batch", Batch)
    monkeypatch.setattr(attempts, "_BACKOFF_SECONDS", 0)
    return Batch.postgres


async def tried(envelopes: list[Envelope], wait_seconds: float | None = None) -> Attempted:
    pool: Any = Pool()
    with capture_logs():
        return await attempt(Ledger(pool), envelopes, wait_seconds=wait_seconds)


def asked(*patients: str) -> list[Envelope]:
    """A charge for each, known by its place."""
    return [
        envelope(capture(patient, place), correlation_id=str(place))
        for place, patient in enumerate(patients)
    ]


async def test_one_bad_command_is_refused_alone(postgres: Postgres) -> None:
    postgres.poison = {"5": ZeroDivisionError()}
    found = await tried(asked(*"abcdefgh"))
    outcomes = [found.outcomes[index] for index in range(8)]
    assert codes(outcomes) == ["done"] * 5 + ["INTERNAL"] + ["done"] * 2
    assert len(postgres.tried) == 1 + 2 * 3


async def test_what_is_busy_in_one_half_is_not_tried_in_the_other(postgres: Postgres) -> None:
    """Its lock is free by then, but its first command would come second."""
    postgres.poison = {"3": ZeroDivisionError()}
    postgres.held_for = {account_id("a"): 1}
    found = await tried(asked("a", "b", "c", "bad", "a", "d"))
    assert sorted(found.busy) == [0, 4]
    assert sorted(found.outcomes) == [1, 2, 3, 5]


async def test_a_postgres_that_is_away_refuses_nothing(postgres: Postgres) -> None:
    postgres.poison = {"1": asyncpg.ConnectionDoesNotExistError("gone")}
    with pytest.raises(LedgerUnavailable, match="gone"):
        await tried(asked("a", "b", "c"))
    assert len(postgres.tried) == 1


async def test_what_keeps_moving_is_told_to_come_again_and_the_rest_passes(
    postgres: Postgres,
) -> None:
    postgres.poison = {"1": StreamMoved("enc_1")}
    found = await tried(asked("a", "b"))
    refused = found.outcomes[1]
    assert codes([found.outcomes[0], refused]) == ["done", "ACCOUNT_VERSION_CONFLICT"]
    assert getattr(refused, "transient", False)
    assert len(postgres.tried) == 8 + 1 + 8


async def test_a_lock_that_is_not_had_is_waited_for_once(postgres: Postgres) -> None:
    for stage, outcome in ((Stage.CLAIM, "LOCK_TIMEOUT"), (Stage.LOCK, None)):
        postgres.tried.clear()
        postgres.stage = stage
        postgres.poison = {"7": asyncpg.LockNotAvailableError("timeout")}
        found = await tried(asked(*["a"] * 64), wait_seconds=1)
        assert len(postgres.tried) == 1
        if outcome is None:
            assert sorted(found.busy) == list(range(64))
        else:
            assert set(codes(list(found.outcomes.values()))) == {outcome}


async def test_who_needs_a_number_steps_aside_with_those_behind_it(postgres: Postgres) -> None:
    envelopes = asked("a", "b", "c", "b")
    envelopes[1] = envelope(issue("b"), correlation_id="issue")
    postgres.poison = {"issue": asyncpg.LockNotAvailableError("timeout")}
    found = await tried(envelopes)
    assert sorted(found.busy) == [1, 3]
    assert sorted(found.outcomes) == [0, 2]
    assert len(postgres.tried) == 2


async def test_a_closing_period_holds_up_its_own_tenant_only(postgres: Postgres) -> None:
    postgres.stage = Stage.CLAIM
    postgres.poison = {"mine": asyncpg.LockNotAvailableError("timeout")}
    envelopes = [
        envelope(capture("a", 1), correlation_id="mine"),
        envelope(capture("b", 2), tenant="other"),
        envelope(capture("a", 3)),
    ]
    found = await tried(envelopes)
    assert codes([found.outcomes[index] for index in range(3)]) == [
        "LOCK_TIMEOUT",
        "done",
        "LOCK_TIMEOUT",
    ]
