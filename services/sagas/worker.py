"""`daybook serve worker`: the Temporal worker of the sagas, the consumer that feeds it, and what is
started by the clock.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from services.execute.executor import Executor
from services.feeding import Deliveries
from services.ports import PaymentGateway
from services.reach import Unreachable
from services.sagas.aging import Aging
from services.sagas.aging_refresh import AgingRefresh
from services.sagas.bill_steps import BILLS_QUEUE
from services.sagas.billing import Billing
from services.sagas.card_charging import CardCharging
from services.sagas.charging import Charging
from services.sagas.codec import PayloadKeys, SealedPayloads
from services.sagas.configured import Configured
from services.sagas.consumer import SagaConsumer
from services.sagas.converter import sealed_by
from services.sagas.forgetting import Forgetting
from services.sagas.gateway import GATEWAY_QUEUE
from services.sagas.period_ending import PeriodEnding
from services.sagas.posting import Posting
from services.sagas.pulse import PULSE
from services.sagas.refunding import Refunding
from services.sagas.schedules import keep_schedules
from services.sagas.search_attributes import keep_search_attributes
from services.sagas.signals import FittingSignals
from services.sagas.starting import TASK_QUEUE, Starting, queue_of_workflows
from services.sagas.statement_run import StatementsOfFacility
from services.sagas.table import SAGAS
from services.sagas.workflow_run import SCRIPTS_QUEUE
from services.tracing import interceptors

# msgspec and the structs must be the same inside the sandbox as outside; see encounter.py.
PASSED_THROUGH: Final = ("contracts", "domain", "services", "msgspec")
RUNNER: Final = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
)
CONFIGURED: Final = tuple(saga.workflow for saga in SAGAS.values() if saga.is_configured)
WORKFLOWS: Final = (
    *(saga.workflow for saga in SAGAS.values() if not saga.is_configured),
    AgingRefresh,
    StatementsOfFacility,
)
# Without it every module is compiled for a digest of all code: 2 s of each worker's start.
RELEASE: Final = WorkerDeploymentConfig(
    version=WorkerDeploymentVersion(deployment_name="daybook", build_id=version("daybook")),
    use_worker_versioning=False,
)
# A batch keeps the write path busy by itself; more at once only wait for each other.
ACTIVITIES_MAX: Final = 4
# A bill that begins now is to take items soon, whatever else is worked on.
BILL_ACTIVITIES_MAX: Final = 8
# These mostly wait for an answer.
GATEWAY_ACTIVITIES_MAX: Final = 16
# Each runs a process of its own, which may use a core.
SCRIPTS_MAX: Final = 8
WORKFLOW_TASKS_MAX: Final = 16
CACHED_WORKFLOWS_MAX: Final = 500
SHUTDOWN_SECONDS_MAX: Final = 10
# What was a lost worker's to go on with is soon anybody's; Temporal's own ten are long for a run.
LOST_SECONDS_MAX: Final = timedelta(seconds=2)

_CONNECT_SECONDS_MAX: Final = 10.0
_COMMAND_SECONDS_MAX: Final = 10.0
_log = structlog.get_logger()


async def connect(
    address: str, namespace: str, pool: asyncpg.Pool, stopping: asyncio.Event
) -> Client | None:
    """A client whose payloads are sealed; waits for Temporal, and gives None when `stopping`."""
    converter = sealed_by(SealedPayloads(PayloadKeys(pool)))
    pause_seconds = 0.25
    while not stopping.is_set():
        try:
            return await Client.connect(
                address,
                namespace=namespace,
                data_converter=converter,
                interceptors=interceptors(),
            )
        except (RuntimeError, RPCError) as away:
            _log.error(
                "Temporal is away", address=address, again_seconds=pause_seconds, error=str(away)
            )
        try:
            await asyncio.wait_for(stopping.wait(), pause_seconds)
        except TimeoutError:
            pause_seconds = min(_CONNECT_SECONDS_MAX, pause_seconds * 2)
    return None


@asynccontextmanager
async def reaching_temporal(
    address: str, namespace: str, pool: asyncpg.Pool
) -> AsyncIterator[Client]:
    """A client for a command that somebody waits for; raises Unreachable."""
    converter = sealed_by(SealedPayloads(PayloadKeys(pool)))
    try:
        async with asyncio.timeout(_COMMAND_SECONDS_MAX):
            yield await Client.connect(address, namespace=namespace, data_converter=converter)
    except (RuntimeError, RPCError, TimeoutError) as away:
        raise Unreachable(f"Temporal at {address}: {away or 'it does not answer'}") from away


def ledger_activities(
    executor: Executor, pool: asyncpg.Pool, reporter: asyncpg.Pool | None
) -> tuple[Callable[..., Any], ...]:
    """The activities that work with Postgres alone."""
    activities = (Charging(executor, pool).charge, Posting(executor, pool).post)
    if reporter is None:
        return activities
    aging = Aging(reporter)
    return (*activities, aging.find_due, aging.refresh)


def gateway_activities(
    executor: Executor, pool: asyncpg.Pool, gateway: PaymentGateway
) -> tuple[Callable[..., Any], ...]:
    """The activities that ask the payment gateway."""
    return (
        CardCharging(executor, pool, gateway).charge,
        Refunding(executor, pool, gateway).settle,
        Forgetting(pool, gateway).forget,
    )


def bill_activities(executor: Executor, pool: asyncpg.Pool) -> tuple[Callable[..., Any], ...]:
    """The activities of bills and billing periods."""
    return (*Billing(executor, pool).activities, *PeriodEnding(executor, pool).activities)


def make_worker(
    client: Client,
    executor: Executor,
    pool: asyncpg.Pool,
    *,
    reporter: asyncpg.Pool | None = None,
    outside: Sequence[Callable[..., Any]] = (),
    task_queue: str = TASK_QUEUE,
) -> Worker:
    """The worker of every saga; the pools act as daybook_writer and, for reports, as
    daybook_reporter: without that one it computes none.

    `outside` are the activities that work with other systems than Postgres.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=(*ledger_activities(executor, pool, reporter), *outside),
        workflow_runner=RUNNER,
        interceptors=[FittingSignals()],
        max_concurrent_activities=ACTIVITIES_MAX,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_MAX,
        max_cached_workflows=CACHED_WORKFLOWS_MAX,
        max_heartbeat_throttle_interval=PULSE,
        deployment_config=RELEASE,
        graceful_shutdown_timeout=timedelta(seconds=SHUTDOWN_SECONDS_MAX),
    )


