"""Broken and hostile projects: a clear error at the right moment, and a worker that goes on."""

from typing import Any

import pytest

from contracts.workflow_run import WorkflowRunStarted
from tests.fixtures.config_projects import SCRIPT, one_activity
from tests.workflows.configured import Configured

NEVER_BEGINS: dict[str, tuple[dict[str, Any], dict[str, str], str, str]] = {
    "no such workflow": ({"workflow": "other"}, {}, "WORKFLOW_UNKNOWN", "workflows/other.yaml"),
    "no such branch": ({"branch": "nowhere"}, {}, "BRANCH_UNKNOWN", "nowhere"),
    "no yaml": ({}, {"workflows/w.yaml": "id: ["}, "WORKFLOW_INVALID", "w.yaml:1: yaml"),
    "out of the project": (
        {},
        {"workflows/w.yaml": one_activity("../evil.py")},
        "WORKFLOW_INVALID",
        "workflows/w.yaml:4: script: '../evil.py' leaves the project",
    ),
    "no such script": (
        {},
        {"workflows/w.yaml": one_activity("./activities/none.py")},
        "WORKFLOW_INVALID",
        "workflows/w.yaml:4: script: there is no ./activities/none.py",
    ),
    "no such built-in": (
        {},
        {"workflows/w.yaml": one_activity("@daybook-billing/money/print")},
        "WORKFLOW_INVALID",
        "there is no @daybook-billing/money/print",
    ),
    "a cycle": (
        {},
        {"workflows/w.yaml": one_activity(params="{x: $activities.say.output}")},
        "WORKFLOW_INVALID",
        "workflows/w.yaml:5: cycle",
    ),
    "duplicate ids": (
        {},
        {"workflows/w.yaml": one_activity(activities="[{id: say, script: ./activities/say.py}]")},
        "WORKFLOW_INVALID",
        "unique-id: 'say' is in line 3 already",
    ),
    "packages that are not pinned": (
        {},
        {"requirements.txt": "requests\n"},
        "DEPENDENCIES_UNUSABLE",
        "does not pin",
    ),
}


@pytest.mark.parametrize("what", NEVER_BEGINS)
async def test_what_cannot_begin_says_why_and_the_worker_goes_on(
    configured: Configured, what: str
) -> None:
    asked, files, code, said = NEVER_BEGINS[what]
    project = configured.project
    project.write("workflows/w.yaml", one_activity())
    project.write("activities/say.py", SCRIPT % "well")
    for path, text in files.items():
        project.write(path, text)
    project.commit_all()
    run_id = await configured.run(**asked)
    failed, detail = await configured.failure(run_id)
    assert (failed.code, failed.activity) == (code, None)
    assert said in detail
    assert await configured.of(run_id, WorkflowRunStarted) == []


async def test_a_link_out_of_the_project_keeps_every_run_from_beginning(
    configured: Configured,
) -> None:
    project = configured.project
    project.write("workflows/w.yaml", one_activity())
    project.write("activities/say.py", SCRIPT % "well")
    (project.folder / "activities/etc").symlink_to("../../../../etc")
    project.commit_all()
    failed, detail = await configured.failure(await configured.run())
    assert (failed.code, detail) == (
        "PROJECT_UNUSABLE",
        "activities/etc is a link out of the project",
    )


@pytest.mark.parametrize(
    ("text", "fields", "code", "said"),
    [
        ("def main(params):\n    raise OSError('no')\n", {}, "SCRIPT_FAILED", "OSError: no"),
        ("import sys\nmain = sys.exit\n", {}, "SCRIPT_EXITED", "sys.exit"),
        ("while True: pass\n", {"timeout_seconds": "1"}, "SCRIPT_TIMED_OUT", "after 1 s"),
        ("def main(params):\n    return object()\n", {}, "OUTPUT_NOT_JSON", "not JSON"),
    ],
)
async def test_a_script_that_fails_ends_its_run_there_with_the_traceback(
    configured: Configured, text: str, fields: dict[str, str], code: str, said: str
) -> None:
    project = configured.project
    below = "[{id: below, script: ./activities/well.py}]"
    project.write("workflows/w.yaml", one_activity(**fields, activities=below))
    project.write("activities/say.py", text)
    project.write("activities/well.py", SCRIPT % "well")
    project.write("workflows/next.yaml", one_activity("./activities/well.py"))
    project.commit_all()
    run_id = await configured.run()
    failed, detail = await configured.failure(run_id)
    assert (failed.code, failed.activity, failed.attempts) == (code, "say", 1)
    assert said in detail
    assert await configured.outputs(run_id) == {}
    following = await configured.run("next", name="next")
    assert await configured.over(following) == ["completed"]


# Fails until there have been as many attempts as it is told.
FLAKY = """import daybook_activity


def main(params):
    if daybook_activity.current().attempt < params["works"]:
        raise OSError("not yet")
    return "well"
"""


@pytest.mark.parametrize(
    ("fields", "works", "ends", "attempts"),
    [
        ({"retry": "{attempts: 3, backoff_seconds: 0}"}, 3, "completed", 3),
        ({"retry": "{attempts: 2, backoff_seconds: 0}"}, 3, "failed", 2),
        ({}, 2, "failed", 1),
        (
            {"retry": "{attempts: 3, backoff_seconds: 0}", "non_retryable": "true"},
            2,
            "failed",
            1,
        ),
    ],
)
async def test_a_script_is_run_as_often_as_its_node_says(
    configured: Configured, fields: dict[str, str], works: int, ends: str, attempts: int
) -> None:
    configured.project.write(
        "workflows/w.yaml", one_activity(params="{works: $input.works}", **fields)
    )
    configured.project.write("activities/say.py", FLAKY)
    configured.project.commit_all()
    run_id = await configured.run(given={"works": works})
    assert await configured.over(run_id) == [ends]
    if ends == "failed":
        failed, _ = await configured.failure(run_id)
        assert failed.attempts == attempts
    else:
        assert await configured.outputs(run_id) == {"say": "well"}


async def test_outputs_that_are_long_go_on_to_children_and_are_kept_by_their_digest(
    configured: Configured,
) -> None:
    project = configured.project
    project.write(
        "workflows/w.yaml",
        one_activity(
            activities="[{id: below, script: ./activities/size.py,"
            " params: {x: $activities.say.output}}]"
        ),
    )
    project.write("activities/say.py", "def main(params):\n    return 'x' * 200_000\n")
    project.write("activities/size.py", "def main(params):\n    return len(params['x'])\n")
    project.commit_all()
    run_id = await configured.run()
    assert await configured.outputs(run_id) == {"say": None, "below": 200_000}


async def test_outputs_that_no_message_holds_together_end_the_run(
    configured: Configured,
) -> None:
    project = configured.project
    levels = 5
    tree = "id: w\nactivities:\n"
    for level in range(levels):
        pad = "    " * level
        tree += f"{pad}  - id: n{level}\n{pad}    script: ./activities/big.py\n"
        tree += f"{pad}    activities:\n"
    reads = ", ".join(f"$activities.n{level}.output" for level in range(levels))
    pad = "    " * levels
    tree += f"{pad}  - {{id: all, script: ./activities/big.py, params: {{x: [{reads}]}}}}\n"
    project.write("workflows/w.yaml", tree)
    project.write("activities/big.py", "def main(params):\n    return 'x' * 250_000\n")
    project.commit_all()
    failed, detail = await configured.failure(await configured.run())
    assert (failed.code, failed.activity) == ("TOO_LARGE", "n4")
    assert "1048576 at most" in detail
