"""Evidence bundles: events with their proofs under a signed checkpoint, in one archive whose form
`checker.py` states and checks with nothing of ours.
"""

import hashlib
import io
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec

from contracts.log import microseconds
from projections.statements import AnyConnection, AnyPool
from services.audit.checker import (
    BLOCK,
    BUNDLE_FORM,
    Checkpoint,
    Refused,
    Verdict,
    check_bundle,
    open_checkpoint,
    tar_header,
)
from services.audit.evidence import TENANT, Evidence, NotProvable, events_of, evidence_of
from services.audit.pages import Row
from services.audit.signing import SigningKey, log_of
from services.audit.stored_tree import StoredTree
from services.whole_files import whole_file

MEMBER_BYTES_MAX: Final = 8**11
"""What the size in a tar header can say."""
_CHUNK_BYTES: Final = 1024 * 1024
_LAST: Final = "SELECT size, note FROM daybook.signed_checkpoints ORDER BY size DESC LIMIT 1"
_FIRST: Final = "SELECT size, note FROM daybook.signed_checkpoints ORDER BY size LIMIT 1"
_COUNT: Final = (
    "SELECT tenant_position FROM daybook.event_log WHERE tenant = $1 AND position <= $2"
    " ORDER BY tenant_position DESC LIMIT 1"
)

OnEvents = Callable[[int], None]


class Member(NamedTuple):
    """A file of the bundle, spooled."""

    name: str
    content: IO[bytes]
    size: int
    sha256: str


async def prove(
    pool: AnyPool,
    tenant: str,
    subject: str,
    key: SigningKey,
    to: Path,
    *,
    kept: bytes | None = None,
    on_events: OnEvents = lambda _: None,
) -> Verdict:
    """Write the bundle that proves a subject, and check it; the pool acts as daybook_auditor.

    `kept` is a checkpoint that its reader has: the bundle proves that the log went on from it.
    Raises NotProvable, TreeDamaged and OSError; then nothing is there.
    """
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        bundle = await _Bundle.open(connection, tenant, subject, key)
        with tempfile.TemporaryFile() as events:
            members = [
                _member("checkpoint", bundle.note),
                _member("earlier.jsonl", await bundle.earlier(kept)),
                await bundle.spool(events, on_events),
            ]
            members += [_schema(type_) for type_ in sorted(bundle.types)]
            return _write(to, bundle.manifest(members), members, key, kept)


