"""Signed checkpoints against the tree: each one signed by the log's key, over the root that the
stored bytes give. That they go on from each other follows: they are roots of one growing tree.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from projections.statements import AnyConnection
from services.audit.checker import Checkpoint, Key, Refused, open_checkpoint, parse_key
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import Row
from services.audit.signing import origin_of
from services.audit.tree import Tree

_READ: Final = (
    "SELECT size, root, note, key FROM daybook.signed_checkpoints"
    " WHERE size > $1 ORDER BY size LIMIT $2"
)
_LAST_EVENT: Final = "SELECT tenant, stream_id, version FROM daybook.event_log WHERE position = $1"
_AT_ONCE: Final = 500


class Kept(NamedTuple):
    """What an auditor brings along: the keys that may have signed, and a checkpoint of before."""

    keys: tuple[Key, ...] = ()
    """None known: those that the checkpoints are stored with, which the report names."""
    checkpoint: bytes | None = None


NOTHING_KEPT: Final = Kept()


class _Problem(NamedTuple):
    size: int
    what: str
    expected: str
    found: str


class Checkpoints:
    """Holds the tree to what was signed of it, as it grows."""

    def __init__(self, findings: Findings, log_id: str, kept: Kept, since: int) -> None:
        self.keys: set[str] = set()
        """Who signed what was well."""
        self.last = 0
        """The size of the last one that was well."""
        self._findings = findings
        self._origin = origin_of(log_id)
        self._known = kept.keys
        self._kept_note = kept.checkpoint
        self._kept: Checkpoint | None = None
        self._behind = since - 1
        self._ahead: list[Row] = []
        self._is_end = False

    async def start(self, connection: AnyConnection) -> None:
        """Read the one that somebody kept, which a log that was rolled back cannot have."""
        if self._kept_note is None:
            return
        self._findings.checked(Check.CHECKPOINTS, 1)
        rows = await connection.fetch("SELECT DISTINCT key FROM daybook.signed_checkpoints")
        keys = self._known or [parse_key(row["key"]) for row in rows]
        opened = _opened(self._kept_note, keys)
        if isinstance(opened, Checkpoint) and opened.origin == self._origin:
            self._kept = opened
            return
        found = opened if isinstance(opened, str) else opened.origin
        what = "the kept checkpoint is none of this log"
        self._findings.add(Check.CHECKPOINTS, what, expected=self._origin, found=found)

    async def take(self, connection: AnyConnection, tree: Tree, leaves: Sequence[bytes]) -> None:
        """Let the tree grow, and look at it at each size that was signed."""
        first, last = tree.size, tree.size + len(leaves)
        due = [row async for row in self._until(connection, last)]
        sizes = {row["size"] for row in due}
        kept = self._kept
        if kept is not None and first < kept.size <= last:
            sizes.add(kept.size)
        roots = await tree.take(connection, leaves, sorted(sizes))
        wrong = [self._problem(row, roots[row["size"]]) for row in due]
        if kept is not None and kept.size in roots:
            wrong.append(_differs("the kept checkpoint", kept, roots[kept.size]))
        for problem in wrong:
            if problem is not None:
                await self._add(connection, problem)

    async def _until(self, connection: AnyConnection, size: int) -> AsyncIterator[Row]:
        while not self._is_end or self._ahead:
            if not self._ahead:
                self._ahead = await connection.fetch(_READ, self._behind, _AT_ONCE)
                self._is_end = len(self._ahead) < _AT_ONCE
                if not self._ahead:
                    return
                self._behind = self._ahead[-1]["size"]
            if self._ahead[0]["size"] > size:
                return
            yield self._ahead.pop(0)

    def _problem(self, row: Row, root: bytes) -> "_Problem | None":
        self._findings.checked(Check.CHECKPOINTS, 1)
        size, what = row["size"], f"the checkpoint of {row['size']} events"
        try:
            keys = self._known or (parse_key(row["key"]),)
        except Refused as refused:
            return _Problem(size, f"{what} names no key: {refused}", self._origin, row["key"])
        opened = _opened(row["note"], keys)
        if isinstance(opened, str):
            signers = " or ".join(key.text for key in keys)
            return _Problem(size, f"{what} is forged", f"signed by {signers}", opened)
        stored = Checkpoint(self._origin, size, row["root"])
        if opened != stored:
            return _Problem(size, f"{what} says other", _said(stored), _said(opened))
        differs = _differs(what, opened, root)
        if differs is None:
            self.keys.add(row["key"])
            self.last = size
        return differs

    async def _add(self, connection: AnyConnection, problem: "_Problem") -> None:
        """A finding, at the last event that the checkpoint is over."""
        last = await connection.fetchrow(_LAST_EVENT, problem.size)
        self._findings.add(
            Check.CHECKPOINTS,
            problem.what,
            position=problem.size,
            **(dict(last) if last else {}),
            expected=problem.expected,
            found=problem.found,
        )

    async def finish(self, connection: AnyConnection, size: int) -> None:
        """Nothing may have been signed beyond the end of the log."""
        beyond = await connection.fetch(_READ, size, FINDINGS_KEPT_MAX)
        for row in beyond:
            self._rolled_back("a checkpoint", row["size"], size)
        if self._kept is not None and self._kept.size > size:
            self._rolled_back("the kept checkpoint", self._kept.size, size)

    def _rolled_back(self, what: str, signed: int, size: int) -> None:
        self._findings.add(
            Check.CHECKPOINTS,
            f"the log was rolled back: it ends before {what}",
            position=size + 1,
            expected=str(signed),
            found=str(size),
        )


def _differs(what: str, checkpoint: Checkpoint, root: bytes) -> _Problem | None:
    """Whether the stored bytes give another root than the one that was signed."""
    if checkpoint.root == root:
        return None
    what = f"the log is not what {what} signed"
    return _Problem(checkpoint.size, what, checkpoint.root.hex(), root.hex())


def _said(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.origin} {checkpoint.size} {checkpoint.root.hex()}"


def _opened(note: bytes, keys: Sequence[Key]) -> Checkpoint | str:
    """The checkpoint, or why it is none that any of these keys signed."""
    reasons = []
    for key in keys:
        try:
            return open_checkpoint(note, key)
        except Refused as refused:
            reasons.append(str(refused))
    return "; ".join(reasons) or "no key is known that could have signed it"
