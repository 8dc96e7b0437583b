"""What Temporal starts by the clock: made, or brought up to this release, when a worker starts."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from services.sagas import workflow_ids
from services.sagas.aging_refresh import AgingRefresh

# Midnights are at full and half hours nearly everywhere; a day has settled half an hour later.
EVERY: Final = ScheduleIntervalSpec(every=timedelta(hours=1), offset=timedelta(minutes=35))
CATCHUP_WINDOW: Final = timedelta(hours=1)
"""Starts that were missed longer ago are not made up for: one start does all that is due."""

_AGAIN_SECONDS_MIN: Final = 0.25
_AGAIN_SECONDS_MAX: Final = 10.0
_log = structlog.get_logger()


def aging_schedule(task_queue: str) -> Schedule:
    """AgingRefresh every hour, never two at once."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            AgingRefresh.run, id=workflow_ids.aging_refresh(task_queue), task_queue=task_queue
        ),
        spec=ScheduleSpec(intervals=[EVERY]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCHUP_WINDOW),
    )


def aging_schedule_id(task_queue: str) -> str:
    """One a task queue, so that several Daybooks may share a namespace."""
    return f"{task_queue}/aging-refresh"


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Make the schedules, or bring them up to date; a paused one stays paused. Raises RPCError."""
    schedule, schedule_id = aging_schedule(task_queue), aging_schedule_id(task_queue)
    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id).update(
            lambda found: ScheduleUpdate(schedule=_kept(schedule, found))
        )
    _log.info("schedule is there", schedule=schedule_id)


def _kept(schedule: Schedule, found: ScheduleUpdateInput) -> Schedule:
    return dataclasses.replace(schedule, state=found.description.schedule.state)


async def keep_schedules(client: Client, task_queue: str, stopping: asyncio.Event) -> None:
    """Ensure the schedules once, however long Temporal is away before that."""
    pause_seconds = _AGAIN_SECONDS_MIN
    while not stopping.is_set():
        try:
            await ensure_schedules(client, task_queue)
        except RPCError as away:
            _log.error("schedules wait: Temporal is away", error=repr(away))
        else:
            return
        try:
            await asyncio.wait_for(stopping.wait(), pause_seconds)
        except TimeoutError:
            pause_seconds = min(_AGAIN_SECONDS_MAX, pause_seconds * 2)
