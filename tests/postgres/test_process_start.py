"""Processes that are told to stop while they still wait for a server."""

import signal
import subprocess
import sys

import pytest

from tests.fixtures.command_line import command
from tests.fixtures.databases import Database
from tests.fixtures.whole_stack import STOP_SECONDS_MAX, clean_environment, daybook


@pytest.mark.parametrize("name", ["relay", "intake"])
def test_a_process_that_waits_for_nats_stops_in_order(name: str, database: Database) -> None:
    addresses = {
        "DAYBOOK_POSTGRES_URL": database.url,
        "DAYBOOK_NATS_URL": "nats://127.0.0.1:1",
        "DAYBOOK_METRICS_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", "serve", name],
        stderr=subprocess.PIPE,
        env=clean_environment() | addresses,
        text=True,
    )
    try:
        assert process.stderr is not None
        while "ConnectionRefused" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=STOP_SECONDS_MAX)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "process stopped" in rest
    assert "Traceback" not in rest


def test_an_api_that_knows_no_callers_says_what_to_set(database: Database) -> None:
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    ended = daybook("serve", "api", env=addresses)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "DAYBOOK_AUTH=dev" in ended.stderr.splitlines()[-1]


def test_a_process_that_cannot_serve_its_metrics_says_where(database: Database) -> None:
    addresses = {
        "DAYBOOK_POSTGRES_URL": database.url,
        "DAYBOOK_NATS_URL": "nats://127.0.0.1:1",
        "DAYBOOK_METRICS_HOST": "192.0.2.1",  # of nobody: it is for documentation
        "DAYBOOK_METRICS_PORT": "9464",
    }
    ended = daybook("serve", "relay", env=addresses)
    assert ended.returncode == 1
    assert "no metrics on 192.0.2.1:9464" in ended.stderr.splitlines()[-1]
    assert "DAYBOOK_METRICS_HOST" in ended.stderr.splitlines()[-1]


async def test_a_migration_with_another_text_is_named(database: Database) -> None:
    admin = await database.admin()
    name = await admin.fetchval(
        "UPDATE schema_migrations SET digest = 'other'"
        " WHERE name = (SELECT min(name) FROM schema_migrations) RETURNING name"
    )
    addresses = {"DAYBOOK_POSTGRES_URL": database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    ended = command("migrate", env=addresses)
    assert ended.exit_code == 1
    (line,) = ended.stderr.strip().splitlines()
    assert name in line
