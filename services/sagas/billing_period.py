"""BillingPeriod: a customer's period runs until its end or a close, and its bills with it."""

from datetime import timedelta
from typing import Any, Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.bill_messages import PeriodStanding, PeriodWork
    from services.sagas.bill_steps import BILLS_QUEUE
    from services.sagas.encounter import RETRIES
    from services.sagas.period_ending import PeriodEnding
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

ATTEMPT_SECONDS_MAX: Final = timedelta(minutes=30)


@workflow.defn(name="BillingPeriod")
class BillingPeriod:
    """One period of one customer."""

    def __init__(self) -> None:
        self._is_closed = False
        self._standing: PeriodStanding | None = None

    @workflow.signal
    def close_period(self) -> None:
        """Somebody closed it."""
        self._is_closed = True

    @workflow.query
    def state(self) -> PeriodStanding | None:
        """The period as it was last looked at."""
        return self._standing

    @workflow.run
    async def run(self, work: PeriodWork) -> None:
        """Wait for the end, then close every bill that is open."""
        standing: PeriodStanding = await self._do(PeriodEnding.look, work)
        self._standing = standing
        if not standing.is_over:
            left = max(timedelta(), standing.ends_at - workflow.now())
            try:
                await workflow.wait_condition(lambda: self._is_closed, timeout=left)
            except TimeoutError:
                workflow.logger.debug("the period is over")
        await self._do(PeriodEnding.close, work)

    async def _do(self, method: Any, work: PeriodWork) -> Any:
        return await workflow.execute_activity_method(
            method,
            work,
            task_queue=BILLS_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT if method is PeriodEnding.close else None,
            retry_policy=RETRIES,
        )
