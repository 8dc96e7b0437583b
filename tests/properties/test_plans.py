"""Whatever is written: a plan comes of it or a refusal, and every walk ends with all seen to."""

from contextlib import suppress
from typing import Any

import msgspec
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.workflow import WorkflowDefinition
from domain.plan import PlanInvalid, compile_plan, digest
from domain.plan_walk import Skip, Walk, after_run, after_skip, next_step

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A workflow whose activities read their ancestors and the input."""
    count = draw(st.integers(1, 12))
    nodes: list[dict[str, Any]] = []
    roots: list[dict[str, Any]] = []
    for number in range(count):
        parent = draw(st.none() | st.sampled_from(nodes)) if nodes else None
        above = parent["above"] + [parent["id"]] if parent else []
        reads = [f"$activities.{each}.output.ok" for each in above] + ["$input.a", True]
        node = {
            "id": f"n{number}",
            "script": "./activities/a.py",
            "params": {"x": draw(st.sampled_from(reads))},
            "applicability": draw(st.lists(st.sampled_from(reads), max_size=2)),
            "activities": [],
            "above": above,
        }
        nodes.append(node)
        (parent["activities"] if parent else roots).append(node)
    for node in nodes:
        del node["above"]
    return {"id": "w", "activities": roots}


def in_order(activities: list[dict[str, Any]]) -> list[str]:
    return [id_ for each in activities for id_ in [each["id"], *in_order(each["activities"])]]


@given(trees(), st.dictionaries(st.sampled_from(["a", "b"]), JSON), st.data())
def test_every_activity_is_seen_to_once_in_order_and_alike_after_a_break(
    definition: dict[str, Any], given_input: Any, data: st.DataObject
) -> None:
    text = msgspec.json.encode(definition).decode()
    plan = compile_plan(text, "w.yaml").plan
    walk, seen, ran = Walk(), list[str](), dict[str, Any]()
    while (step := next_step(plan, walk, given_input)) is not None:
        # What travels to the next history is enough to go on alike.
        again = msgspec.json.decode(msgspec.json.encode(walk), type=Walk)
        assert next_step(plan, again, given_input) == step
        if isinstance(step, Skip):
            seen += step.activities
            walk = after_skip(plan, again)
        else:
            seen.append(step.activity.id)
            ran[step.activity.id] = {"ok": data.draw(JSON)}
            walk = after_run(plan, again, ran[step.activity.id])
    assert seen == in_order(definition["activities"])
    parents = {each.id: each.parent for each in plan.activities}
    assert all(parents[id_] is None or plan.activities[parents[id_] or 0].id in ran for id_ in ran)


@given(trees())
def test_a_plan_is_its_own_digest_however_it_is_written(definition: dict[str, Any]) -> None:
    compact = compile_plan(msgspec.json.encode(definition).decode(), "w.yaml").plan
    spread = compile_plan(yaml.safe_dump(definition), "w.yaml").plan
    assert digest(compact) == digest(spread)
    msgspec.convert(definition, WorkflowDefinition)


@given(st.text(max_size=200) | st.text("idacvtes:[]{}&*!|>-#'\"%@ \n\t", max_size=200))
def test_any_text_is_a_plan_or_refused_with_a_line(text: str) -> None:
    with suppress(PlanInvalid):
        compile_plan(text, "w.yaml")