def make_gateway_worker(
    client: Client,
    executor: Executor,
    pool: asyncpg.Pool,
    gateway: PaymentGateway,
    *,
    task_queue: str = TASK_QUEUE,
) -> Worker:
    """The worker of what asks the payment gateway; the pool acts as daybook_writer."""
    return Worker(
        client,
        task_queue=GATEWAY_QUEUE.format(task_queue),
        activities=gateway_activities(executor, pool, gateway),
        max_concurrent_activities=GATEWAY_ACTIVITIES_MAX,
        max_heartbeat_throttle_interval=PULSE,
        deployment_config=RELEASE,
        graceful_shutdown_timeout=timedelta(seconds=SHUTDOWN_SECONDS_MAX),
    )


def make_bills_worker(
    client: Client, executor: Executor, pool: asyncpg.Pool, *, task_queue: str = TASK_QUEUE
) -> Worker:
    """The worker of what bills and periods do; the pool acts as daybook_writer."""
    return Worker(
        client,
        task_queue=BILLS_QUEUE.format(task_queue),
        activities=bill_activities(executor, pool),
        max_concurrent_activities=BILL_ACTIVITIES_MAX,
        max_heartbeat_throttle_interval=PULSE,
        deployment_config=RELEASE,
        graceful_shutdown_timeout=timedelta(seconds=SHUTDOWN_SECONDS_MAX),
    )


@asynccontextmanager
async def workflows_workers(
    client: Client, activities: Configured, *, task_queue: str = TASK_QUEUE
) -> AsyncIterator[None]:
    """The workers of configured workflows, on the task queue `billing` and one for its scripts."""
    queue = queue_of_workflows(task_queue)
    options: Any = {
        "max_heartbeat_throttle_interval": PULSE,
        "deployment_config": RELEASE,
        "graceful_shutdown_timeout": timedelta(seconds=SHUTDOWN_SECONDS_MAX),
    }
    runs = Worker(
        client,
        task_queue=queue,
        workflows=CONFIGURED,
        activities=activities.recording,
        workflow_runner=RUNNER,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_MAX,
        max_cached_workflows=CACHED_WORKFLOWS_MAX,
        sticky_queue_schedule_to_start_timeout=LOST_SECONDS_MAX,
        **options,
    )
    scripts = Worker(
        client,
        task_queue=SCRIPTS_QUEUE.format(queue),
        activities=activities.scripts,
        max_concurrent_activities=SCRIPTS_MAX,
        **options,
    )
    async with runs, scripts:
        yield


async def serve_worker(
    *,
    address: str,
    namespace: str,
    executor: Executor,
    pool: asyncpg.Pool,
    reporter: asyncpg.Pool,
    gateway: PaymentGateway,
    deliveries: Deliveries,
    stopping: asyncio.Event,
    outside: Sequence[Callable[..., Any]] = (),
    configured: Configured,
    task_queue: str = TASK_QUEUE,
) -> None:
    """Work on sagas until `stopping`; what is under way ends, or is done again by another worker.

    `deliveries` is the durable consumer `sagas` over table.filter_subjects(); the pools act as
    daybook_writer and daybook_reporter. `configured` are the activities of configured workflows.
    """
    client = await connect(address, namespace, pool, stopping)
    if client is None:
        return
    consumer = SagaConsumer(Starting(client, pool, task_queue=task_queue), pool)
    async with (
        make_worker(
            client, executor, pool, reporter=reporter, outside=outside, task_queue=task_queue
        ),
        make_gateway_worker(client, executor, pool, gateway, task_queue=task_queue),
        make_bills_worker(client, executor, pool, task_queue=task_queue),
        workflows_workers(client, configured, task_queue=task_queue),
    ):
        await asyncio.gather(
            consumer.run(deliveries, stopping),
            keep_schedules(client, task_queue, stopping),
            keep_search_attributes(client, stopping),
        )
