"""`daybook workflow` without a stack: mistakes by file and line; trees; what cannot be run."""

import json
from pathlib import Path

import pytest

from tests.fixtures.command_line import command

GOOD = "id: good\nactivities:\n  - id: a\n    script: ./activities/a.py\n"
TWICE = GOOD + "  - id: a\n    script: ./activities/none.py\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path, text in {
        "workflows/good.yaml": GOOD,
        "workflows/twice.yaml": TWICE,
        "activities/a.py": "def main(params):\n    return 1\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_a_check_names_file_line_and_rule_and_fails(project: Path) -> None:
    done = command("workflow", "check", "--project", str(project))
    assert done.exit_code == 1
    assert done.stdout == "workflows/twice.yaml:5: unique-id: 'a' is in line 3 already\n"
    assert "2 checked, 1 mistakes" in done.stderr
    good = command("workflow", "check", "good", "--project", str(project), "--json")
    assert (good.exit_code, json.loads(good.stdout)) == (0, {"checked": ["good"], "wrong": []})


def test_a_check_finds_what_is_not_there_and_what_leads_out(project: Path) -> None:
    missing = command("workflow", "check", "other", "--project", str(project))
    assert "workflows/other.yaml:1: file: there is no workflows/other.yaml" in missing.stdout
    (project / "activities/etc").symlink_to("/etc")
    linked = command("workflow", "check", "good", "--project", str(project))
    assert "path: activities/etc is a link out of the project" in linked.stdout
    assert (missing.exit_code, linked.exit_code) == (1, 1)


def test_a_graph_is_mermaid_or_says_why_there_is_none(project: Path) -> None:
    drawn = command("workflow", "graph", "good", "--project", str(project))
    assert drawn.stdout.startswith("flowchart TD\n")
    wrong = command("workflow", "graph", "twice", "--project", str(project))
    assert (wrong.exit_code, "unique-id" in wrong.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("../w",), "no name of a workflow"),
        (("w", "--branch", "-x"), "no name of a branch"),
        (("w", "--input", "[1]"), "no JSON object"),
        (("w", "--input", "{"), "no JSON object"),
        (("w", "--input", json.dumps({"x": "x" * 70_000})), "more than 65536 bytes"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_asked(
    arguments: tuple[str, ...], said: str
) -> None:
    done = command("workflow", "run", *arguments)
    assert (done.exit_code, said in done.stderr) == (1, True), done.stderr


def test_without_a_project_it_says_how_to_name_one(tmp_path: Path) -> None:
    done = command("workflow", "check", env={"WORKFLOW_DIR": str(tmp_path / "none")})
    assert (done.exit_code, "--project or WORKFLOW_DIR" in done.stderr) == (1, True)
    unsure = command("workflow", "check", env={"DYNAMIC_RELOAD": "perhaps"})
    assert "neither true nor false" in unsure.stderr
