"""Signed links: nobody makes, changes or prolongs one without a key."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cannot_run import CannotRun
from services.links import Link, LinkExpired, LinkInvalid, link_keys, link_url, read_link, sign_link
from services.settings import Secret, Settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY, OTHER = b"k" * 32, b"o" * 32
LINK = Link("demo", "statements/run_1/acc_1.pdf", NOW + timedelta(days=30))


def test_a_link_says_what_was_signed() -> None:
    assert read_link([KEY], sign_link([KEY], LINK), NOW) == LINK


def test_a_link_is_sent_as_an_address_of_the_api() -> None:
    for settings, base in (
        (Settings(), "http://127.0.0.1:4000"),
        (Settings(link_url="https://billing.example/"), "https://billing.example"),
    ):
        url = link_url(settings, [KEY], LINK)
        assert url.startswith(f"{base}/v1/documents/")
        assert read_link([KEY], url.rpartition("/")[2], NOW) == LINK


def test_an_older_key_still_opens_and_a_strange_one_does_not() -> None:
    token = sign_link([KEY], LINK)
    assert read_link([OTHER, KEY], token, NOW) == LINK
    with pytest.raises(LinkInvalid):
        read_link([OTHER], token, NOW)
    with pytest.raises(LinkInvalid):
        read_link([], token, NOW)


def test_a_link_ends_at_its_second() -> None:
    token = sign_link([KEY], LINK)
    assert read_link([KEY], token, LINK.expires_at - timedelta(microseconds=1)) == LINK
    with pytest.raises(LinkExpired):
        read_link([KEY], token, LINK.expires_at)


@given(st.data())
def test_no_changed_letter_passes(data: st.DataObject) -> None:
    token = sign_link([KEY], LINK)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(
        st.sampled_from("ABCabc019-_.=+/ \né").filter(lambda each: each != token[at])
    )
    with pytest.raises(LinkInvalid):
        read_link([KEY], token[:at] + letter + token[at + 1 :], NOW)


@given(st.text(max_size=2000))
def test_no_text_is_a_link(text: str) -> None:
    with pytest.raises(LinkInvalid):
        read_link([KEY], text, NOW)


@pytest.mark.parametrize(
    ("tenant", "document"), [("de:mo", "a"), ("demo", "a:b"), ("demo", ""), ("demo", "a b")]
)
def test_what_would_read_as_something_else_is_not_signed(tenant: str, document: str) -> None:
    with pytest.raises(ValueError, match="can be in no link"):
        sign_link([KEY], Link(tenant, document, NOW))


def test_the_keys_are_those_of_the_setting() -> None:
    settings = Settings(link_keys=Secret(f"{KEY.hex()} {OTHER.hex()}"))
    assert link_keys(settings) == [KEY, OTHER]
    for wrong in ("short", "ab" * 31, "zz" * 32):
        with pytest.raises(CannotRun, match="openssl rand"):
            link_keys(Settings(link_keys=Secret(wrong)))


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(link_keys(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_without_a_data_directory_the_setting_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="DAYBOOK_LINK_KEYS"):
        link_keys(Settings(data_dir=tmp_path / "none"))
