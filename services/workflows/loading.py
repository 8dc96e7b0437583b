"""A workflow of a project is loaded: its file read, its plan made, its scripts found where they are
said to be.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from domain.plan import Compiled, Placed, PlanInvalid, Wrong, compile_plan
from domain.plan_scripts import Script, script
from domain.plan_yaml import TEXT_BYTES_MAX

FOLDER: Final = "workflows"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


class WorkflowUnknown(Exception):
    """A project has no workflow of that name."""


def check_name(workflow: str) -> str:
    """The name, when it can be a workflow's: it becomes a path; raises WorkflowUnknown."""
    if not _NAME.fullmatch(workflow):
        raise WorkflowUnknown(f"{workflow!r} is no name of a workflow")
    return workflow


def workflows_of(project: Path) -> list[str]:
    """The names of the workflows of a project."""
    return sorted(path.stem for path in (project / FOLDER).glob("*.yaml"))


def load_workflow(project: Path, workflow: str, built_in: Path) -> Compiled:
    """The plan of a workflow, all of whose scripts are there; raises WorkflowUnknown and
    PlanInvalid."""
    file = f"{FOLDER}/{check_name(workflow)}.yaml"
    path = project / file
    if not path.is_file():
        raise WorkflowUnknown(f"there is no {file} in the project")
    if not _is_inside(path, project):
        raise PlanInvalid((Wrong(file, 1, "path", "the file is a link out of the project"),))
    compiled = compile_plan(_text(path, file), file)
    wrongs = tuple(_wrong_scripts(compiled.scripts, project, built_in, file))
    if wrongs:
        raise PlanInvalid(wrongs)
    return compiled


def script_path(name: str, project: Path, built_in: Path) -> Path:
    """The file of a script of a plan; raises ValueError when it is not there any more."""
    found = script(name)
    wrong = _wrong_with(found, project, built_in)
    if wrong is not None:
        raise ValueError(wrong)
    return _root(found, project, built_in) / found.path


def _text(path: Path, file: str) -> str:
    with path.open("rb") as opened:
        content = opened.read(TEXT_BYTES_MAX + 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise PlanInvalid((Wrong(file, line, "yaml", "the file is not UTF-8"),)) from None


def _wrong_scripts(
    scripts: tuple[Placed, ...], project: Path, built_in: Path, file: str
) -> Iterator[Wrong]:
    for placed in scripts:
        wrong = _wrong_with(placed.script, project, built_in)
        if wrong is not None:
            yield Wrong(file, placed.line, "script", wrong)


def _wrong_with(script: Script, project: Path, built_in: Path) -> str | None:
    root = _root(script, project, built_in)
    path = root / script.path
    if not _is_inside(path, root):
        return f"{script} leads out of {'BUILT_IN_DIR' if script.is_built_in else 'the project'}"
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        is_file = False
    return None if is_file else f"there is no {script}"


def _root(script: Script, project: Path, built_in: Path) -> Path:
    return built_in if script.is_built_in else project


def _is_inside(path: Path, root: Path) -> bool:
    """Whether a path stays below a folder, its links followed."""
    return path.resolve().is_relative_to(root.resolve())
