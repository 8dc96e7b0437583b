"""Program in front of a child: ties it to its parent's life, drops root, then becomes the child.

Run as a file, `python -I -S leash.py SIGNAL PARENT UID GID PROGRAM ARGUMENT...` (UID and GID -1 to
stay who we are), so it imports nothing of the project: it costs about 25 ms a start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(death_signal: int, parent: int) -> None:
    """Let the kernel send `death_signal` when the parent dies; only Linux can."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # The parent died before the tie held, so no signal will ever come.
        sys.exit(128 + death_signal)


def drop_to(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main() -> None:
    """Tie, drop, become."""
    death_signal, parent, uid, gid = (int(word) for word in sys.argv[1:5])
    program = sys.argv[5:]
    if uid >= 0:
        drop_to(uid, gid)
    # After the drop: changing the user clears the tie.
    tie_to_parent(death_signal, parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
