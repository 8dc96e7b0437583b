"""Signed notes and checkpoints: what another implementation signs, and what is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.checker import Refused, key_of, open_checkpoint, open_note, parse_key
from services.audit.signing import SigningKey

RECORDED: Any = json.loads(
    (Path(__file__).parent.parent / "golden" / "tlog" / "aics-tlog.json").read_text()
)
LOG_ID = "log_0test"
KEY = SigningKey(bytes.fromhex(RECORDED["seed"]), LOG_ID)
NOTE = KEY.sign_checkpoint(7, bytes(32))


def test_a_key_is_written_as_another_implementation_writes_it() -> None:
    assert KEY.public.text == RECORDED["key"]
    assert parse_key(RECORDED["key"]) == KEY.public


@pytest.mark.parametrize("size", RECORDED["checkpoints"])
def test_checkpoints_of_another_implementation_are_ours_to_the_byte(size: str) -> None:
    theirs = RECORDED["checkpoints"][size].encode()
    opened = open_checkpoint(theirs, KEY.public)
    assert (opened.origin, opened.size) == ("daybook.dev/log_0test", int(size))
    assert KEY.sign_checkpoint(opened.size, opened.root) == theirs


def test_signatures_of_others_beside_ours_change_nothing() -> None:
    witness = base64.b64encode(b"wwwwcosigned").decode()
    cosigned = NOTE + f"\N{EM DASH} witness.example/w1 {witness}\n".encode()
    assert open_checkpoint(cosigned, KEY.public).size == 7


def test_extension_lines_are_no_matter_of_ours() -> None:
    text = open_note(NOTE, KEY.public) + "an extension\n"
    assert open_checkpoint(KEY.sign(text), KEY.public).size == 7


@pytest.mark.parametrize(
    "text",
    [
        "daybook.dev/log_0test\n07\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "daybook.dev/log_0test\n-7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "daybook.dev/log_0test\n99999999999999999999\nAA==\n",
        "daybook.dev/log_0test\n7\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "daybook.dev/log_0test\n7\n",
        "daybook.dev/log_0other\n7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "daybook.dev/bundle/v1\n{}\n",
    ],
)
def test_what_the_key_signed_and_is_no_checkpoint_of_the_log_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        open_checkpoint(KEY.sign(text), KEY.public)


def test_a_checkpoint_of_another_key_is_refused() -> None:
    other = SigningKey(bytes(32), LOG_ID)
    with pytest.raises(Refused, match="0 signatures"):
        open_checkpoint(NOTE, other.public)


def test_a_signature_twice_is_refused() -> None:
    twice = NOTE + NOTE.rpartition(b"\n\n")[2]
    with pytest.raises(Refused, match="2 signatures"):
        open_checkpoint(twice, KEY.public)


def test_any_changed_byte_of_a_checkpoint_is_found() -> None:
    for at in range(len(NOTE)):
        for changed in (NOTE[at] ^ 1, NOTE[at] ^ 0x20, 0):
            damaged = NOTE[:at] + bytes([changed]) + NOTE[at + 1 :]
            if damaged != NOTE:
                with pytest.raises(Refused):
                    open_checkpoint(damaged, KEY.public)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_chance_are_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        open_checkpoint(content, KEY.public)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_texts_of_chance_are_no_keys(text: str) -> None:
    with pytest.raises(Refused):
        parse_key(text)


def test_a_key_under_another_name_has_another_id() -> None:
    other = key_of("daybook.dev/log_0other", KEY.public.public)
    assert other.key_id != KEY.public.key_id
    with pytest.raises(Refused):
        parse_key(KEY.public.text.replace("0test", "0other"))
