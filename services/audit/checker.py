"""Checks an evidence bundle of Daybook offline: `python checker.py BUNDLE --key KEY`.

Needs Python 3.10 or later and `cryptography`, and nothing of Daybook: copy this one file to where
it is to run. Whatever it is given, it answers with a verdict or says why it refuses.
"""

# A bundle is a tar archive of one form only, so that no byte of it is without meaning. Its first
# member, `manifest`, is a signed note (c2sp.org/signed-note): the line `daybook.dev/bundle/v1`, a
# line of JSON that names size and SHA-256 of every other member in order, and one signature. Events
# are leaves of the tree of RFC 9162 whose root `checkpoint` signs (c2sp.org/tlog-checkpoint).

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BUNDLE_FORM: Final = "daybook.dev/bundle/v1"
HASH_BYTES: Final = 32
NOTE_BYTES_MAX: Final = 1024 * 1024
MANIFEST_BYTES_MAX: Final = 256 * NOTE_BYTES_MAX  # it names every stream that it is about
LINE_BYTES_MAX: Final = 16 * NOTE_BYTES_MAX
SIGNATURES_MAX: Final = 64
SIZE_MAX: Final = 2**63 - 1
BLOCK: Final = 512
_ED25519: Final = b"\x01"
_MEMBER: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]*(/[a-z0-9_][a-z0-9_.-]*)?")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class Refused(Exception):
    """It is not what it claims to be; the text says what of it is wrong."""


# --- the tree of RFC 9162 ---


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to (RFC 9162, 2.1.3.2); raises Refused."""
    if not 0 <= index < size:
        raise Refused(f"leaf {index} is not in a tree of {size} leaves")
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Refused("the inclusion proof is too long")
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise Refused("the inclusion proof is too short")
    return root


def check_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Whether a tree goes on from an earlier one (RFC 9162, 2.1.4.2); raises Refused if not."""
    if not 0 <= first <= second:
        raise Refused(f"a tree of {second} leaves does not go on from one of {first}")
    if first in (0, second):
        known = first_root == (second_root if first else hashlib.sha256(b"").digest())
        if path or not known:
            raise Refused(f"the roots of {first} and {second} leaves are not consistent")
        return
    path = [first_root, *path] if first & (first - 1) == 0 else path
    if not path:
        raise Refused("the consistency proof is empty")
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refused("the consistency proof is too long")
        if at & 1 or at == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        at, last = at >> 1, last >> 1
    if last or before != first_root or after != second_root:
        raise Refused(f"the roots of {first} and {second} leaves are not consistent")


# --- signed notes and checkpoints ---


class Key(NamedTuple):
    """A public key under its name, as notes name it."""

    name: str
    key_id: bytes
    public: bytes

    @property
    def text(self) -> str:
        """`name+id+key`, the form of c2sp.org/signed-note."""
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def key_of(name: str, public: bytes) -> Key:
    """An Ed25519 key of this name; its id begins the SHA-256 of both."""
    named = name.encode() + b"\n" + _ED25519 + public
    return Key(name, hashlib.sha256(named).digest()[:4], public)


def parse_key(text: str) -> Key:
    """A key from `name+id+key`; raises Refused."""
    parts = text.strip().split("+", 2)
    try:
        material = _unbase64(parts[2])
        key = key_of(parts[0], material[1:])
    except (IndexError, ValueError):
        raise Refused("no public key: its form is name+id+key") from None
    if not key.name or len(material) != 1 + HASH_BYTES or key.text != text.strip():
        raise Refused("no Ed25519 key of the form name+id+key, or not with its id")
    return key


def open_note(content: bytes, key: Key, *, bytes_max: int = NOTE_BYTES_MAX) -> str:
    """The text of a note that this key has signed, whoever else did; raises Refused."""
    text, signatures = _split_note(content, bytes_max)
    signed = [raw for name, raw in signatures if name == key.name and raw[:4] == key.key_id]
    if len(signed) != 1:
        raise Refused(f"the note has {len(signed)} signatures of {key.text}, not one")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signed[0][4:], text.encode())
    except (InvalidSignature, ValueError):
        raise Refused(f"the signature of {key.name} is none of this text") from None
    return text


