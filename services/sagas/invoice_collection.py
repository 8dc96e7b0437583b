"""InvoiceCollection: customers are reminded of what is overdue, then it goes to collections.

The invoices of a tenant that are due on one day share a workflow, which names that day alone: at
each day of the schedule it asks the ledger which of them are outstanding still.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.collecting import Collecting
    from services.sagas.encounter import RETRIES
    from services.sagas.messages import Collections, CollectOn, DayAfter, NextDay
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

ATTEMPT_SECONDS_MAX: Final = timedelta(hours=1)
NOON: Final = time(12, tzinfo=UTC)
"""Then it is the same day nearly everywhere."""


@workflow.defn(name="InvoiceCollection")
class InvoiceCollection:
    """Collect what was due on a day; it ends as soon as nothing of it is outstanding."""

    @workflow.run
    async def run(self, work: Collections) -> None:
        """Wait for each day of the schedule in turn; one that has passed is made up for."""
        while (day := (await self._next(work)).day) is not None:
            at = datetime.combine(work.due_on + timedelta(days=day), NOON)
            await workflow.sleep(max(timedelta(), at - workflow.now()))
            await workflow.execute_activity_method(
                Collecting.collect,
                CollectOn(tenant=work.tenant, due_on=work.due_on, day=day),
                start_to_close_timeout=ATTEMPT_SECONDS_MAX,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
            work = Collections(tenant=work.tenant, due_on=work.due_on, done_day=day)

    async def _next(self, work: Collections) -> NextDay:
        """The next day; of several that have passed, the last one."""
        return await workflow.execute_activity_method(
            Collecting.next_day,
            DayAfter(
                tenant=work.tenant,
                due_on=work.due_on,
                done_day=work.done_day,
                today=workflow.now().date(),
            ),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )
