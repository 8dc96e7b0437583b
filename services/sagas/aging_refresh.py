"""AgingRefresh: each night, for each facility, how old what is owed was when its day ended.

A schedule starts it every hour; it does what is due then, tenant after tenant.
"""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.aging import Aging
    from services.sagas.messages import AgingProgress, TenantAging, TenantsAfter
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

RETRIES: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)
)
ATTEMPT_MAX: Final = timedelta(minutes=10)
# What is not done by then is due again in the next hour.
TENANT_MAX: Final = timedelta(minutes=20)
TENANTS_AT_ONCE_MAX: Final = 2


@workflow.defn(name="AgingRefresh")
class AgingRefresh:
    """Refresh what is due; a tenant that fails holds nobody else up."""

    @workflow.run
    async def run(self, work: AgingProgress | None = None) -> None:
        """A page of tenants, then the next one in a history of its own."""
        work = work or AgingProgress()
        due = await workflow.execute_activity_method(
            Aging.find_due,
            TenantsAfter(after=work.after),
            start_to_close_timeout=ATTEMPT_MAX,
            schedule_to_close_timeout=TENANT_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )
        failed = work.failed
        for start in range(0, len(due.tenants), TENANTS_AT_ONCE_MAX):
            some = due.tenants[start : start + TENANTS_AT_ONCE_MAX]
            failed += sum(await asyncio.gather(*(self._fails(tenant) for tenant in some)))
        if due.after is not None:
            workflow.continue_as_new(AgingProgress(after=due.after, failed=failed))
        if failed:
            # It ends as failed, so that whoever watches Temporal sees it.
            raise ApplicationError(
                f"the ageing of {failed} tenants was not refreshed: it is due again in an hour",
                type="NOT_REFRESHED",
                non_retryable=True,
            )

    async def _fails(self, tenant: str) -> bool:
        try:
            await workflow.execute_activity_method(
                Aging.refresh,
                TenantAging(tenant=tenant),
                start_to_close_timeout=ATTEMPT_MAX,
                schedule_to_close_timeout=TENANT_MAX,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
        except ActivityError as error:
            workflow.logger.error("ageing of %s was not refreshed: %s", tenant, error.cause)
            return True
        return False
