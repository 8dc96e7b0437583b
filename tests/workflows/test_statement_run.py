"""StatementRun on a real Temporal server: everybody once, whatever stops in the middle."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from contracts.statement import StatementCompleted, StatementStarted
from domain.statement import FailStatementRun
from services.adapters.mail import Mail, sender_of
from services.adapters.mail import smtp_server as server_at
from services.execute.envelope import Refused
from services.ports import (
    Channel,
    DeliveryMisconfigured,
    Dispatch,
    NotDelivered,
    Undeliverable,
)
from services.sagas import statement_run, workflow_ids
from services.sagas.messages import StatementPage
from services.sagas.worker import make_worker
from services.settings import Secret
from services.statements.making import AT_ONCE_MAX
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.smtp_server import smtp_server
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic
from tests.workflows.stating import Answer, Noting, Sending, sending


def worker(sends: Sending) -> Any:
    clinic = sends.clinic
    return make_worker(clinic.client, clinic.executor, clinic.pool, outside=sends.activities)


async def completed(sends: Sending) -> StatementCompleted:
    """The one summary of the run, once the worker is there."""
    (started, *_) = await sends.clinic.events(StatementStarted)
    stream_id = started.run_id.rpartition("-")[0]
    await sends.settle(stream_id)
    (event,) = await sends.clinic.events(StatementCompleted)
    return event  # type: ignore[no-any-return]  # events of one type


async def test_everybody_gets_a_statement_by_the_way_that_reaches_them(
    idle_clinic: ServedClinic, database: Database
) -> None:
    """E-mail by a real server, print by a real store, a text message with a link."""
    sms = Noting()
    with smtp_server() as mailbox:
        mail = Mail(
            server_at(Secret(f"smtp://127.0.0.1:{mailbox.port}")),
            sender_of("Clinic North <billing@clinic.example>"),
        )
        sends = await sending(idle_clinic, database, {Channel.EMAIL: mail, Channel.SMS: sms})
        mailed = await sends.open("p1", email="ana@example.org", name="Ana")
        texted = await sends.open(
            "p2", email="b@example.org", phone="+995555123456", delivery="sms"
        )
        printed = await sends.open("p3", facility="south")
        idle = await sends.open("p4")
        for account_id in (mailed, texted, printed):
            await sends.charge(account_id)
        run_id = await sends.begin(sends.start("email", "sms", "print"))
        async with worker(sends):
            await idle_clinic.deliver()
            event = await completed(sends)
    assert await sends.outcomes(run_id) == {
        mailed: ("delivered", None),
        texted: ("delivered", None),
        printed: ("delivered", None),
        idle: ("skipped", None),
    }
    assert (event.total, event.delivered, event.skipped, event.failed) == (4, 3, 1, 0)
    (message,) = mailbox.taken
    assert message["Message-ID"].startswith(f"<{run_id}-{mailed}.")
    assert [part.get_content_type() for part in message.iter_attachments()] == ["application/pdf"]
    (text,) = sms.given
    assert "125.00" in text.text
    assert text.link is not None
    assert text.attachment is None
    print_queue = database.objects / idle_clinic.tenant / "print"
    assert [path.name for path in print_queue.iterdir()] == [f"{run_id}-{printed}.pdf"]


async def test_who_cannot_be_reached_has_failed_and_the_others_get_theirs(
    idle_clinic: ServedClinic, database: Database
) -> None:
    mail = Noting(answers=[Undeliverable(code="REFUSED", message="no such user")])
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    refused = await sends.open("p1", email="gone@example.org")
    silent = await sends.open("p2")
    for account_id in (refused, silent):
        await sends.charge(account_id)
    run_id = await sends.begin(sends.start("email"))
    async with worker(sends):
        await idle_clinic.deliver()
        event = await completed(sends)
    assert event.failed == 2
    assert await sends.outcomes(run_id) == {
        refused: ("failed", "REFUSED"),
        silent: ("failed", "NO_CONTACT"),
    }


async def test_who_is_away_for_a_while_is_tried_again_and_nobody_else_gets_two(
    idle_clinic: ServedClinic, database: Database, skipping: WorkflowEnvironment
) -> None:
    mail = Noting(answers=[NotDelivered(reason="the server is full")])
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    accounts = [await sends.open(f"p{n}", email=f"p{n}@example.org") for n in range(3)]
    for account_id in accounts:
        await sends.charge(account_id)
    run_id = await sends.begin(sends.start("email"))
    async with worker(sends):
        await idle_clinic.deliver()
        event = await completed(sends)
    assert event.delivered == 3
    ids = [given.delivery_id for given in mail.given]
    assert sorted(set(ids)) == sorted(f"{run_id}-{account_id}" for account_id in accounts)
    assert len(ids) == 4


@dataclass
class Breaking(Noting):
    """A channel that is set up wrongly for the first one, and slow for the others."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, dispatch: Dispatch) -> Answer:
        """Note it, then fail or wait."""
        is_first = not self.given
        answer = await super().deliver(dispatch)
        if is_first:
            raise DeliveryMisconfigured("nobody knows the sender")
        await self.go_on.wait()
        return answer


