"""What travels through Temporal for runs of configured workflows.

Unlike other sagas they carry content: a plan, an input and outputs, which nothing else keeps; all
payloads are sealed, and their sizes are bounded in domain/plan_walk.py.
"""

from typing import Any

import msgspec

from domain.plan import Plan
from domain.plan_walk import Walk


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun"):
    """What a run is to do: the plan that was compiled of a commit, with its digest, and the input.

    `status_id` is its BillingWorkflow resource, null while there is none.
    """

    workflow: str
    organization_id: str | None
    commit: str
    plan_digest: str
    plan: Plan
    input: Any
    status_id: str | None = None


class CannotBegin(msgspec.Struct, frozen=True, kw_only=True, tag="cannot_begin"):
    """Why a run fails before its first activity."""

    code: str
    detail: str


Beginning = Begun | CannotBegin


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="asked"):
    """What somebody asked for; `is_cancelled` that somebody asked otherwise meanwhile."""

    workflow: str
    organization_id: str | None
    is_cancelled: bool = False


class OverAlready(msgspec.Struct, frozen=True, kw_only=True, tag="over"):
    """The run has ended before."""


Standing = Asked | OverAlready


class WorkflowRunWork(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and how far it is: null until its plan was made, which it then carries along."""

    tenant: str
    workflow_run_id: str
    begun: Begun | None = None
    walk: Walk = Walk()
    is_cancelled: bool = False


class RunActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Run the script of an activity, once."""

    tenant: str
    workflow_run_id: str
    workflow: str
    organization_id: str | None
    commit: str
    activity: str
    script: str
    params: dict[str, Any]
    attempt: int
    timeout_seconds: int


class StepDone(msgspec.Struct, frozen=True, kw_only=True):
    """An activity gave its output."""

    tenant: str
    workflow_run_id: str
    activity: str
    attempts: int
    output: Any


class StepsLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A condition was not met."""

    tenant: str
    workflow_run_id: str
    activities: tuple[str, ...]
    condition: str


class RunOver(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended; `code` and `detail` say why one failed, `activity` where."""

    tenant: str
    workflow_run_id: str
    how: str
    code: str = ""
    detail: str = ""
    activity: str | None = None
    attempts: int = 0


class StatusWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the BillingWorkflow resource of a run is to say.

    `run_id` is Temporal's, of the first of its histories.
    """

    tenant: str
    workflow_run_id: str
    organization_id: str | None
    workflow: str
    run_id: str
    status: str
    status_id: str | None = None
    ended_at: str | None = None


class StatusTold(msgspec.Struct, frozen=True, kw_only=True):
    """The resource, null where no FHIR server is set up."""

    status_id: str | None
