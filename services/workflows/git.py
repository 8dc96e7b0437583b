"""A clone of a git repository and its worktrees, by dulwich: there need be no git program.

Whatever is on disk may be shared by processes; whoever changes it holds the lock of projects.py.
"""

import io
import re
import shutil
from pathlib import Path
from typing import Final

from dulwich import porcelain
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.graph import can_fast_forward
from dulwich.objects import Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_NO_BRANCH: Final = re.compile(r"\.\.|//|/\.|\.lock(/|$)|[./]$")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


class ProjectUnusable(Exception):
    """The config project is not there, or not as it has to be; the text says what to do."""


class BranchUnknown(Exception):
    """No branch of that name, or nothing that could be one."""


class RemoteAway(Exception):
    """The remote repository does not answer."""


def check_branch(branch: str) -> str:
    """The branch, when it can be one: it becomes a path; raises BranchUnknown."""
    if not _BRANCH.fullmatch(branch) or _NO_BRANCH.search(branch):
        raise BranchUnknown(f"{branch!r} is no name of a branch")
    return branch


class Clone:
    """The main clone of a config project."""

    def __init__(self, folder: Path) -> None:
        try:
            self._repo = Repo(str(folder))
        except NotGitRepository:
            raise ProjectUnusable(
                f"there is no git repository at {folder}: clone the config project, and set"
                " WORKFLOW_DIR"
            ) from None
        self.folder = folder

    def close(self) -> None:
        """Let go of its files."""
        self._repo.close()

    def main_branch(self) -> str | None:
        """The branch that is checked out, None where a commit is."""
        followed, _ = self._repo.refs.follow(Ref(b"HEAD"))
        name = followed[-1].decode()
        return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None

    def head(self) -> str:
        """The commit that is checked out; raises ProjectUnusable."""
        return _head_of(self._repo, self.folder)

    def head_of_branch(self, branch: str) -> str:
        """The newest commit of a branch, here or as it was fetched; raises BranchUnknown."""
        for name in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
            found = self._repo.refs.read_ref(Ref(name.encode()))
            if found is not None:
                return found.decode()
        raise BranchUnknown(f"there is no branch {branch!r} in {self.folder}")

    def has(self, commit: str) -> bool:
        """Whether a commit is here."""
        return bool(_COMMIT.fullmatch(commit)) and ObjectID(commit.encode()) in self._repo

    def add_worktree(self, folder: Path, commit: str, branch: str | None = None) -> None:
        """Check a commit out into a folder, which takes the place of what is there.

        On a branch where one is named, else detached. The library's own way would leave files of
        the main clone's commit in it.
        """
        self.remove_worktree(folder)
        folder.mkdir(parents=True)
        control = self._control(folder)
        control.mkdir(parents=True, exist_ok=True)
        (folder / ".git").write_text(f"gitdir: {control}\n")
        (control / "gitdir").write_text(f"{folder / '.git'}\n")
        (control / "commondir").write_text("../..\n")
        if branch is None:
            (control / "HEAD").write_text(f"{commit}\n")
        else:
            self._repo.refs[Ref(f"refs/heads/{branch}".encode())] = ObjectID(commit.encode())
            (control / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        with Repo(str(folder)) as made:
            made.get_worktree().reset_index()

    def remove_worktree(self, folder: Path) -> None:
        """Remove a worktree, or what is left of one."""
        shutil.rmtree(self._control(folder), ignore_errors=True)
        if folder.exists():
            shutil.rmtree(folder)

    def fetch(self) -> bool:
        """Fetch from `origin`; False where there is none. Raises RemoteAway."""
        if (b"remote", b"origin") not in self._repo.get_config().sections():
            return False
        quiet = io.StringIO()
        try:
            porcelain.fetch(
                self._repo, "origin", outstream=quiet, errstream=io.BytesIO(), prune=True
            )
        except (GitProtocolError, HangupException, NotGitRepository, OSError) as away:
            raise RemoteAway(f"the remote of {self.folder} does not answer: {away}") from away
        return True

    def follow_origin(self, folder: Path, branch: str) -> None:
        """Bring a branch and the folder where it is checked out to what was fetched.

        What is only here, and on top of that, stays; what went another way is given up.
        """
        found = self._repo.refs.read_ref(Ref(f"refs/remotes/origin/{branch}".encode()))
        if found is None:
            return
        fetched = ObjectID(found)
        with Repo(str(folder)) as opened:
            here = opened.head()
            if here != fetched and not can_fast_forward(self._repo, fetched, here):
                porcelain.reset(opened, "hard", fetched)

    def _control(self, folder: Path) -> Path:
        return Path(self._repo.controldir()).resolve() / "worktrees" / folder.name


def head_of_worktree(folder: Path) -> str:
    """The commit that a worktree is at; raises ProjectUnusable."""
    with Repo(str(folder)) as opened:
        return _head_of(opened, folder)


def _head_of(repo: Repo, folder: Path) -> str:
    try:
        found = repo[repo.head()]
    except KeyError:
        raise ProjectUnusable(f"{folder} has no commit yet") from None
    assert isinstance(found, Commit), "HEAD is a commit"
    return found.id.decode()