async def test_an_attempt_that_fails_has_left_nobody_to_be_seen_to_by_two_at_once(
    idle_clinic: ServedClinic, database: Database
) -> None:
    mail = Breaking()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail}, accounts_max=20)
    for number in range(8):
        await sends.charge(await sends.open(f"p{number}", email=f"p{number}@example.org"))
    run_id = await sends.begin(sends.start("email"))
    work = StatementPage(tenant=idle_clinic.tenant, run_id=run_id, facility="north")
    attempt = asyncio.ensure_future(ActivityEnvironment().run(sends.stating.make, work))

    async def all_turns_are_taken() -> bool:
        return len(mail.given) == AT_ONCE_MAX

    await until(all_turns_are_taken)
    mail.go_on.set()
    with pytest.raises(ApplicationError, match="nobody knows the sender"):
        await attempt
    # Who was in the middle of it is noted, and nobody else was begun.
    assert len(await sends.outcomes(run_id)) == AT_ONCE_MAX - 1
    assert len(mail.given) == AT_ONCE_MAX
    await ActivityEnvironment().run(sends.stating.make, work)
    ids = [given.delivery_id for given in mail.given]
    assert (len(ids), len(set(ids))) == (9, 8)
    assert {outcome for outcome, _ in (await sends.outcomes(run_id)).values()} == {"delivered"}


async def test_a_worker_that_is_killed_in_the_middle_leaves_the_rest_to_the_next_one(
    idle_clinic: ServedClinic, database: Database
) -> None:
    mail = Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail}, accounts_max=20)
    for number in range(12):
        await sends.charge(await sends.open(f"p{number}", email=f"p{number}@example.org"))
    run_id = await sends.begin(sends.start("email"))
    work = StatementPage(tenant=idle_clinic.tenant, run_id=run_id, facility="north")
    killed = asyncio.ensure_future(ActivityEnvironment().run(sends.stating.make, work))

    async def some_are_out() -> bool:
        return len(await sends.outcomes(run_id)) >= 3

    await until(some_are_out)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    done = set(await sends.outcomes(run_id))
    assert len(done) < 12
    before = len(mail.given)
    async with worker(sends):
        await idle_clinic.deliver()
        event = await completed(sends)
    assert (event.total, event.delivered) == (12, 12)
    again = {given.delivery_id for given in mail.given[before:]}
    assert again.isdisjoint(f"{run_id}-{account_id}" for account_id in done)
    # What was handed over in the very moment comes again under the id that it had.
    assert len({given.delivery_id for given in mail.given}) == 12


async def test_nobody_is_in_two_runs_of_a_day_at_a_time_and_again_after_the_end(
    idle_clinic: ServedClinic, database: Database
) -> None:
    sends = await sending(idle_clinic, database, {})
    await sends.charge(await sends.open("p1"))
    start = sends.start()
    first = await sends.begin(start)
    for other in (start, sends.start(facility="south")):
        refused = await idle_clinic.executor.execute(idle_clinic._envelope(other))
        assert isinstance(refused, Refused)
        assert (refused.code, first in refused.detail) == ("STATE_CONFLICT", True)
    async with worker(sends):
        await idle_clinic.deliver()
        assert (await completed(sends)).made == 1
        second = await sends.begin(start)
        await idle_clinic.deliver()
        await sends.settle(start.stream_id)
    assert first != second
    assert await sends.outcomes(first) == await sends.outcomes(second)
    made = database.objects / idle_clinic.tenant / "statements"
    pdfs = [next((made / run).iterdir()).read_bytes() for run in (first, second)]
    assert pdfs[0] == pdfs[1]


async def test_a_run_that_an_operator_ends_goes_no_further(
    idle_clinic: ServedClinic, database: Database
) -> None:
    mail = Noting()
    sends = await sending(idle_clinic, database, {Channel.EMAIL: mail})
    await sends.charge(await sends.open("p1", email="p1@example.org"))
    start = sends.start("email")
    run_id = await sends.begin(start)
    await idle_clinic.execute(
        FailStatementRun(
            stream_id=start.stream_id, run_id=run_id, code="CANCELLED", detail="an operator"
        )
    )
    async with worker(sends):
        await idle_clinic.deliver()
        own = workflow_ids.of_one("statement-run", idle_clinic.tenant, run_id)
        await idle_clinic.client.get_workflow_handle(own).result()
    assert mail.given == []
    assert await idle_clinic.count(StatementCompleted) == 0


async def test_no_history_grows_with_the_accounts(
    idle_clinic: ServedClinic, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of 4, three pages a history: 40 accounts of two facilities."""
    monkeypatch.setattr(statement_run, "PAGES_PER_HISTORY_MAX", 3)
    sends = await sending(idle_clinic, database, {}, accounts_max=4)
    for number in range(40):
        await sends.open(f"p{number}", facility=("north", "south")[number % 2])
    run_id = await sends.begin(sends.start())
    async with worker(sends):
        await idle_clinic.deliver()
        event = await completed(sends)
    assert (event.total, event.skipped) == (40, 40)
    names = (
        workflow_ids.of_facility(idle_clinic.tenant, run_id, "north"),
        workflow_ids.of_one("statement-run", idle_clinic.tenant, run_id),
    )
    for name in names:
        history = await idle_clinic.client.get_workflow_handle(name).fetch_history()
        assert len(history.events) < 30


@pytest.fixture(autouse=True)
async def _log(idle_clinic: ServedClinic, database: Database) -> None:
    """The log is there before anything is started."""
    await catch_up(database)
