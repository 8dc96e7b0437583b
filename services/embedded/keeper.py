"""Keeps one child alive: starts it, waits until it is ready, restarts it, and ends it."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process

from services.embedded.child import (
    Child,
    ChildNotReady,
    OnReport,
    Report,
    ReportKind,
    exit_words,
    leashed,
)
from services.embedded.child_log import ChildLog
from services.embedded.orphans import ChildRegister

RESTART_SECONDS_MIN = 0.2
RESTART_SECONDS_MAX = 10.0
HEALTHY_SECONDS = 60.0
PROBE_SECONDS = 0.05


class Keeper:
    """One task owns the process from its first start to its end, so nothing races for it."""

    def __init__(
        self, child: Child, log: ChildLog, register: ChildRegister, on_report: OnReport
    ) -> None:
        self._child = child
        self._log = log
        self._register = register
        self._on_report = on_report
        self._ending = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The running process; None between two lives."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def begin(self) -> None:
        """Start the child; returns when it is ready, raises ChildNotReady when it is not."""
        await self._log.open()
        first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Who is cancelled while waiting here no longer asks why the child did not come up.
        first_ready.add_done_callback(asyncio.Future.exception)
        self._task = asyncio.create_task(self._keep(first_ready))
        await asyncio.shield(first_ready)

    async def end(self) -> None:
        """Stop the child; returns when its process is gone."""
        self._ending.set()
        if self._task:
            await self._task
        await self._log.close()

    async def _keep(self, first_ready: asyncio.Future[None]) -> None:
        try:
            await self._start()
            first_ready.set_result(None)
            await self._restart_whenever_it_dies()
        except Exception as fault:
            if first_ready.done():
                raise
            first_ready.set_exception(fault)
        finally:
            await self._terminate()

    async def _restart_whenever_it_dies(self) -> None:
        loop = asyncio.get_running_loop()
        delay = RESTART_SECONDS_MIN
        while True:
            ready_since = loop.time()
            pid, code = self.pid, await self._exit_code()
            if code is None:
                return
            if loop.time() - ready_since >= HEALTHY_SECONDS:
                delay = RESTART_SECONDS_MIN
            self._tell("died", exit_words(code), pid=pid, restart_in_seconds=delay)
            delay = await self._restart(delay)

    async def _restart(self, delay: float) -> float:
        """Try until the child is ready or the stack stops; answers the delay of the next time."""
        while not await self._ended_within(delay):
            delay = min(delay * 2, RESTART_SECONDS_MAX)
            try:
                await self._start()
            except Exception as fault:  # whatever hinders a restart may be gone at the next
                await self._terminate()
                self._tell("not_ready", repr(fault), restart_in_seconds=delay)
            else:
                return delay
        return delay

    async def _start(self) -> None:
        """Spawn the child and wait until it is ready."""
        if self._child.prepare:
            await self._child.prepare()
        self._process = await asyncio.create_subprocess_exec(
            *leashed(self._child.argv, self._child.run_as, self._child.death_signal),
            stdin=DEVNULL,
            stdout=self._log.write_end,
            stderr=self._log.write_end,
            env=self._child.env,
            cwd=self._child.cwd,
            start_new_session=True,
        )
        self._register.add(self._child, self._process.pid)
        self._tell("started", pid=self._process.pid)
        await self._until_ready(self._process)
        self._tell("ready", pid=self._process.pid)

    async def _until_ready(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._child.ready_seconds_max
        ready = False
        while not ready:
            ready = self._child.ready is None or await self._child.ready()
            if process.returncode is not None:  # then whoever answered was not our child
                raise self._not_ready(exit_words(process.returncode))
            if loop.time() > deadline:
                raise self._not_ready(f"not ready in {self._child.ready_seconds_max:.0f} s")
            if not ready and await self._ended_within(PROBE_SECONDS):
                raise self._not_ready("was stopped while it started")

    async def _exit_code(self) -> int | None:
        """Wait for the child's death; None when the stack stops first."""
        if self._process is None:
            return None
        exited = asyncio.create_task(self._process.wait())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait((exited, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if self._ending.is_set():
            exited.cancel()
            return None
        self._forget(self._process)
        return exited.result()

    async def _terminate(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it died this instant
                process.send_signal(self._child.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self._child.stop_seconds_max)
            except TimeoutError:
                patience = f"still there after {self._child.stop_seconds_max:.0f} s"
                self._tell("killed", patience, pid=process.pid)
                process.kill()
                await process.wait()
        self._forget(process)
        self._tell("stopped", pid=process.pid)

    def _forget(self, process: Process) -> None:
        """After the process is gone: end what it left in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self._process = None
        self._register.remove(self._child)

    async def _ended_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _not_ready(self, reason: str) -> ChildNotReady:
        return ChildNotReady(self._child.name, reason, self._log.tail)

    def _tell(
        self,
        kind: ReportKind,
        detail: str = "",
        *,
        pid: int | None = None,
        restart_in_seconds: float | None = None,
    ) -> None:
        self._on_report(
            Report(
                child=self._child.name,
                kind=kind,
                pid=pid,
                detail=detail,
                restart_in_seconds=restart_in_seconds,
                log_tail=self._log.tail if kind in {"died", "not_ready"} else (),
            )
        )
