"""What Sentry gets when something of ours fails: where, and nothing of anybody's."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services import crash_reports, processes
from services.cannot_run import CannotRun
from services.settings import Settings
from services.wiring import Wiring
from tests.fixtures.http_api import Api
from tests.fixtures.served import Served, ok, serving
from tests.fixtures.tracing import TRACE, TRACEPARENT
from tests.fixtures.visits import account_body

SECRET = "Zahra Ahmadi"


class Reported:
    """A Sentry that keeps what it gets."""

    def __init__(self, sentry: Served, stop: Callable[[], None]) -> None:
        self._sentry = sentry
        self._stop = stop

    async def everything(self) -> str:
        """All that left, in one text."""
        await asyncio.to_thread(self._stop)
        return "\n".join(f"{each.headers} {_text(each.body)}" for each in self._sentry.sent)

    async def event(self) -> dict[str, Any]:
        """The only event that came."""
        await asyncio.to_thread(self._stop)
        (sent,) = self._sentry.sent
        assert sent.path == "/api/7/envelope/"
        event: dict[str, Any] = json.loads(_text(sent.body).splitlines()[2])
        return event


def _text(body: bytes) -> str:
    return (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()


@pytest.fixture
async def reported() -> AsyncIterator[Reported]:
    async with serving(lambda _: ok(b"{}")) as sentry:
        dsn = f"http://key@127.0.0.1:{sentry.port}/7"
        stop = crash_reports.start_reporting("api", {"SENTRY_DSN": dsn})
        assert stop is not None
        yield Reported(sentry, stop)
        stop()


async def provoke(api: Api, monkeypatch: pytest.MonkeyPatch) -> Any:
    def fail(*_: Any) -> None:
        raise ValueError(f"no account for {SECRET}") from KeyError(SECRET)

    monkeypatch.setattr("services.api.accounts.naming.account_id", fail)
    return await api.post(
        "/v1/accounts",
        account_body(SECRET, name=SECRET),
        traceparent=TRACEPARENT,
        **{"Idempotency-Key": "Zahra", "Authorization": "Bearer Zahra", "Cookie": "Zahra=1"},
    )


async def test_a_fault_of_ours_is_reported_by_where_it_is(
    api: Api, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = await provoke(api, monkeypatch)
    assert (response.status_code, response.json()["code"]) == (500, "INTERNAL")
    event = await reported.event()
    assert event["tags"] == {
        "code": "INTERNAL",
        "route": "/v1/accounts",
        "trace_id": TRACE,
        "process": "api",
    }
    assert [each["type"] for each in event["exception"]["values"]] == ["KeyError", "ValueError"]
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert ("services/api/accounts.py", "open_account") in {
        (frame["filename"], frame["function"]) for frame in frames
    }


async def test_nothing_private_leaves(
    api: Api, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provoke(api, monkeypatch)
    everything = await reported.everything()
    assert "ValueError" in everything
    for private in (
        "Zahra",
        "Ahmadi",
        "north",
        '"vars"',
        '"request"',
        '"user"',
        "Bearer",
        "Cookie",
    ):
        assert private not in everything, private
    assert socket.gethostname() not in everything
    assert __file__.rpartition("/tests/")[0] not in everything


async def test_what_callers_do_wrong_is_no_fault(api: Api, reported: Reported) -> None:
    await api.post("/v1/accounts", {})
    await api.client.get("/nowhere")
    assert await reported.everything() == ""


async def test_a_process_that_crashes_is_reported_and_one_that_cannot_run_is_not(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(postgres_url="postgresql://nobody@127.0.0.1:1/x", nats_url="nats://x")
    monkeypatch.setattr(processes, "start_reporting", lambda _: None)

    async def cannot(_wired: Wiring, _stopping: asyncio.Event) -> None:
        raise CannotRun(SECRET)

    async def crash(_wired: Wiring, _stopping: asyncio.Event) -> None:
        raise RuntimeError(SECRET)

    for work, kind in ((cannot, CannotRun), (crash, RuntimeError)):
        monkeypatch.setitem(processes.SERVE, "relay", work)
        with pytest.raises(kind):
            await processes.serve("relay", settings)
    event = await reported.event()
    assert event["tags"]["code"] == "CRASH"
    assert [each["type"] for each in event["exception"]["values"]] == ["RuntimeError"]
    assert SECRET not in str(event)


def test_nothing_is_reported_unless_somebody_asks_and_a_bad_address_is_named() -> None:
    assert crash_reports.start_reporting("api", {}) is None
    with pytest.raises(CannotRun, match="SENTRY_DSN"):
        crash_reports.start_reporting("api", {"SENTRY_DSN": "nonsense"})
