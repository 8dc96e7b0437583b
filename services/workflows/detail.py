"""A run as callers read it: what was found of it, with what is sealed in it opened."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.private import Private
from contracts.workflow_run_views import WorkflowRunDetail, WorkflowStep
from projections.workflow_runs_queries import StepFound, WorkflowRunFound


def sealed_in(found: WorkflowRunFound) -> list[Private | None]:
    """What is sealed in a run, in the order that `detailed` takes it opened."""
    return [found.input, found.detail, *(step.output for step in found.steps)]


def detailed(found: WorkflowRunFound, texts: Sequence[str | None]) -> WorkflowRunDetail:
    """A run with the texts of what is sealed in it; None for one that is forgotten."""
    given, detail, *outputs = texts
    return WorkflowRunDetail(
        **msgspec.structs.asdict(found.summary),
        input=_json(given),
        detail=detail,
        steps=tuple(map(_step, found.steps, outputs)),
    )


def _step(step: StepFound, output: str | None) -> WorkflowStep:
    return WorkflowStep(**(step._asdict() | {"output": _json(output)}))


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
