"""CardPayment: a payment that was begun is taken by the gateway and booked, or it failed."""

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.card_charging import CardCharging
    from services.sagas.gateway import GATEWAY_ATTEMPT_MAX, GATEWAY_QUEUE, GATEWAY_RETRIES
    from services.sagas.messages import PayByCard
    from services.sagas.pulse import HEARTBEAT_TIMEOUT


@workflow.defn(name="CardPayment")
class CardPayment:
    """Charge one payment; it is asked for as long as nobody says what became of the money."""

    @workflow.run
    async def run(self, work: PayByCard) -> None:
        """One activity, however often it is attempted."""
        await workflow.execute_activity_method(
            CardCharging.charge,
            work,
            task_queue=GATEWAY_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=GATEWAY_ATTEMPT_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=GATEWAY_RETRIES,
        )
