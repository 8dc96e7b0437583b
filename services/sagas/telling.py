"""The activity of WorkflowRun that keeps its BillingWorkflow resource on the FHIR server."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from services.ports import FhirClient, FhirOf, FhirRefused
from services.sagas.steps import this_workflow
from services.sagas.workflow_messages import StatusTold, StatusWanted

WORKFLOW_ID: Final = "urn:temporal:workflow-id"
RUN_ID: Final = "urn:temporal:run-id"
_TYPE: Final = "BillingWorkflow"


class Telling:
    """Tells a FHIR server where runs are; without one it tells nobody."""

    def __init__(self, fhir_of: FhirOf | None) -> None:
        self._fhir_of = fhir_of

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """All of them."""
        return (self.tell,)

    @activity.defn(name="tell_billing_workflow")
    async def tell(self, wanted: StatusWanted) -> StatusTold:
        """Make the resource, or bring it to its end; FhirAway is for Temporal to try again."""
        if self._fhir_of is None:
            return StatusTold(status_id=None)
        try:
            await self._check_organization(wanted)
            client = self._fhir_of(wanted.tenant, wanted.organization_id)
            status_id = wanted.status_id or await _made(client, wanted)
            if wanted.ended_at is not None:
                await client.patch(_TYPE, status_id, _ending(wanted.status, wanted.ended_at))
        except FhirRefused as refused:
            raise ApplicationError(
                str(refused), type="FHIR_REFUSED", non_retryable=True
            ) from refused
        return StatusTold(status_id=status_id)

    async def _check_organization(self, wanted: StatusWanted) -> None:
        """An organisation is the tenant's own, or not known."""
        assert self._fhir_of is not None, "there is a server"
        organization_id = wanted.organization_id
        if organization_id is None or wanted.ended_at is not None:
            return
        own = await self._fhir_of(wanted.tenant, None).read("Organization", organization_id)
        if own is None:
            raise ApplicationError(
                f"there is no organisation {organization_id}",
                type="ORGANIZATION_UNKNOWN",
                non_retryable=True,
            )


async def _made(client: FhirClient, wanted: StatusWanted) -> str:
    """The resource's id; one that an attempt before this one made is found."""
    found = await client.search(_TYPE, {"identifier": f"{RUN_ID}|{wanted.run_id}"})
    made = found[0] if found else await client.create(_resource(wanted))
    return str(made["id"])


def _resource(wanted: StatusWanted) -> dict[str, Any]:
    return {
        "resourceType": _TYPE,
        "identifier": [
            {"system": WORKFLOW_ID, "value": this_workflow()},
            {"system": RUN_ID, "value": wanted.run_id},
        ],
        "status": "in-progress",
        "workflow": wanted.workflow,
        "executionPeriod": {"start": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def _ending(status: str, ended_at: str) -> list[dict[str, Any]]:
    return [
        {"op": "replace", "path": "/status", "value": status},
        {"op": "add", "path": "/executionPeriod/end", "value": ended_at},
    ]
