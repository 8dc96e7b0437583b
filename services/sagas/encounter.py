"""ChargeFromEncounter: what was done at encounters becomes charges and issued invoices.

The encounters of a batch share a workflow, which stays until each of them is billed.
"""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.charging import Charging
    from services.sagas.messages import Encounters, EncountersCharged
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

# A refusal of the domain ends in the encounter itself; what fails is Postgres being away, and then
# it is tried for as long as that takes.
RETRIES: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)
)
ATTEMPT_SECONDS_MAX: Final = timedelta(minutes=10)


@workflow.defn(name="ChargeFromEncounter")
class ChargeFromEncounter:
    """Charge encounters, and those that were parked again when they are mended."""

    def __init__(self) -> None:
        self._resumed = False

    @workflow.signal
    def resume(self) -> None:
        """Somebody mended an encounter."""
        self._resumed = True

    @workflow.run
    async def run(self, work: Encounters) -> None:
        """Charge, then wait for what needs attention."""
        while True:
            self._resumed = False
            parked = (await self._charge(work)).parked
            if not parked:
                return
            work = Encounters(tenant=work.tenant, encounter_ids=parked)
            await workflow.wait_condition(lambda: self._resumed)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(work)

    async def _charge(self, work: Encounters) -> EncountersCharged:
        return await workflow.execute_activity_method(
            Charging.charge,
            work,
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )
