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
from services.sagas.table import SAGAS, Saga

TASK_QUEUE: Final = "daybook"
RESUME: Final = "resume"
WAKE: Final = "wake"

_log = structlog.get_logger()


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
                task_queue=self._task_queue,
                # One that failed or was terminated is started again when its events come again.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            )
        except WorkflowAlreadyStartedError:
            _log.debug("started before", tenant=tenant, workflow_id=workflow_id)
            return
        metrics.STARTED.labels(saga.name).inc(len(stream_ids))
        _log.info("saga started", tenant=tenant, workflow_id=workflow_id, streams=len(stream_ids))

    async def resume(self, saga: Saga, tenant: str, stream_id: str) -> None:
        """Have a parked encounter, or parked claims, tried again. Raises RPCError."""
        await self._signal_own(saga, tenant, stream_id, RESUME)

    async def wake(self, tenant: str, workflow_id: str) -> None:
        """Have a workflow look for invoices again; one that has ended is forgotten.

        Raises RPCError.
        """
        named = workflow_ids.read(workflow_id)
        if named.kind in SAGAS:
            await self._signal_own(SAGAS[named.kind], tenant, named.key, WAKE)
            return
        try:
            await self._client.get_workflow_handle(workflow_id).signal(WAKE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await waits.forget_workflow(self._pool, tenant, workflow_id)
            _log.warning("the workflow to wake has ended", tenant=tenant, workflow_id=workflow_id)

    async def _signal_own(self, saga: Saga, tenant: str, stream_id: str, signal: str) -> None:
        """Signal the stream's own workflow, and start it where there is none."""
        workflow_id = workflow_ids.of_one(saga.kind, tenant, stream_id)
        await self._client.start_workflow(
            saga.workflow.run,
            saga.work(tenant, (stream_id,)),
            id=workflow_id,
            task_queue=self._task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=signal,
        )
        metrics.SIGNALLED.labels(saga.name).inc()
        _log.info("saga signalled", tenant=tenant, workflow_id=workflow_id, signal=signal)
