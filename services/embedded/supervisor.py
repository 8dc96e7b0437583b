"""Starts children in stages, keeps them alive, and stops them in the opposite order."""

import asyncio
from pathlib import Path

import structlog

from services.embedded.child import Child, OnReport, Report
from services.embedded.child_log import ChildLog
from services.embedded.keeper import Keeper
from services.embedded.orphans import ChildRegister, register_path

logger = structlog.get_logger()


class Supervisor:
    """The children of one data directory. Stop it on every way out."""

    def __init__(self, data_dir: Path, on_report: OnReport | None = None) -> None:
        self._logs = data_dir / "logs"
        self._logs.mkdir(mode=0o700, exist_ok=True)
        self._register = ChildRegister(register_path(data_dir))
        self._on_report = on_report
        self._stages: list[dict[str, Keeper]] = []

    def end_orphans(self) -> None:
        """End children of an earlier supervisor that was killed."""
        for name in self._register.end_orphans():
            logger.warning("orphan ended", child=name)

    async def start(self, *children: Child) -> None:
        """Start children side by side as one stage; returns when all are ready.

        Raises ChildNotReady; what was started then stays until `stop`.
        """
        stage = {child.name: self._keeper(child) for child in children}
        self._stages.append(stage)
        await asyncio.gather(*(keeper.begin() for keeper in stage.values()))

    async def stop(self) -> None:
        """Stop stage by stage, the last started first; returns when no child is left.

        What went wrong in a keeper is raised at the end, when all are stopped.
        """
        faults: list[BaseException] = []
        while self._stages:
            stage = self._stages.pop()
            ends = (keeper.end() for keeper in stage.values())
            answers = await asyncio.gather(*ends, return_exceptions=True)
            faults += [answer for answer in answers if answer is not None]
        if faults:
            raise BaseExceptionGroup("children not stopped in order", faults)

    def pids(self) -> dict[str, int]:
        """The children that run now."""
        keepers = {name: keeper for stage in self._stages for name, keeper in stage.items()}
        return {name: keeper.pid for name, keeper in keepers.items() if keeper.pid}

    def _keeper(self, child: Child) -> Keeper:
        return Keeper(
            child, ChildLog(self._logs / f"{child.name}.log"), self._register, self._report
        )

    def _report(self, report: Report) -> None:
        """Tell who listens, or the log: the same is not said twice."""
        if self._on_report is None:
            _log(report)
            return
        try:
            self._on_report(report)
        except Exception:  # who listens to reports must not end the child they are about
            logger.exception("report not taken", child=report.child)
            _log(report)


def _log(report: Report) -> None:
    loud = report.kind in {"died", "not_ready", "killed"}
    (logger.warning if loud else logger.info)(
        f"child {report.kind}",
        child=report.child,
        pid=report.pid,
        detail=report.detail,
        restart_in_seconds=report.restart_in_seconds,
    )
