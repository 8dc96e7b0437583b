"""Commands that reach no server: one line that says which, and how to start one."""

from pathlib import Path

import pytest
from click.testing import Result

from tests.fixtures.command_line import command
from tests.fixtures.whole_stack import daybook

NOBODY_LISTENS = {
    "DAYBOOK_POSTGRES_URL": "postgresql://somebody:secret@127.0.0.1:1/daybook",
    "DAYBOOK_NATS_URL": "nats://somebody:secret@127.0.0.1:1",
    "DAYBOOK_TEMPORAL_ADDRESS": "127.0.0.1:1",
}
OF_POSTGRES = [
    "migrate",
    "encounter list",
    "encounter resume enc_1",
    "remittance list",
    "remittance resume rem_1",
    "intake rejected list",
    "intake rejected show rej_1",
    "intake rejected retry rej_1",
    "intake rejected discard rej_1 --reason wrong",
    "gl export --from 2026-01-01 --to 2026-01-31 --out out",
    "gl fetch gle_1 --out out",
    "statement run --as-of 2026-01-31",
    "statement list",
    "erp-layout show",
    "rebuild invoices",
    "rebuild invoices --resume",
    "rebuild invoices --rollback",
    "audit verify --deep",
]


def assert_one_line(result: Result, *parts: str) -> None:
    """One line on standard error, of a command that ended by itself."""
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert all(word in lines[0] for word in (*parts, "daybook up")), lines[0]
    assert "secret" not in result.output


@pytest.mark.parametrize("words", OF_POSTGRES)
def test_a_postgres_that_is_away_is_named(words: str) -> None:
    result = command(*words.split(), env=NOBODY_LISTENS)
    assert result.exit_code == (2 if words.startswith("audit") else 1)
    assert_one_line(result, "Postgres at postgresql://somebody@127.0.0.1:1", "refused")


@pytest.mark.parametrize("words", [*OF_POSTGRES, "intake publish f", "intake fhir f"])
def test_where_nothing_runs_a_command_says_how_to_start_it(words: str, tmp_path: Path) -> None:
    result = command(*words.split(), "--data-dir", str(tmp_path))
    assert result.exit_code == (2 if words.startswith("audit") else 1)
    assert_one_line(result, f"nothing runs on {tmp_path}")


def test_a_bus_that_is_away_is_named_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.intake.sending.BUS_SECONDS_MAX", 0.2)
    result = command("intake", "publish", "some.jsonl", env=NOBODY_LISTENS)
    assert result.exit_code == 1
    assert_one_line(result, "NATS at nats://somebody@127.0.0.1:1", "refused")


def test_a_postgres_that_goes_away_in_the_middle_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise ConnectionResetError("connection reset by peer")

    monkeypatch.setattr("services.cli.encounters._list", gone)
    result = command("encounter", "list", env=NOBODY_LISTENS)
    assert result.exit_code == 1
    assert "went away" in result.stderr


@pytest.mark.parametrize("tenant", ["", "A", "a b", "a.b", "x" * 64, "é"])
def test_what_can_be_no_tenant_is_refused_before_anything_is_sent(tenant: str) -> None:
    result = command("intake", "publish", "f", "--tenant", tenant, env=NOBODY_LISTENS)
    assert result.exit_code == 2
    assert "a tenant is named like" in result.stderr


@pytest.mark.parametrize(
    "reason", ["", " ", "a\x1b[2Jb", "two\nlines", "\x00", "\udcff", "x" * 2_001]
)
def test_a_reason_that_is_no_line_of_text_is_refused(reason: str) -> None:
    result = command("intake", "rejected", "discard", "rej_1", "--reason", reason)
    assert result.exit_code == 2
    assert "without control characters" in result.stderr


@pytest.mark.parametrize("words", [words for words in OF_POSTGRES if words.endswith("_1")])
@pytest.mark.parametrize("nonsense", ["", "é", "a b", "rej_\udcff", "rej_" + "1" * 65])
def test_what_can_be_no_id_is_refused_before_anything_is_asked(words: str, nonsense: str) -> None:
    result = command(*words.split()[:-1], nonsense, env=NOBODY_LISTENS)
    assert result.exit_code == 2
    assert "is no id" in result.stderr


def test_a_process_without_its_servers_ends_for_its_supervisor_to_start_it_again() -> None:
    ended = daybook("serve", "projector", env=NOBODY_LISTENS)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Postgres at postgresql://somebody@127.0.0.1:1" in ended.stderr.splitlines()[-1]
