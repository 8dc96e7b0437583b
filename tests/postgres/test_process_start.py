"""Processes that are told to stop while they still wait for a server."""

import signal
import subprocess
import sys

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.whole_stack import STOP_SECONDS_MAX, clean_environment


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
