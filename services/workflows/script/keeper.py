"""Program above a script: ends with its worker, and lets nothing that the script began outlive it.

Run as a file, `python -I -S keeper.py PARENT PROGRAM ARGUMENT...`, so it imports the standard
library alone; on SIGTERM it ends all that is below it.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FOLDER_PREFIX = "daybook-script-"


def take_over(parent: int) -> None:
    """Be told when the worker dies, and be the parent of whatever loses its own; only on Linux."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be told
        remove_folder(os.getcwd())  # noqa: PTH109, as below
        sys.exit(128 + signal.SIGTERM)


def start(program: list[str]) -> int:
    """The script, in a session of its own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execv(program[0], program)
    return child


def end_all(child: int) -> int | None:
    """End everything below, however often it has hidden itself; how the script ended, if now."""
    status = None
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or begun no session yet
        os.killpg(child, signal.SIGKILL)
    while True:
        for each in children():
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            ended, how = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if ended == child:
            status = how


def children() -> list[int]:
    """Those who are ours by now; none where the kernel does not say."""
    own = f"/proc/self/task/{os.getpid()}/children"
    try:
        with open(own) as listed:  # noqa: PTH123, pathlib would double the start of this program
            return [int(word) for word in listed.read().split()]
    except OSError:
        return []


def remove_folder(folder: str) -> None:
    """Remove what the script wrote, also where no worker is left to do so."""
    import shutil  # only now: it would keep the script waiting

    if os.path.basename(folder).startswith(FOLDER_PREFIX):  # noqa: PTH119, as above
        shutil.rmtree(folder, ignore_errors=True)


def end_as(status: int) -> None:
    """End as the script did, so that its worker sees how."""
    if os.WIFSIGNALED(status):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def main() -> None:
    """Start, wait, and leave nothing behind."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    take_over(int(sys.argv[1]))
    child, folder = 0, os.getcwd()  # noqa: PTH109, as above

    def end(_number: int, _frame: object) -> None:
        status = end_all(child)
        remove_folder(folder)
        end_as(status or signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    child = start(sys.argv[2:])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            break
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_all(child)
    remove_folder(folder)
    end_as(status)


if __name__ == "__main__":
    main()
