"""Faults of ours go to Sentry where SENTRY_DSN names one, and nothing private goes with them.

What leaves is made here from the types of the errors and the places in our code: no message of an
error (Postgres quotes rows in its own), no local variable, no body, header, address or host name.
"""

import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import structlog

from services.cannot_run import CannotRun

_FLUSH_SECONDS_MAX: Final = 2.0
_CHAIN_MAX: Final = 5
_ROOT: Final = Path(__file__).resolve().parents[1]
_log = structlog.get_logger()

Send = Callable[[dict[str, Any]], object]
_send: Send | None = None


def start_reporting(
    process: str, environment: Mapping[str, str] = os.environ
) -> Callable[[], None] | None:
    """Report faults; returns what ends it, None where SENTRY_DSN is not set; raises CannotRun."""
    global _send
    dsn = environment.get("SENTRY_DSN")
    if not dsn:
        return None
    import sentry_sdk
    from sentry_sdk.utils import BadDsn

    try:
        client = sentry_sdk.Client(
            dsn=dsn,
            default_integrations=False,
            auto_enabling_integrations=False,
            server_name="",
            release=f"daybook@{version('daybook')}",
            environment=environment.get("SENTRY_ENVIRONMENT", "production"),
            send_client_reports=False,
            auto_session_tracking=False,
            shutdown_timeout=_FLUSH_SECONDS_MAX,
        )
    except BadDsn as bad:
        raise CannotRun(f"SENTRY_DSN is not usable: {bad}") from bad

    def send(event: dict[str, Any]) -> None:
        event["tags"]["process"] = process
        client.capture_event(event)  # type: ignore[arg-type]  # a TypedDict of Sentry's own

    def stop() -> None:
        global _send
        _send = None
        client.close(timeout=_FLUSH_SECONDS_MAX)

    _send = send
    _log.info("faults are reported", process=process)
    return stop


def report(fault: BaseException, **tags: str | None) -> None:
    """Report a fault of ours; the tags are ids and names of ours, never what somebody sent."""
    if _send is None:
        return
    named = {name: value for name, value in tags.items() if value is not None}
    _send(
        {
            "level": "error",
            "platform": "python",
            "tags": named,
            "exception": {"values": [_described(each) for each in reversed(_chain(fault))]},
        }
    )


def _chain(fault: BaseException) -> list[BaseException]:
    """A fault and what led to it, the last first."""
    chain, following = [fault], fault.__cause__ or fault.__context__
    while following is not None and len(chain) < _CHAIN_MAX and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _described(fault: BaseException) -> dict[str, Any]:
    kind = type(fault)
    return {
        "type": kind.__name__,
        "module": kind.__module__,
        "stacktrace": {"frames": _frames(fault.__traceback__)},
    }


def _frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(
            {
                "filename": _within(code.co_filename),
                "function": code.co_name,
                "module": traceback.tb_frame.f_globals.get("__name__"),
                "lineno": traceback.tb_lineno,
                "in_app": Path(code.co_filename).is_relative_to(_ROOT / "services"),
            }
        )
        traceback = traceback.tb_next
    return frames


def _within(filename: str) -> str:
    """The file within its package: where a program is installed may name somebody."""
    path = Path(filename)
    if path.is_relative_to(_ROOT):
        return path.relative_to(_ROOT).as_posix()
    return "/".join(path.parts[-2:])
