"""The config project: which commit a run begins with, its checkout, and bringing it up to date.

Code is run from a checkout of the commit that its run recorded, whoever moves a branch meanwhile.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec
import structlog

from services.workflows.git import (
    BranchUnknown,
    Clone,
    ProjectUnusable,
    check_branch,
    head_of_worktree,
)
from services.workflows.settings import WorkflowSettings

_READY: Final = ".ready"
_log = structlog.get_logger()


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync came to: each branch's commit, and the checkouts that it removed."""

    fetched: bool
    branches: dict[str, str]
    removed: tuple[str, ...]


class Projects:
    """The config project of a deployment; every method works on disk and may take a while."""

    def __init__(self, settings: WorkflowSettings) -> None:
        self._settings = settings
        self._kept: dict[str, str] = {}

    def commit(self, branch: str | None) -> str:
        """The commit that a run begins with; raises BranchUnknown and ProjectUnusable.

        Without DYNAMIC_RELOAD it is what this process found first.
        """
        if self._settings.dynamic_reload:
            return self._newest(branch)
        key = branch or ""
        if key not in self._kept:
            self._kept[key] = self._newest(branch)
        return self._kept[key]

    def checkout(self, commit: str) -> Path:
        """The folder with a commit's files, made where there is none; raises ProjectUnusable."""
        folder = self._settings.checkouts_dir / commit
        with self._locked(fcntl.LOCK_SH):
            if self._mark(folder).exists():
                return folder
        with self._locked(), self._clone() as clone:
            if not self._mark(folder).exists():
                if not clone.has(commit):
                    raise ProjectUnusable(f"{clone.folder} has no commit {commit} any more")
                clone.add_worktree(folder, commit)
                check_links(folder)
                self._mark(folder).touch()
        return folder

    def sync(self, in_use: Callable[[], Collection[str]]) -> Synced:
        """Fetch, update the clone and the worktrees, remove checkouts of commits not `in_use`.

        That is asked while nobody gets a checkout: whoever comes later has noted its commit first.
        Raises RemoteAway and ProjectUnusable.
        """
        with self._clone() as clone:
            fetched = clone.fetch()  # before the lock: a remote takes its time
        with self._locked(), self._clone() as clone:
            main = clone.main_branch()
            if fetched and main is not None:
                clone.follow_origin(clone.folder, main)
            branches = {main or "HEAD": clone.head()}
            for folder in _folders(self._settings.worktrees_dir):
                branch = _branch_of(folder)
                if fetched:
                    clone.follow_origin(folder, branch)
                branches[branch] = head_of_worktree(folder)
            removed = tuple(self._remove_unused(clone, in_use()))
        return Synced(fetched=fetched, branches=branches, removed=removed)

    def _newest(self, branch: str | None) -> str:
        with self._clone() as clone:
            if branch is None or branch == clone.main_branch():
                return clone.head()
            folder = self._settings.worktrees_dir / _folder_of(check_branch(branch))
            with self._locked():
                if not (folder / ".git").exists():
                    clone.add_worktree(folder, clone.head_of_branch(branch), branch)
            return head_of_worktree(folder)

    def _remove_unused(self, clone: Clone, in_use: Collection[str]) -> Iterator[str]:
        for folder in _folders(self._settings.checkouts_dir):
            if folder.name in in_use or not self._mark(folder).exists():
                continue
            self._mark(folder).unlink()
            clone.remove_worktree(folder)
            _log.info("checkout removed", commit=folder.name)
            yield folder.name

    def _mark(self, folder: Path) -> Path:
        """Beside a checkout once it is complete."""
        return folder.with_name(f"{folder.name}{_READY}")

    @contextmanager
    def _clone(self) -> Iterator[Clone]:
        clone = Clone(self._settings.workflow_dir)
        try:
            yield clone
        finally:
            clone.close()

    @contextmanager
    def _locked(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        """Alone among the processes of this machine, or with others that change nothing."""
        try:
            self._settings.checkouts_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._settings.checkouts_dir / ".lock", os.O_RDWR | os.O_CREAT)
        except OSError as denied:
            raise ProjectUnusable(
                f"{self._settings.checkouts_dir} cannot be written ({denied.strerror}): set"
                " CHECKOUTS_DIR"
            ) from denied
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def check_links(project: Path) -> None:
    """Refuse links that lead out of a project; raises ProjectUnusable."""
    root = project.resolve()
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise ProjectUnusable(f"{path.relative_to(root)} is a link out of the project")


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(each for each in parent.iterdir() if (each / ".git").exists())


def _folder_of(branch: str) -> str:
    """A name for a folder of its own: a slash would make it one within another's."""
    return quote(branch, safe="")


def _branch_of(folder: Path) -> str:
    return unquote(folder.name)


__all__ = ["BranchUnknown", "ProjectUnusable", "Projects", "Synced", "check_links"]
