"""StatementRun: everybody's statement as of a day, facility after facility, page after page.

A facility is a child workflow, so that no history grows with the number of accounts; what became of
each account is noted in Postgres, and whoever goes on leaves out what is done.
"""

from datetime import timedelta
from typing import Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas import workflow_ids
    from services.sagas.encounter import RETRIES
    from services.sagas.messages import (
        EndStatementRun,
        FacilitiesAfter,
        StatementPage,
        StatementRuns,
    )
    from services.sagas.pulse import HEARTBEAT_TIMEOUT
    from services.sagas.stating import Stating

ATTEMPT_SECONDS_MAX: Final = timedelta(minutes=30)
PAGES_PER_HISTORY_MAX: Final = 50
"""Some six events a page: a history is ended at a hundredth of what Temporal allows. Running
workflows have it too: another number needs `workflow.patched`."""


@workflow.defn(name="StatementsOfFacility")
class StatementsOfFacility:
    """The statements of one facility's accounts."""

    @workflow.run
    async def run(self, work: StatementPage) -> None:
        """A number of pages, then the rest in a history of its own."""
        for _ in range(PAGES_PER_HISTORY_MAX):
            done = await workflow.execute_activity_method(
                Stating.make,
                work,
                start_to_close_timeout=ATTEMPT_SECONDS_MAX,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
            if done.after is None:
                return
            work = StatementPage(
                tenant=work.tenant, run_id=work.run_id, facility=work.facility, after=done.after
            )
        workflow.continue_as_new(work)


@workflow.defn(name="StatementRun")
class StatementRun:
    """A run from its start to its one event at the end."""

    @workflow.run
    async def run(self, work: StatementRuns) -> None:
        """Some facilities, one after the other; then the rest in a history of its own."""
        found = await workflow.execute_activity_method(
            Stating.find_facilities,
            FacilitiesAfter(tenant=work.tenant, run_id=work.run_id, after=work.after),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )
        for facility in found.facilities:
            await workflow.execute_child_workflow(
                StatementsOfFacility.run,
                StatementPage(tenant=work.tenant, run_id=work.run_id, facility=facility),
                id=workflow_ids.of_facility(work.tenant, work.run_id, facility),
            )
        if found.facilities:
            workflow.continue_as_new(
                StatementRuns(tenant=work.tenant, run_id=work.run_id, after=found.facilities[-1])
            )
        await workflow.execute_activity_method(
            Stating.end,
            EndStatementRun(tenant=work.tenant, run_id=work.run_id),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )
