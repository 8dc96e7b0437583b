"""The code of configured workflows: by commit, with its plans, its scripts and its packages."""

from pathlib import Path
from typing import Final

from domain.plan import Compiled
from services.workflows.environments import DependenciesUnusable, environment_of
from services.workflows.git import BranchUnknown, ProjectUnusable
from services.workflows.isolation import OWN, Interpreter
from services.workflows.loading import WorkflowUnknown, load_workflow, script_path
from services.workflows.projects import Projects
from services.workflows.settings import WorkflowSettings

_CODES: Final = {
    BranchUnknown: "BRANCH_UNKNOWN",
    ProjectUnusable: "PROJECT_UNUSABLE",
    WorkflowUnknown: "WORKFLOW_UNKNOWN",
    DependenciesUnusable: "DEPENDENCIES_UNUSABLE",
}


class CodeUnusable(Exception):
    """A branch, a workflow, a project or its packages cannot be used; `code` is stable."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.code = _CODES.get(type(why), "PROJECT_UNUSABLE")


class Code:
    """What runs are made of; its methods work on disk and may take minutes."""

    def __init__(self, settings: WorkflowSettings) -> None:
        self.settings = settings
        self.projects = Projects(settings)

    def commit(self, branch: str | None) -> str:
        """The commit that a run begins with; raises CodeUnusable."""
        try:
            return self.projects.commit(branch)
        except (BranchUnknown, ProjectUnusable) as why:
            raise CodeUnusable(why) from why

    def load(self, commit: str, workflow: str) -> Compiled:
        """A workflow of a commit, for which everything is there; raises CodeUnusable and
        PlanInvalid."""
        try:
            project = self.projects.checkout(commit)
            compiled = load_workflow(project, workflow, self.settings.built_in_dir)
            if any(not placed.script.is_built_in for placed in compiled.scripts):
                self._environment(project)
        except tuple(_CODES) as why:
            raise CodeUnusable(why) from why
        return compiled

    def place(self, commit: str, script: str) -> tuple[Path, Path, Interpreter]:
        """A script of a commit: the project, the file, and what it is run by; raises
        CodeUnusable."""
        try:
            project = self.projects.checkout(commit)
            path = script_path(script, project, self.settings.built_in_dir)
            is_built_in = path.is_relative_to(self.settings.built_in_dir)
            return project, path, OWN if is_built_in else self._environment(project)
        except (*_CODES, ValueError) as why:
            raise CodeUnusable(why) from why

    def _environment(self, project: Path) -> Interpreter:
        return environment_of(project, self.settings.checkouts_dir / "environments")
