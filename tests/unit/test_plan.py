"""Plans: what the file of a workflow says, in the order of work; what is wrong with one."""

from typing import Any

import pytest

from domain.plan import ACTIVITIES_MAX, DEPTH_MAX, Compiled, PlanInvalid, compile_plan, digest
from domain.plan_graph import mermaid

PREBILL = """id: prebill
description: What happens before a bill
activities:
  - id: context
    script: "@aidbox-billing/billing-case/fetch-context"
    params: {encounterId: $input.encounterId, keep: [1, 0.5, yes, null, true, "12", $$5]}
    activities:
      - id: check
        script: ./activities/prebill/check.py
        applicability:
          - $activities.context.output.coverages
        params:
          first: $activities.context.output.coverages[0].id
        retry: {attempts: 3, backoff_seconds: 2}
      - id: save
        script: "@daybook-billing/billing-case/save"
        non_retryable: true
        timeout_seconds: 5
  - id: last
    script: ./activities/last.py
"""


def compiled(text: str) -> Compiled:
    return compile_plan(text, "workflows/w.yaml")


def one(params: str = "{}", script: str = "./activities/a.py", more: str = "") -> str:
    return f"id: w\nactivities:\n  - id: a\n    script: {script}\n    params: {params}\n{more}"


def wrong(text: str) -> list[tuple[int, str]]:
    with pytest.raises(PlanInvalid) as refused:
        compiled(text)
    assert all(each.file == "workflows/w.yaml" for each in refused.value.wrongs)
    return [(each.line, each.rule) for each in refused.value.wrongs]


def test_activities_are_in_the_order_of_work_each_knowing_what_is_below() -> None:
    plan = compiled(PREBILL).plan
    assert [(each.id, each.parent, each.end) for each in plan.activities] == [
        ("context", None, 3),
        ("check", 0, 2),
        ("save", 0, 3),
        ("last", None, 4),
    ]
    assert plan.activities[1].reads == ("context",)
    assert (plan.activities[1].retry.attempts, plan.activities[2].non_retryable) == (3, True)


def test_literals_are_what_json_has() -> None:
    assert compiled(PREBILL).plan.activities[0].params["keep"] == [
        *(1, 0.5, "yes", None, True, "12", "$$5")
    ]


def test_scripts_are_named_with_their_lines_and_an_alias_as_what_it_stands_for() -> None:
    found = compiled(PREBILL)
    assert [(str(each.script), each.line) for each in found.scripts] == [
        ("@daybook-billing/billing-case/fetch-context", 5),
        ("./activities/prebill/check.py", 9),
        ("@daybook-billing/billing-case/save", 16),
        ("./activities/last.py", 20),
    ]
    assert found.plan.activities[0].script == "@daybook-billing/billing-case/fetch-context"


def test_a_digest_is_of_the_plan_and_not_of_how_it_is_written() -> None:
    same = "# a comment\n" + PREBILL.replace("description: What happens before a bill\n", "")
    assert digest(compiled(same).plan) == digest(compiled(PREBILL).plan)
    other = PREBILL.replace("attempts: 3", "attempts: 4")
    assert digest(compiled(other).plan) != digest(compiled(PREBILL).plan)


def test_a_sibling_a_descendant_and_oneself_cannot_be_read() -> None:
    sibling = PREBILL.replace("timeout_seconds: 5", "params: {x: $activities.check.output.ok}")
    assert wrong(sibling) == [(18, "ancestor")]
    below = PREBILL.replace("$input.encounterId", "$activities.check.output.id")
    assert wrong(below) == [(6, "ancestor")]
    oneself = PREBILL.replace("$input.encounterId", "$activities.context.output.id")
    assert wrong(oneself) == [(6, "cycle")]
    nobody = PREBILL.replace("- $activities.context", "- $activities.contxt")
    assert wrong(nobody) == [(11, "ancestor")]


def test_every_mistake_is_named_at_once() -> None:
    text = PREBILL.replace("id: save", "id: check").replace("$input.encounterId", "$inptu.x")
    assert wrong(text) == [(6, "expression"), (15, "unique-id")]


@pytest.mark.parametrize(
    "script",
    [
        "../evil.py",
        "./activities/../../evil.py",
        "./activities/..\\..\\evil.py",
        "/etc/passwd.py",
        "./lib/other.py",
        "./activities/a.sh",
        "./activities/.hidden.py",
        "./activities//a.py",
        '"@other/group/name"',
        '"@daybook-billing/../../evil"',
        '"@daybook-billing/one"',
        '"./activities/a\\0.py"',
        "file:///activities/a.py",
    ],
)
def test_a_script_is_of_the_project_or_built_in(script: str) -> None:
    assert wrong(one(script=script))[0][0] == 4


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("", 1, "schema"),
        ("just words", 1, "schema"),
        ("id: w", 1, "schema"),
        ("id: w\nactivities: []", 2, "schema"),
        ("id: w\nactivities:\n  - id: a b\n    script: ./activities/a.py", 3, "schema"),
        (one(more="    sctipt: x"), 3, "schema"),
        (one(more="    timeout_seconds: 0"), 6, "schema"),
        (one(more="    retry: {attempts: 0}"), 6, "schema"),
        (one(more="    id: b"), 6, "unique-key"),
        (one("&x {a: 1}"), 5, "no-anchors"),
        (one("{a: *x}"), 5, "no-anchors"),
        (one("!!python/object:os.system {}"), 5, "no-tags"),
        (one("{? [a] : 1}"), 5, "yaml"),
        (one("{a: [}"), 5, "yaml"),
        (one("{a: 1e99}").replace("1e99", "9" * 40), 5, "number"),
        (one("{a: 1e999}"), 5, "number"),
        ("id: w\n---\nid: w", 2, "yaml"),
        ("id: w\x07", 1, "yaml"),
        (one("[" * 70 + "]" * 70), 5, "too-deep"),
        (one('{a: "' + "x" * 300_000 + '"}'), 1, "too-large"),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_the_rule(
    text: str, line: int, rule: str
) -> None:
    assert (line, rule) in wrong(text)


def test_a_workflow_has_neither_too_many_activities_nor_too_many_levels() -> None:
    row = "  - {id: a%d, script: ./activities/a.py}\n"
    many = "id: w\nactivities:\n" + "".join(row % each for each in range(ACTIVITIES_MAX + 1))
    assert wrong(many) == [(1, "too-large")]
    deep: Any = "  - {id: a0, script: ./activities/a.py"
    for level in range(1, DEPTH_MAX + 1):
        deep += f", activities: [{{id: a{level}, script: ./activities/a.py"
    deep += "}]" * DEPTH_MAX + "}\n"
    assert wrong("id: w\nactivities:\n" + deep) == [(3, "too-deep")]


def test_a_graph_has_the_conditions_on_the_lines() -> None:
    drawn = mermaid(compiled(PREBILL).plan).splitlines()
    assert drawn[:2] == ["flowchart TD", '  start(["prebill"])']
    assert '  a0 -->|"$activities.context.output.coverages"| a1' in drawn
    assert "  start --> a3" in drawn
    assert '  a1["check<br/>./activities/prebill/check.py"]' in drawn
