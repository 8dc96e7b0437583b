"""The first of the README's two commands."""

import json

import psutil

from tests.fixtures.whole_stack import daybook

ELSEWHERE = {
    "DAYBOOK_NATS_URL": "nats://127.0.0.1:1",
    "DAYBOOK_POSTGRES_URL": "postgresql://somebody@127.0.0.1:1/daybook",
    "DAYBOOK_PREFIX": "theirs",
    "DAYBOOK_TEMPORAL_ADDRESS": "127.0.0.1:1",
    "DAYBOOK_TEMPORAL_NAMESPACE": "theirs",
}


def test_the_demo_does_the_main_job_adds_up_is_verified_and_leaves_nothing_running() -> None:
    before = {process.pid for process in psutil.process_iter()}
    # It must touch nothing that the environment names, and nobody answers there.
    shown = daybook("demo", "--json", "--patients", "60", env=ELSEWHERE)
    assert shown.returncode == 0, shown.stderr
    assert ", ".join(ELSEWHERE) in shown.stderr
    summary = json.loads(shown.stdout.splitlines()[-1])
    assert summary["charges"] > 60
    assert summary["events"] == summary["published"] == summary["projected"]
    assert summary["verified_through"] == summary["events"]
    assert summary["findings"] == 0
    assert summary["rejected"] == 2
    assert summary["encounters_parked"] == 1
    assert set(summary["trial_balance_minor"]) == {"USD", "AFN", "GEL"}
    assert not any(summary["trial_balance_minor"].values())
    assert summary["seconds"] > 0
    left = [
        process.info
        for process in psutil.process_iter(["pid", "cmdline"])
        if process.pid not in before
        and "daybook-ephemeral" in " ".join(process.info["cmdline"] or [])
        and "patients" in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []
