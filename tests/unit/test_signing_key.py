"""The signing key: made once, kept to its owner, and refused where it is none."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.adapters.choice import Ports
from services.audit.signing import FILE, SigningKeyUnusable, find_seed, make_seed
from services.settings import Secret, Settings
from tests.fixtures.command_line import command


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    assert make_seed(tmp_path / "new")
    path = tmp_path / "new" / FILE
    made = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not make_seed(tmp_path / "new")
    assert path.read_text() == made
    assert find_seed(Settings(data_dir=tmp_path / "new")) == bytes.fromhex(made)


def test_a_key_that_is_set_goes_before_the_one_that_was_made(tmp_path: Path) -> None:
    make_seed(tmp_path)
    settings = Settings(data_dir=tmp_path, signing_key=Secret("07" * 32))
    assert find_seed(settings) == bytes([7]) * 32
    assert find_seed(Settings(data_dir=tmp_path / "empty")) is None


@pytest.mark.parametrize("given", ["no hex", "07" * 31, "07" * 33])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, given: str) -> None:
    with pytest.raises(SigningKeyUnusable, match="DAYBOOK_SIGNING_KEY is no signing key") as caught:
        find_seed(Settings(signing_key=Secret(given)))
    assert given not in str(caught.value)
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(SigningKeyUnusable, match=FILE):
        find_seed(Settings(data_dir=tmp_path))


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    init = ("keys", "init", "--data-dir", str(tmp_path))
    assert command(*init).stdout == f"{tmp_path / FILE} was made\n"
    assert command(*init).stdout == f"{tmp_path / FILE} is there already\n"
    given = command(*init, env={"DAYBOOK_SIGNING_KEY": "07" * 32})
    assert given.stdout == "DAYBOOK_SIGNING_KEY is set: it is the key\n"
    shown = command("keys", "show", "--data-dir", str(tmp_path / "none"))
    assert (shown.exit_code, "daybook keys init" in shown.stderr) == (1, True)


async def test_each_address_is_a_place_of_its_own() -> None:
    urls = "https://one.example/keep http://localhost:8080"
    async with AsyncExitStack() as undo:
        places = Ports(Settings(checkpoint_urls=urls), undo).checkpoint_posts()
    assert [place.name for place in places] == ["one.example", "localhost:8080"]
