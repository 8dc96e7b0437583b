"""The walk through a plan: parameters, conditions, what is left out and what is still held."""

from typing import Any

import pytest

from domain.plan import Plan, compile_plan
from domain.plan_values import ExpressionInvalid, resolve
from domain.plan_walk import Run, Skip, TooMuch, Walk, after_run, after_skip, next_step

GIVEN = {"encounter": {"id": "e1", "codes": ["A", "B"]}, "zero": 0, "empty": []}
OUTPUTS = {"context": {"coverages": [{"id": "c1"}], "0": "key"}}

TREE = """id: w
activities:
  - id: one
    script: ./activities/a.py
    activities:
      - id: two
        script: ./activities/a.py
        applicability: [$activities.one.output.ok]
        activities:
          - {id: three, script: ./activities/a.py, params: {from: $activities.one.output.ok}}
      - {id: four, script: ./activities/a.py}
  - {id: five, script: ./activities/a.py}
"""


def tree(text: str = TREE) -> Plan:
    return compile_plan(text, "w.yaml").plan


def walked(plan: Plan, given: Any, gives: dict[str, Any]) -> list[str]:
    """What is done, in order; what is left out stands in brackets."""
    walk, done = Walk(), list[str]()
    while (step := next_step(plan, walk, given)) is not None:
        if isinstance(step, Skip):
            done += [f"({each})" for each in step.activities]
            walk = after_skip(plan, walk)
        else:
            done.append(step.activity.id)
            walk = after_run(plan, walk, gives.get(step.activity.id))
    assert walk.outputs == {}
    return done


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("$input", GIVEN),
        ("$input.encounter.id", "e1"),
        ("$input.encounter.codes.1", "B"),
        ("$input.encounter.codes[0]", "A"),
        ("$input.encounter.codes[7]", None),
        ("$input.encounter.codes.x", None),
        ("$input.nothing.at.all", None),
        ("$input.encounter.id.deeper", None),
        ("$activities.context.output.coverages[0].id", "c1"),
        ("$activities.context.output.0", "key"),
        ("$activities.other.output.x", None),
        ("$$input.encounter", "$input.encounter"),
        ("costs $5", "costs $5"),
        (["$input.zero", {"a": "$input.empty"}], [0, {"a": []}]),
        (12, 12),
    ],
)
def test_a_parameter_comes_to_what_it_says(said: Any, found: Any) -> None:
    assert resolve(said, GIVEN, OUTPUTS) == found


@pytest.mark.parametrize("said", ["$", "$inputs", "$input.", "$input..a", "$activities.x", "$a b"])
def test_a_text_with_a_dollar_sign_is_an_expression_or_a_mistake(said: str) -> None:
    with pytest.raises(ExpressionInvalid):
        resolve(said, GIVEN, OUTPUTS)


def test_the_walk_is_depth_first() -> None:
    assert walked(tree(), {}, {"one": {"ok": 1}}) == ["one", "two", "three", "four", "five"]


@pytest.mark.parametrize("falsy", [None, False, 0, 0.0, "", [], {}])
def test_a_condition_that_is_empty_leaves_out_the_activity_and_all_below(falsy: Any) -> None:
    done = walked(tree(), {}, {"one": {"ok": falsy}})
    assert done == ["one", "(two)", "(three)", "four", "five"]


def test_a_missing_field_is_a_condition_that_is_not_met() -> None:
    assert "(two)" in walked(tree(), {}, {"one": None})
    step = next_step(tree(), Walk(place=1), {})
    assert step == Skip(("two", "three"), "$activities.one.output.ok")


def test_only_outputs_that_something_below_reads_are_held() -> None:
    plan = tree()
    walk = after_run(plan, Walk(), {"ok": 1})
    assert walk == Walk(place=1, outputs={"one": {"ok": 1}})
    walk = after_run(plan, walk, {"big": "x"})
    assert walk == Walk(place=2, outputs={"one": {"ok": 1}})
    step = next_step(plan, walk, {})
    assert isinstance(step, Run)
    assert step.params == {"from": 1}
    assert after_run(plan, walk, None).outputs == {}


def test_outputs_and_parameters_that_fit_no_message_are_refused() -> None:
    big = {"ok": "x" * (1024 * 1024)}
    with pytest.raises(TooMuch):
        after_run(tree(), Walk(), big)
    text = TREE.replace("{from: $activities.one.output.ok}", "{a: [$input, $input, $input]}")
    with pytest.raises(TooMuch):
        next_step(tree(text), Walk(place=2), {"x": "x" * 500_000})
