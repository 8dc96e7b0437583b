"""RemittancePosting: what a payer paid is posted claim by claim, and waits for invoices to come.

A batch shares a workflow. A remittance with claims whose invoice is not issued yet gets one of its
own, which wakes when one is, and parks what is left after the tenant's time.
"""

from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    import msgspec

    from services.sagas import workflow_ids
    from services.sagas.encounter import ATTEMPT_SECONDS_MAX, RETRIES
    from services.sagas.messages import ClaimsPosted, PostClaims, Remittances
    from services.sagas.own import start_own
    from services.sagas.posting import Posting
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

PATIENCE_TOGETHER: Final = timedelta(minutes=10)


@workflow.defn(name="RemittancePosting")
class RemittancePosting:
    """Post remittances; a single one stays until each of its claims has an end."""

    def __init__(self) -> None:
        self._woken = False
        self._resumed = False

    @workflow.signal
    def wake(self) -> None:
        """An invoice that a claim waits for was issued."""
        self._woken = True

    @workflow.signal
    def resume(self) -> None:
        """Somebody mended what was wrong with the parked claims."""
        self._resumed = True

    @workflow.run
    async def run(self, work: Remittances) -> None:
        """Post, then wait for the invoices that are still to come."""
        if len(work.remittance_ids) > 1:
            await self._post_together(work)
        else:
            await self._see_through(work)

    async def _post_together(self, work: Remittances) -> None:
        """Most invoices come soon; only a remittance that waits long has a workflow of its own."""
        until = workflow.now() + PATIENCE_TOGETHER
        posted = await self._post(work.tenant, work.remittance_ids)
        while posted.waiting and await self._woken_before(until):
            posted = await self._post(work.tenant, posted.waiting)
        if posted.waiting:
            posted = await self._post(work.tenant, posted.waiting, hand_over=True)
            own = [_own(work.tenant, remittance_id) for remittance_id in posted.waiting]
            await start_own(RemittancePosting.run, own)

    async def _see_through(self, work: Remittances) -> None:
        """Stay with one remittance until each of its claims has an end."""
        since = work.waiting_since or workflow.now()
        self._resumed = self._resumed or work.parked_too
        give_up = False
        while True:
            posted = await self._post(work.tenant, work.remittance_ids, give_up=give_up)
            if not (posted.waiting or self._resumed):
                return
            give_up = not await self._woken_before(since + timedelta(days=posted.wait_days))
            if workflow.info().is_continue_as_new_suggested() and not give_up:
                workflow.continue_as_new(
                    msgspec.structs.replace(work, waiting_since=since, parked_too=self._resumed)
                )

    async def _post(
        self,
        tenant: str,
        remittance_ids: tuple[str, ...],
        *,
        give_up: bool = False,
        hand_over: bool = False,
    ) -> ClaimsPosted:
        parked_too = self._resumed
        self._woken = self._resumed = False
        return await workflow.execute_activity_method(
            Posting.post,
            PostClaims(
                tenant=tenant,
                remittance_ids=remittance_ids,
                parked_too=parked_too,
                give_up=give_up,
                hand_over=hand_over,
            ),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
        )

    async def _woken_before(self, deadline: datetime) -> bool:
        """Wait for an invoice or a person; False when the tenant's time is over."""
        try:
            await workflow.wait_condition(
                lambda: self._woken or self._resumed,
                timeout=max(timedelta(), deadline - workflow.now()),
            )
        except TimeoutError:
            return False
        return True


def _own(tenant: str, remittance_id: str) -> tuple[str, Remittances]:
    return (
        workflow_ids.of_one(workflow_ids.REMITTANCE, tenant, remittance_id),
        Remittances(tenant=tenant, remittance_ids=(remittance_id,)),
    )
