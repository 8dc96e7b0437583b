"""Streams that were stored before the embedded NATS had accounts are still there with them."""

from pathlib import Path

from services.embedded.nats import ACCOUNT, _move_streams


def test_streams_come_along_into_our_account(tmp_path: Path) -> None:
    streams = tmp_path / "jetstream" / "$G" / "streams" / "BILLING_INTAKE"
    streams.mkdir(parents=True)
    for _ in range(2):
        _move_streams(tmp_path)
        assert [each.name for each in (tmp_path / "jetstream").iterdir()] == [ACCOUNT]
    assert (tmp_path / "jetstream" / ACCOUNT / "streams" / "BILLING_INTAKE").is_dir()


def test_what_our_account_holds_is_never_replaced(tmp_path: Path) -> None:
    for account in ("$G", ACCOUNT):
        (tmp_path / "jetstream" / account).mkdir(parents=True)
    _move_streams(tmp_path)
    assert (tmp_path / "jetstream" / "$G").is_dir()


def test_a_fresh_store_has_nothing_to_move(tmp_path: Path) -> None:
    _move_streams(tmp_path)
    assert not list(tmp_path.iterdir())
