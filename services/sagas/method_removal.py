"""MethodRemoval: the gateway forgets a saved card that the customer does not want kept."""

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.forgetting import Forgetting
    from services.sagas.gateway import GATEWAY_ATTEMPT_MAX, GATEWAY_QUEUE, GATEWAY_RETRIES
    from services.sagas.messages import ForgetMethod
    from services.sagas.pulse import HEARTBEAT_TIMEOUT


@workflow.defn(name="MethodRemoval")
class MethodRemoval:
    """Have one payment method forgotten."""

    @workflow.run
    async def run(self, work: ForgetMethod) -> None:
        """One activity, attempted until the gateway has forgotten."""
        await workflow.execute_activity_method(
            Forgetting.forget,
            work,
            task_queue=GATEWAY_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=GATEWAY_ATTEMPT_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=GATEWAY_RETRIES,
        )
