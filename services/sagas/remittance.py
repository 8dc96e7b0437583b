"""RemittancePosting: what payers paid is posted claim by claim, and waits for invoices to come.

The remittances of a batch share a workflow, which wakes when an invoice is issued that one of them
waits for, and parks what is left after the tenant's time.
"""

from datetime import datetime, timedelta

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.encounter import ATTEMPT_SECONDS_MAX, RETRIES
    from services.sagas.messages import ClaimsPosted, PostClaims, Remittances
    from services.sagas.posting import Posting
    from services.sagas.pulse import HEARTBEAT_TIMEOUT


@workflow.defn(name="RemittancePosting")
class RemittancePosting:
    """Post remittances, and stay until each of their claims has an end."""

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
        since = work.waiting_since or workflow.now()
        self._resumed = self._resumed or work.parked_too
        remittance_ids, give_up = work.remittance_ids, False
        while True:
            posted = await self._post(work.tenant, remittance_ids, give_up=give_up)
            if not (posted.waiting or self._resumed):
                return
            give_up = not await self._woken_before(since + timedelta(days=posted.wait_days))
            if not self._resumed:  # parked claims, which a resume is about, do not wait
                remittance_ids = posted.waiting
            if workflow.info().is_continue_as_new_suggested() and not give_up:
                workflow.continue_as_new(
                    Remittances(
                        tenant=work.tenant,
                        remittance_ids=remittance_ids,
                        waiting_since=since,
                        parked_too=self._resumed,
                    )
                )

    async def _post(
        self, tenant: str, remittance_ids: tuple[str, ...], *, give_up: bool
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
