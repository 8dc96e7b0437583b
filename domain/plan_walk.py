"""The walk through a plan: depth first, one activity at a time, what does not apply left out.

It knows the plan, the input and what activities gave, and decides alike for the same three.
"""

from typing import Any, Final, NamedTuple

import msgspec

from domain.plan import Activity, Plan
from domain.plan_values import resolve

OUTPUT_BYTES_MAX: Final = 256 * 1024
"""Of one activity."""
HELD_BYTES_MAX: Final = 1024 * 1024
"""Of the outputs that can still be read, and of the parameters of one activity: what one message of
Temporal holds is 2 MiB."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How far a walk is: the next place, and the outputs that what is left can read."""

    place: int = 0
    outputs: dict[str, Any] = {}


class Run(NamedTuple):
    """Run the script of an activity."""

    activity: Activity
    params: dict[str, Any]


class Skip(NamedTuple):
    """Leave out an activity and those below, since a condition is not met."""

    activities: tuple[str, ...]
    condition: str


class TooMuch(Exception):
    """Parameters or outputs that do not go together into one message."""


def next_step(plan: Plan, walk: Walk, given: Any) -> Run | Skip | None:
    """What comes next, None at the end; raises TooMuch."""
    if walk.place >= len(plan.activities):
        return None
    activity = plan.activities[walk.place]
    for condition in activity.applicability:
        # Null, false, 0 and whatever is empty: what Python takes for false of JSON's values.
        if not resolve(condition, given, walk.outputs):
            below = plan.activities[walk.place : activity.end]
            return Skip(tuple(each.id for each in below), _said(condition))
    params = resolve(activity.params, given, walk.outputs)
    size = len(_encode(params))
    if size > HELD_BYTES_MAX:
        raise TooMuch(
            f"its parameters are {size} bytes: {HELD_BYTES_MAX} at most, refer to parts of outputs"
        )
    return Run(activity, params)


def after_skip(plan: Plan, walk: Walk) -> Walk:
    """The walk behind an activity that was left out, and all below it."""
    return _at(plan, plan.activities[walk.place].end, walk.outputs)


def after_run(plan: Plan, walk: Walk, output: Any) -> Walk:
    """The walk behind an activity that was run; raises TooMuch."""
    activity = plan.activities[walk.place]
    after = _at(plan, walk.place + 1, {**walk.outputs, activity.id: output})
    size = len(_encode(after.outputs))
    if size > HELD_BYTES_MAX:
        raise TooMuch(
            f"the outputs that activities below can read are {size} bytes together:"
            f" {HELD_BYTES_MAX} at most"
        )
    return after


def _at(plan: Plan, place: int, outputs: dict[str, Any]) -> Walk:
    """At a place, with the outputs of its ancestors that it or something behind it reads."""
    kept: dict[str, Any] = {}
    if place < len(plan.activities):
        wanted = {id_ for activity in plan.activities[place:] for id_ in activity.reads}
        parent = plan.activities[place].parent
        while parent is not None:
            ancestor = plan.activities[parent]
            if ancestor.id in wanted and ancestor.id in outputs:
                kept[ancestor.id] = outputs[ancestor.id]
            parent = ancestor.parent
    return Walk(place=place, outputs=kept)


def _said(condition: Any) -> str:
    return condition if isinstance(condition, str) else _encode(condition).decode()