def _split_note(content: bytes, bytes_max: int) -> tuple[str, list[tuple[str, bytes]]]:
    if len(content) > bytes_max:
        raise Refused(f"a note of more than {bytes_max} bytes")
    try:
        whole = content.decode()
    except UnicodeDecodeError:
        raise Refused("the note is not UTF-8") from None
    text, blank, rest = whole.rpartition("\n\n")
    if not blank or not rest.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", whole):
        raise Refused("no note: a text, an empty line and signatures, without control characters")
    lines = rest[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise Refused(f"a note of more than {SIGNATURES_MAX} signatures")
    return f"{text}\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        raw = _unbase64(encoded)
    except ValueError:
        raw = b""
    if dash != "\N{EM DASH}" or not name or len(raw) <= 4:
        raise Refused(f"no signature: {line[:80]!r}")
    return name, raw


class Checkpoint(NamedTuple):
    """What a signed checkpoint says: the root over the first `size` leaves of a log."""

    origin: str
    size: int
    root: bytes


def open_checkpoint(content: bytes, key: Key) -> Checkpoint:
    """A checkpoint that the log of this key has signed; raises Refused."""
    lines = open_note(content, key).split("\n")
    try:
        origin, size, root = lines[0], lines[1], _unbase64(lines[2])
    except (IndexError, ValueError):
        raise Refused("no checkpoint: origin, size and root, a line each") from None
    if origin != key.name or not _NUMBER.fullmatch(size) or int(size) > SIZE_MAX:
        raise Refused("no checkpoint of this log, or of no size")
    if len(root) != HASH_BYTES or "" in lines[:-1]:
        raise Refused("the checkpoint has no root of 32 bytes, or empty lines")
    return Checkpoint(origin, int(size), root)


def _unbase64(text: str) -> bytes:
    """Raises ValueError for all that is not written as an encoder writes it."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not canonical")
    return raw


# --- the archive ---


def tar_header(name: str, size: int) -> bytes:
    """The one header (POSIX ustar) that a member of this name and size has."""
    fields = (
        (100, name.encode()),
        *((8, b"0000644\0"), (8, b"0000000\0"), (8, b"0000000\0")),  # mode, owner, group
        *((12, b"%011o\0" % size), (12, b"00000000000\0"), (8, b" " * 8), (1, b"0")),
        *((100, b""), (6, b"ustar\0"), (2, b"00"), (32, b""), (32, b"")),
        *((8, b"0000000\0"), (8, b"0000000\0"), (155, b""), (12, b"")),
    )
    header = b"".join(value.ljust(width, b"\0") for width, value in fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


class Member:
    """A member of the archive that is being read, to its end and not beyond."""

    def __init__(self, file: IO[bytes], name: str, size: int) -> None:
        self.name = name
        self._file = file
        self._left = self._size = size
        self._digest = hashlib.sha256()

    def read(self, bytes_max: int) -> bytes:
        """All of it; raises Refused where that is too much."""
        if self._left > bytes_max:
            raise Refused(f"{self.name} has more than {bytes_max} bytes")
        return self._taken(self._file.read(self._left))

    def lines(self) -> Iterator[bytes]:
        """Its lines without their ends."""
        while self._left:
            line = self._taken(self._file.readline(min(self._left, LINE_BYTES_MAX)))
            if not line.endswith(b"\n"):
                raise Refused(f"{self.name}: a line without an end, or a longer one than there are")
            yield line[:-1]

    def _taken(self, part: bytes) -> bytes:
        if not part and self._left:
            raise Refused(f"the bundle ends within {self.name}")
        self._left -= len(part)
        self._digest.update(part)
        return part

    def close(self) -> str:
        """Skip to the next member; the SHA-256 of this one, in hex."""
        while self._left:
            self._taken(self._file.read(min(self._left, NOTE_BYTES_MAX)))
        padding = self._file.read(-self._size % BLOCK)
        if padding != bytes(-self._size % BLOCK):
            raise Refused(f"the bundle is damaged behind {self.name}")
        return self._digest.hexdigest()


def open_member(file: IO[bytes], name: str | None = None, size: int | None = None) -> Member:
    """The next member, which has to be this one where that is known; raises Refused."""
    header = file.read(BLOCK)
    if name is None or size is None:
        found = re.fullmatch(rb"([0-7]{11})\0", header[124:136])
        name, size = "manifest", int(found[1], 8) if found else 0
    if header != tar_header(name, size):
        raise Refused(f"no bundle, or damaged: the header of {name} is not there")
    return Member(file, name, size)


# --- the bundle ---


class Verdict(NamedTuple):
    """What a bundle proves."""

    kind: str
    subject: str
    tenant: str
    key: Key
    checkpoint: Checkpoint
    events: int
    tenant_events: int
    earlier: int
    """How many earlier checkpoints this one goes on from."""
    balances: dict[tuple[str, str, str], int]
    """In minor units, debit positive, by account, currency and GL account."""

    def lines(self) -> list[str]:
        """For a person."""
        all_ = f"all {self.tenant_events} events of the tenant: none is missing"
        some = f"{self.events} of the tenant's {self.tenant_events} events"
        return [
            f"proved: {self.kind} {self.subject} of tenant {self.tenant}",
            f"{all_ if self.kind == 'tenant' else some}; postings sum to zero",
            f"in the log {self.checkpoint.origin} of {self.checkpoint.size} events,"
            f" root {self.checkpoint.root.hex()}, which goes on from {self.earlier} earlier",
            f"signed by {self.key.text}",
            *(
                f"{', '.join(key)}: {amount} in minor units, debit positive"
                for key, amount in sorted(self._sums().items())
            ),
        ]

    def _sums(self) -> dict[tuple[str, ...], int]:
        """Balances of an account, and of everything else only their sums over all accounts."""
        sums: dict[tuple[str, ...], int] = defaultdict(int)
        for key, amount in self.balances.items():
            sums[key if self.kind == "balance" else key[1:]] += amount
        return sums


class Events:
    """Checks events one by one, and then whether they are all that there should be."""

    def __init__(self, manifest: dict[str, Any], checkpoint: Checkpoint) -> None:
        self.count = 0
        self.balances: dict[tuple[str, str, str], int] = defaultdict(int)
        self._tenant = _text(manifest, "tenant")
        self._log_id = _text(manifest, "log_id")
        self._checkpoint = checkpoint
        self._position = self._tenant_position = 0
        self._versions: dict[str, int] = {}
        self._kind = _text(manifest, "kind")

    def take(self, line: bytes) -> None:
        """Check an event; raises Refused."""
        event = _object(line)
        position, version = _integer(event, "position"), _integer(event, "version")
        where = f"position {position}"
        if position <= self._position:
            raise Refused(f"{where} is not behind {self._position}")
        body = _text(event, "body")
        root = root_of_inclusion(
            self._leaf(event, body), position - 1, self._checkpoint.size, _path(event, "proof")
        )
        if root != self._checkpoint.root:
            raise Refused(f"{where} is not in the log as it is here: its proof has another root")
        self._position, stream_id = position, _text(event, "stream_id")
        tenant_position = _integer(event, "tenant_position")
        if self._kind == "tenant" and tenant_position != self._tenant_position + 1:
            raise Refused(f"{where}: an event of the tenant is missing before it")
        if self._kind != "event" and version != self._versions.get(stream_id, 0) + 1:
            raise Refused(f"{where}: an event of {stream_id} is missing before it")
        self._tenant_position, self._versions[stream_id] = tenant_position, version
        self._book(where, _object(body.encode()))
        self.count += 1

    def _leaf(self, event: dict[str, Any], body: str) -> bytes:
        metadata = hashlib.sha256(_text(event, "metadata").encode()).digest()
        fields = (
            self._log_id.encode(),
            struct.pack(">q", _integer(event, "position")),
            self._tenant.encode(),
            struct.pack(">q", _integer(event, "tenant_position")),
            _text(event, "stream_id").encode(),
            struct.pack(">q", _integer(event, "version")),
            _text(event, "type").encode(),
            struct.pack(">q", _integer(event, "recorded_at_us")),
            hashlib.sha256(body.encode()).digest(),
            metadata,
        )
        framed = b"".join(struct.pack(">I", len(value)) + value for value in fields)
        return hashlib.sha256(b"\x00" + framed).digest()

    def _book(self, where: str, body: dict[str, Any]) -> None:
        postings = body.get("postings", [])
        if not isinstance(postings, list) or not all(isinstance(each, dict) for each in postings):
            raise Refused(f"{where} has postings of no form that is known")
        total = 0
        for posting in postings:
            amount = _integer(posting, "amount_minor")
            account = (_text(body, "account_id"), _text(body, "currency"))
            self.balances[(*account, _text(posting, "gl_account"))] += amount
            total += amount
        if total:
            raise Refused(f"{where}: its postings sum to {total}, not to zero")

    def finish(self, manifest: dict[str, Any]) -> None:
        """Compare with what the manifest says there is; raises Refused."""
        if self.count != _integer(manifest, "events"):
            raise Refused(f"there are {self.count} events, the manifest says otherwise")
        if self._kind == "tenant" and self.count != _integer(manifest, "tenant_events"):
            raise Refused("the last events of the tenant are missing")
        streams = manifest.get("streams")
        if streams is not None and streams != self._versions:
            raise Refused("streams do not end where the manifest says")
        balances = [[*key, amount] for key, amount in sorted(self.balances.items())]
        if manifest.get("balances", balances) != balances:
            raise Refused("the events do not give the balances of the manifest")


def _path(event: dict[str, Any], name: str) -> list[bytes]:
    hashes = event.get(name)
    if not isinstance(hashes, list) or len(hashes) > 2 * SIZE_MAX.bit_length():
        raise Refused(f"{name} is no list of hashes")
    try:
        path = [bytes.fromhex(each) for each in hashes]
    except (TypeError, ValueError):
        raise Refused(f"{name} is no list of hashes") from None
    if not all(len(each) == HASH_BYTES for each in path):
        raise Refused(f"{name} has a hash that is not of 32 bytes")
    return path


def _object(content: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("there is no JSON object where one should be")
    return found


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or re.search(r"[\ud800-\udfff]", value):
        raise Refused(f"{name} is not there, or no text")
    return value


def _integer(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not -SIZE_MAX <= value <= SIZE_MAX:
        raise Refused(f"{name} is not there, or no integer of 64 bits")
    return value


def check_bundle(file: IO[bytes], key: Key | None = None, kept: bytes | None = None) -> Verdict:
    """Check a bundle to its last byte; raises Refused and OSError.

    Without a key it is the one that the bundle names: compare that with one you know. `kept` is a
    checkpoint of the same log that somebody kept: the bundle's log must go on from it.
    """
    manifest, key = _manifest(_whole(open_member(file), None, MANIFEST_BYTES_MAX), key)
    members = _members(manifest)
    taken: dict[str, bytes] = {}
    events: Events | None = None
    for name, size, digest in members:
        member = open_member(file, name, size)
        if name == "events.jsonl" and "checkpoint" in taken:
            checkpoint = open_checkpoint(taken["checkpoint"], key)
            events = Events(manifest, checkpoint)
            for line in member.lines():
                events.take(line)
            _close(member, digest)
        else:
            taken[name] = _whole(member, digest, LINE_BYTES_MAX)
    if file.read(2 * BLOCK + 1) != bytes(2 * BLOCK):
        raise Refused("the bundle does not end where it should")
    if events is None:
        raise Refused("the bundle has no events, or they stand before the checkpoint")
    events.finish(manifest)
    return _verdict(manifest, key, checkpoint, events, _earlier(taken, key, checkpoint, kept))


def _manifest(note: bytes, key: Key | None) -> tuple[dict[str, Any], Key]:
    form, _, listed = _split_note(note, MANIFEST_BYTES_MAX)[0].partition("\n")
    if form != BUNDLE_FORM or note.count(b"\n") != 4:
        raise Refused(f"the manifest is none of the form {BUNDLE_FORM}, or has other signatures")
    manifest = _object(listed)
    key = key or parse_key(_text(manifest, "key"))
    open_note(note, key, bytes_max=MANIFEST_BYTES_MAX)
    return manifest, key


def _members(manifest: dict[str, Any]) -> list[tuple[str, int, str]]:
    listed = manifest.get("members")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Refused("the manifest names no members")
    members = []
    for each in listed:
        name, size = _text(each, "name"), _integer(each, "size")
        if not _MEMBER.fullmatch(name) or len(name) > 100 or not 0 <= size < 8**11:
            raise Refused("the manifest has a member of no name or size that there is")
        members.append((name, size, _text(each, "sha256")))
    if len({name for name, _, _ in members}) != len(members):
        raise Refused("the manifest names a member twice")
    return members


def _whole(member: Member, digest: str | None, bytes_max: int) -> bytes:
    content = member.read(bytes_max)
    _close(member, digest)
    return content


def _close(member: Member, digest: str | None) -> None:
    found = member.close()
    if digest not in (None, found):
        raise Refused(f"{member.name} is not as the manifest says: its SHA-256 is {found}")


def _earlier(
    taken: dict[str, bytes], key: Key, checkpoint: Checkpoint, kept: bytes | None
) -> dict[int, bytes]:
    """The roots of the earlier checkpoints that this one goes on from."""
    roots = {checkpoint.size: checkpoint.root}
    for line in taken.get("earlier.jsonl", b"").splitlines():
        found = _object(line)
        earlier = open_checkpoint(_text(found, "checkpoint").encode(), key)
        check_consistency(
            earlier.size, checkpoint.size, earlier.root, checkpoint.root, _path(found, "proof")
        )
        roots[earlier.size] = earlier.root
    if kept is not None:
        old = open_checkpoint(kept, key)
        if roots.get(old.size) != old.root:
            raise Refused(f"no proof that it goes on from the kept checkpoint of {old.size} events")
    del roots[checkpoint.size]
    return roots


def _verdict(
    manifest: dict[str, Any],
    key: Key,
    checkpoint: Checkpoint,
    events: Events,
    earlier: dict[int, bytes],
) -> Verdict:
    if checkpoint.origin.rpartition("/")[2] != _text(manifest, "log_id"):
        raise Refused("the manifest is about another log than the checkpoint")
    return Verdict(
        kind=_text(manifest, "kind"),
        subject=_text(manifest, "subject"),
        tenant=_text(manifest, "tenant"),
        key=key,
        checkpoint=checkpoint,
        events=events.count,
        tenant_events=_integer(manifest, "tenant_events"),
        earlier=len(earlier),
        balances=dict(events.balances),
    )


def main() -> int:
    """0 when the bundle proves what it says, 1 when it does not, 2 when it could not be read."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("bundle")
    arguments.add_argument("--key", help="the log's public key, name+id+key")
    arguments.add_argument("--checkpoint", help="a file with a checkpoint that you kept")
    given = arguments.parse_args()
    try:
        key = parse_key(given.key) if given.key else None
        kept = None
        if given.checkpoint:
            with Path(given.checkpoint).open("rb") as file:
                kept = file.read(NOTE_BYTES_MAX + 1)
        with Path(given.bundle).open("rb") as file:
            verdict = check_bundle(file, key, kept)
    except Refused as refused:
        print(f"REFUSED: {refused}")
        return 1
    except OSError as failed:
        print(f"could not check: {failed}", file=sys.stderr)
        return 2
    print("\n".join(verdict.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