class _Bundle:
    """What is read of the log for a bundle."""

    def __init__(
        self,
        connection: AnyConnection,
        tenant: str,
        evidence: Evidence,
        key: SigningKey,
        note: bytes,
        checkpoint: Checkpoint,
    ) -> None:
        self.note = note
        self.types: set[str] = set()
        self._connection = connection
        self._tenant = tenant
        self._evidence = evidence
        self._key = key
        self._checkpoint = checkpoint
        self._tree = StoredTree(connection, checkpoint.size)
        self._versions: dict[str, int] = {}
        self._balances: dict[tuple[str, str, str], int] = defaultdict(int)
        self._count = 0
        self._tenant_events = 0

    @classmethod
    async def open(
        cls, connection: AnyConnection, tenant: str, subject: str, key: SigningKey
    ) -> "_Bundle":
        row = await connection.fetchrow(_LAST)
        if row is None:
            raise NotProvable("nothing of the log was signed yet: the relay signs it in a moment")
        try:
            checkpoint = open_checkpoint(row["note"], key.public)
        except Refused as refused:
            raise NotProvable(
                f"the last checkpoint is none of the signing key: {refused}"
            ) from None
        evidence = await evidence_of(connection, tenant, subject)
        return cls(connection, tenant, evidence, key, row["note"], checkpoint)

    async def earlier(self, kept: bytes | None) -> bytes:
        """The first checkpoint and the kept one, each with the proof that this one goes on."""
        notes = {row["size"]: row["note"] for row in await self._connection.fetch(_FIRST)}
        if kept is not None:
            try:
                opened = open_checkpoint(kept, self._key.public)
            except Refused as refused:
                raise NotProvable(f"the kept checkpoint is none of this log's: {refused}") from None
            notes[opened.size] = kept
        lines = []
        for size, note in sorted(notes.items()):
            if size > self._checkpoint.size:
                raise NotProvable(f"only {self._checkpoint.size} events are signed, not {size}")
            if size < self._checkpoint.size:
                proof = [each.hex() for each in await self._tree.consistency(size)]
                lines.append(_line({"checkpoint": note.decode(), "proof": proof}))
        return b"".join(lines)

    async def spool(self, file: IO[bytes], on_events: OnEvents) -> Member:
        """Write the events, a line each."""
        digest = hashlib.sha256()
        size = self._checkpoint.size
        async for row in events_of(self._connection, self._tenant, self._evidence, size):
            line = _line(await self._event(row))
            file.write(line)
            digest.update(line)
            self._book(row)
            self._count += 1
            if self._count % 500 == 0:
                on_events(self._count)
        if not self._count:
            raise NotProvable(
                f"{self._evidence.subject} is not among the {size} events that are signed so far"
            )
        found = await self._connection.fetchval(_COUNT, self._tenant, size)
        self._tenant_events = found or 0
        return Member("events.jsonl", file, file.tell(), digest.hexdigest())

    async def _event(self, row: Row) -> dict[str, Any]:
        return {
            "position": row["position"],
            "tenant_position": row["tenant_position"],
            "stream_id": row["stream_id"],
            "version": row["version"],
            "type": row["type"],
            "recorded_at": row["recorded_at"].isoformat(),
            "recorded_at_us": microseconds(row["recorded_at"]),
            "body": row["body"].decode(),
            "metadata": row["metadata"].decode(),
            "proof": [each.hex() for each in await self._tree.inclusion(row["position"])],
        }

    def _book(self, row: Row) -> None:
        body = msgspec.json.decode(row["body"])
        for posting in body.get("postings", ()):
            account = (body["account_id"], body["currency"], posting["gl_account"])
            self._balances[account] += posting["amount_minor"]
        self.types.add(row["type"])
        if self._evidence.kind != TENANT:
            self._versions[row["stream_id"]] = row["version"]

    def manifest(self, members: Sequence[Member]) -> bytes:
        """The signed note that says what the bundle has."""
        kind, subject = self._evidence[:2]
        said: dict[str, Any] = {
            "kind": kind,
            "subject": subject,
            "tenant": self._tenant,
            "log_id": log_of(self._checkpoint),
            "key": self._key.public.text,
            "events": self._count,
            "tenant_events": self._tenant_events,
            "members": [
                {"name": each.name, "size": each.size, "sha256": each.sha256} for each in members
            ],
        }
        if kind != TENANT:
            balances = sorted(self._balances.items())
            said["balances"] = [[*account, minor] for account, minor in balances]
            said["streams"] = self._versions
        return self._key.sign(f"{BUNDLE_FORM}\n{_line(said).decode()}")


def _line(content: dict[str, Any]) -> bytes:
    encoded = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return f"{encoded}\n".encode()


def _schema(type_: str) -> Member:
    name = f"{type_}.json"
    return _member(f"schemas/{name}", (files("contracts") / "schemas" / name).read_bytes())


def _member(name: str, content: bytes) -> Member:
    return Member(name, io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())


def _write(
    to: Path, manifest: bytes, members: Sequence[Member], key: SigningKey, kept: bytes | None
) -> Verdict:
    """The archive, in its place only once it is found to prove what it says."""
    with whole_file(to) as file:
        for member in (_member("manifest", manifest), *members):
            _add(file, member)
        file.write(bytes(2 * BLOCK))
        file.seek(0)
        return check_bundle(file, key.public, kept)


def _add(file: IO[bytes], member: Member) -> None:
    if member.size >= MEMBER_BYTES_MAX:
        raise NotProvable(f"{member.name} has {member.size} bytes: prove less at a time")
    file.write(tar_header(member.name, member.size))
    member.content.seek(0)
    shutil.copyfileobj(member.content, file, _CHUNK_BYTES)
    file.write(bytes(-member.size % BLOCK))
