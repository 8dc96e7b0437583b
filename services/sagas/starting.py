"""Calls to Temporal: start a saga, resume a stream's own workflow, wake those that wait.

All may be repeated. A workflow id is a business key, so a repeated start finds the first one.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from services.sagas import metrics, waits, workflow_ids
from services.sagas.table import RESUME, SAGAS, Saga

TASK_QUEUE: Final = "daybook"
WORKFLOWS_QUEUE: Final = "billing"

_log = structlog.get_logger()


def queue_of_workflows(task_queue: str) -> str:
    """The task queue of configured workflows: `billing`, apart for those that share a server."""
    return WORKFLOWS_QUEUE if task_queue == TASK_QUEUE else f"{task_queue}-{WORKFLOWS_QUEUE}"


class Starting:
    """What the consumer, and later the API, ask of Temporal; the pool acts as daybook_writer."""

    def __init__(self, client: Client, pool: asyncpg.Pool, *, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._pool = pool
        self._task_queue = task_queue

    async def start(
        self, saga: Saga, tenant: str, workflow_id: str, stream_ids: Sequence[str]
    ) -> None:
        """Start a saga for these streams; returns once Temporal has taken it. Raises RPCError."""
        try:
            await self._client.start_workflow(
                saga.workflow.run,
                saga.work(tenant, tuple(stream_ids)),
                id=workflow_id,
                task_queue=self._queue_of(saga),
                # One that failed or was terminated is started again when its events come again.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
                if saga.again
                else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            )
        except WorkflowAlreadyStartedError:
            _log.debug("started before", tenant=tenant, workflow_id=workflow_id)
            return
        metrics.STARTED.labels(saga.name).inc(len(stream_ids))
        _log.info("saga started", tenant=tenant, workflow_id=workflow_id, streams=len(stream_ids))

    async def resume(self, saga: Saga, tenant: str, stream_id: str) -> None:
        """Have a parked encounter, or parked claims, tried again. Raises RPCError."""
        await self.signal_own(saga, tenant, stream_id, RESUME)

    async def signal(self, tenant: str, workflow_id: str, signal: str) -> bool:
        """Signal a workflow that waits; a stream's own is started again when it is gone.

        False when a shared one is gone: then it is waited for no more. Raises RPCError.
        """
        named = workflow_ids.read(workflow_id)
        if named.kind in SAGAS:
            await self.signal_own(SAGAS[named.kind], tenant, named.key, signal)
            return True
        try:
            await self._client.get_workflow_handle(workflow_id).signal(signal)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await waits.forget_workflow(self._pool, tenant, workflow_id)
            _log.warning("the workflow that waited is gone", tenant=tenant, workflow_id=workflow_id)
            return False
        metrics.SIGNALLED.labels(signal).inc()
        _log.info("saga signalled", tenant=tenant, workflow_id=workflow_id, signal=signal)
        return True

    async def signal_own(self, saga: Saga, tenant: str, stream_id: str, signal: str) -> None:
        """Signal the stream's own workflow, and start it where there is none. Raises RPCError."""
        workflow_id = workflow_ids.of_one(saga.kind, tenant, stream_id)
        try:
            await self._client.start_workflow(
                saga.workflow.run,
                saga.work(tenant, (stream_id,)),
                id=workflow_id,
                task_queue=self._queue_of(saga),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
                if saga.final
                else WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal=signal,
            )
        except WorkflowAlreadyStartedError:
            _log.debug("completed before", tenant=tenant, workflow_id=workflow_id, signal=signal)
            return
        metrics.SIGNALLED.labels(signal).inc()
        _log.info("saga signalled", tenant=tenant, workflow_id=workflow_id, signal=signal)

    def _queue_of(self, saga: Saga) -> str:
        return queue_of_workflows(self._task_queue) if saga.is_configured else self._task_queue
