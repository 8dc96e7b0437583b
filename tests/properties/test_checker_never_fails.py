"""Whatever the checker of bundles is given, it gives a verdict or refuses: it neither fails nor
goes on for ever, also where somebody who has the key lies.
"""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.checker import Refused, Verdict, check_bundle, parse_key
from services.audit.signing import SigningKey
from tests.fixtures.bundles import packed, remade
from tests.fixtures.signing import SEED

FOLDER: Final = Path(__file__).parent.parent / "golden" / "tlog"
BUNDLE: Final = gzip.decompress((FOLDER / "bundle.tar.gz").read_bytes())
KEPT: Final = (FOLDER / "kept.txt").read_bytes()
KEY: Final = parse_key((FOLDER / "bundle-key.txt").read_text())
SIGNING: Final = SigningKey(SEED, KEY.name.rpartition("/")[2])

ANYTHING: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["events.jsonl", "checkpoint", "00" * 32, "\ud800", "tenant"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
UNTIMED: Final = settings(deadline=None)
MANY: Final = settings(deadline=None, max_examples=300)
EVENT_FIELDS: Final = (
    *("position", "tenant_position", "stream_id", "version", "type", "recorded_at_us"),
    *("body", "metadata", "proof"),
)
MANIFEST_FIELDS: Final = (
    *("kind", "subject", "tenant", "log_id", "key", "events", "tenant_events", "members"),
    *("balances", "streams"),
)


def checked(content: bytes, kept: bytes | None = None) -> Verdict | None:
    """None where it was refused; anything else that is raised fails the test."""
    try:
        return check_bundle(io.BytesIO(content), KEY, kept)
    except Refused:
        return None


def test_the_bundle_of_the_first_release_proves_what_it_did() -> None:
    verdict = checked(BUNDLE, KEPT)
    assert verdict is not None
    assert (verdict.kind, verdict.events, verdict.tenant_events) == ("balance", 8, 12)


@UNTIMED
@given(st.binary(max_size=4_096))
def test_bytes_of_chance_are_refused(content: bytes) -> None:
    assert checked(content) is None


@MANY
@given(
    at=st.integers(0, len(BUNDLE) - 1),
    length=st.integers(0, 64),
    instead=st.binary(max_size=64),
)
def test_a_bundle_with_another_part_is_refused(at: int, length: int, instead: bytes) -> None:
    changed = BUNDLE[:at] + instead + BUNDLE[at + length :]
    assert (checked(changed) is None) == (changed != BUNDLE)


@UNTIMED
@given(st.binary(max_size=400))
def test_a_kept_checkpoint_of_chance_is_refused(kept: bytes) -> None:
    assert checked(BUNDLE, kept) is None


@MANY
@given(number=st.integers(0, 7), field=st.sampled_from(EVENT_FIELDS), value=ANYTHING)
def test_whatever_an_event_says_is_judged(number: int, field: str, value: Any) -> None:
    def change(events: list[dict[str, Any]], _: dict[str, Any]) -> None:
        events[number][field] = value

    checked(remade(BUNDLE, SIGNING, change))


@MANY
@given(field=st.sampled_from(MANIFEST_FIELDS), value=ANYTHING)
def test_whatever_a_manifest_says_is_judged(field: str, value: Any) -> None:
    with tarfile.open(fileobj=io.BytesIO(BUNDLE)) as archive:
        contents = {
            name: file.read()
            for name in archive.getnames()
            if (file := archive.extractfile(name)) is not None
        }
    manifest = json.loads(contents.pop("manifest").split(b"\n")[1])
    manifest[field] = value
    checked(packed(contents, manifest, SIGNING))


@UNTIMED
@given(st.lists(ANYTHING, max_size=3), st.binary(max_size=50))
def test_whatever_stands_in_other_files_is_judged(lines: list[Any], rest: bytes) -> None:
    def change(events: list[dict[str, Any]], _: dict[str, Any]) -> None:
        events.extend(lines)

    checked(remade(BUNDLE, SIGNING, change))
    checked(packed({"checkpoint": rest, "events.jsonl": rest}, {"members": []}, SIGNING))
