"""Where configured workflows are; these variables bear the names that they always had."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from services.cannot_run import CannotRun

BUILT_IN: Final = Path(__file__).parent / "built_in"
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off", ""})


class WorkflowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The config project of a deployment, and what is made of it."""

    workflow_dir: Path = Path("/data/repo")
    """The clone whose HEAD is production's code."""
    worktrees_dir: Path = Path("/data/worktrees")
    """A worktree for each other branch that is run."""
    checkouts_dir: Path = Path("/data/checkouts")
    """A checkout for each commit that is run, and the environments of their dependencies."""
    built_in_dir: Path = BUILT_IN
    dynamic_reload: bool = False
    """Whether each run looks for the newest commit; else a worker keeps to what it began with."""
    script_variables: tuple[str, ...] = ()
    """Names of variables that scripts are given besides, `WORKFLOW_SCRIPT_VARIABLES`."""

    @classmethod
    def from_environment(cls, data_dir: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings of the variables; raises CannotRun.

        Where `/data` is not for us, what is made lies in the data directory.
        """
        own = None if os.access("/data", os.W_OK) else data_dir.resolve() / "workflows"
        given: dict[str, Path] = {}
        for name in ("workflow_dir", "worktrees_dir", "checkouts_dir", "built_in_dir"):
            if said := environment.get(name.upper()):
                given[name] = Path(said).resolve()
            elif own is not None and name in ("worktrees_dir", "checkouts_dir"):
                given[name] = own / name.removesuffix("_dir")
        return cls(
            **given,
            dynamic_reload=_truth(environment.get("DYNAMIC_RELOAD", "")),
            script_variables=tuple(environment.get("WORKFLOW_SCRIPT_VARIABLES", "").split()),
        )


def _truth(said: str) -> bool:
    if said.lower() in _TRUE:
        return True
    if said.lower() in _FALSE:
        return False
    raise CannotRun(f"DYNAMIC_RELOAD={said!r} is neither true nor false")
