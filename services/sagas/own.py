"""Workflows of their own for what must wait longer than its batch."""

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError


async def start_own(run: Any, works: Sequence[tuple[str, Any]]) -> None:
    """Start a workflow for each id and input, which outlives the one that starts it."""
    await asyncio.gather(*(_start(run, workflow_id, work) for workflow_id, work in works))


async def _start(run: Any, workflow_id: str, work: Any) -> None:
    try:
        await workflow.start_child_workflow(
            run, work, id=workflow_id, parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        # A signal was faster: what it started does the same.
        workflow.logger.debug("started already", extra={"started": workflow_id})
