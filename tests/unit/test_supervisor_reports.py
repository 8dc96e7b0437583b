"""What happens to a child is said once: to who listens, or in the log."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.embedded.child import Child, ChildNotReady, Report
from services.embedded.supervisor import Supervisor


async def never() -> bool:
    return False


async def reported(folder: Path, told: list[Report] | None) -> list[str]:
    """What the log says of a child that dies at once."""
    supervisor = Supervisor(folder, None if told is None else told.append)
    child = Child(name="dies", argv=("/bin/sh", "-c", "exit 3"), ready=never)
    with capture_logs() as lines:
        with pytest.raises(ChildNotReady):
            await supervisor.start(child)
        await supervisor.stop()
    return [line["event"] for line in lines]


async def test_who_listens_is_told_and_the_log_is_not(tmp_path: Path) -> None:
    told: list[Report] = []
    assert await reported(tmp_path, told) == []
    assert [report.child for report in told] == ["dies"] * len(told) != []


async def test_where_nobody_listens_the_log_says_it(tmp_path: Path) -> None:
    assert "child started" in await reported(tmp_path, None)


async def test_what_a_listener_does_not_take_is_in_the_log(tmp_path: Path) -> None:
    def fail(_report: Report) -> None:
        raise RuntimeError("cannot listen")

    supervisor = Supervisor(tmp_path, fail)
    child = Child(name="dies", argv=("/bin/sh", "-c", "exit 3"), ready=never)
    with capture_logs() as lines:
        with pytest.raises(ChildNotReady):
            await supervisor.start(child)
        await supervisor.stop()
    assert {"report not taken", "child started"} <= {line["event"] for line in lines}
