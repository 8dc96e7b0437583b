"""RefundSettlement: a refund that was asked for waits for a decision, is booked, and made."""

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.gateway import GATEWAY_ATTEMPT_MAX, GATEWAY_QUEUE, GATEWAY_RETRIES
    from services.sagas.messages import RefundStanding, SettleRefund
    from services.sagas.pulse import HEARTBEAT_TIMEOUT
    from services.sagas.refunding import Refunding


@workflow.defn(name="RefundSettlement")
class RefundSettlement:
    """Settle one refund; while nobody decides, it costs nothing but its place."""

    def __init__(self) -> None:
        self._is_decided = False

    @workflow.signal
    def decided(self) -> None:
        """Somebody approved or rejected it."""
        self._is_decided = True

    @workflow.run
    async def run(self, work: SettleRefund) -> None:
        """Look, and look again when it was decided: a decision is in the log before its signal."""
        while (await self._settle(work)).waits:
            await workflow.wait_condition(lambda: self._is_decided)
            self._is_decided = False

    async def _settle(self, work: SettleRefund) -> RefundStanding:
        return await workflow.execute_activity_method(
            Refunding.settle,
            work,
            task_queue=GATEWAY_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=GATEWAY_ATTEMPT_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=GATEWAY_RETRIES,
        )
