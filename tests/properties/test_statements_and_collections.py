"""Whatever is commanded, nobody is in two runs of statements, and only debtors are reminded."""

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.invoice import InvoiceReminded, InvoiceSentToCollections
from contracts.statement import StatementCompleted, StatementFailed, StatementStarted
from domain.rejections import Invalid
from domain.statement import ALL_FACILITIES, StartStatementRun, StatementRunning
from domain.write_side import ItemKind
from tests.fixtures.commands import histories, taxed_histories
from tests.fixtures.money_commands import credits_used, voids
from tests.fixtures.statement_commands import collection_steps, statement_steps
from tests.fixtures.world import World

many = settings(max_examples=100, deadline=None)
runs = histories(size_max=40, steps_of=statement_steps())
pursuits = histories(
    size_max=40,
    steps_of=st.one_of(collection_steps(), collection_steps(), voids(), credits_used()),
)


@many
@given(runs)
def test_the_runs_of_a_day_that_are_at_work_share_no_account(history: Any) -> None:
    """Of the events alone: a run of all facilities is by itself, one of a facility beside others
    of other facilities."""
    world = World()
    world.run(history)
    started: dict[str, StatementStarted] = {}
    at_work: dict[date, dict[str, str | None]] = {}
    for recorded in world.events:
        match recorded.event:
            case StatementStarted() as event:
                others = at_work.setdefault(event.as_of, {})
                assert event.run_id not in started
                assert not others if event.facility is None else None not in others.values()
                assert event.facility not in others.values()
                started[event.run_id] = event
                others[event.run_id] = event.facility
            case StatementCompleted(run_id=run_id) | StatementFailed(run_id=run_id):
                del at_work[started[run_id].as_of][run_id]  # so it ended once
            case _:
                pass


@many
@given(runs)
def test_a_start_is_refused_for_a_run_that_is_at_work_and_for_nothing_else(history: Any) -> None:
    world = World()
    for command, hours in history:
        world.commit(hours)
        refused = len(world.refused)
        state = world.book.states.get(getattr(command, "stream_id", ""))
        world.execute(command)
        if not isinstance(command, StartStatementRun) or len(world.refused) == refused:
            continue
        if isinstance(world.refused[-1], StatementRunning):
            assert state is not None
            at_work = {facility for facility, _ in state.at_work()}
            wanted = command.facility or ALL_FACILITIES
            assert at_work & ({wanted, ALL_FACILITIES} if command.facility else at_work)
        else:
            assert isinstance(world.refused[-1], Invalid)  # the day is still to come


@many
@given(st.one_of(pursuits, taxed_histories()))
def test_only_what_is_owed_is_pursued_by_later_and_later_days_until_it_is_handed_over(
    history: Any,
) -> None:
    world = World()
    reminded: dict[str, int] = {}
    handed_over: set[str] = set()
    for command, hours in history:
        world.commit(hours)
        for recorded in world.execute(command):
            event = recorded.event
            if not isinstance(event, InvoiceReminded | InvoiceSentToCollections):
                continue
            item = world.book.item(event.account_id, ItemKind.INVOICE, event.invoice_id)
            assert item is not None
            assert event.outstanding.minor == item.outstanding_minor > 0
            assert event.invoice_id not in handed_over
            if isinstance(event, InvoiceReminded):
                assert event.day > reminded.get(event.invoice_id, 0)
                reminded[event.invoice_id] = event.day
            else:
                handed_over.add(event.invoice_id)
