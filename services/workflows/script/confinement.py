"""Landlock (https://docs.kernel.org/userspace-api/landlock.html): a script sees its project and its
own folder, signals nobody but itself, and cannot undo that.

Imported by daybook_activity.py, so it imports the standard library alone.
"""

import ctypes
import os
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_NO_NEW_PRIVS_ARGUMENTS = (1, 0, 0, 0)

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
# How many rights of files each version knows: those of version 5 are all of today's.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_SCOPES_VERSION = 6
_SCOPES = 0b11
"""Neither abstract sockets nor signals to processes outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Which Landlock the kernel has; 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def confine(read: list[str], write: list[str]) -> None:
    """From now on this process sees these alone, whoever it is; raises OSError."""
    known = version()
    rights = (1 << _RIGHTS.get(known, 16)) - 1
    ruleset = _Ruleset(rights, 0, _SCOPES if known >= _SCOPES_VERSION else 0)
    # An older kernel takes a shorter structure.
    size = ctypes.sizeof(ruleset) if known >= _SCOPES_VERSION else 8
    descriptor = _checked(_libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0))
    for path in read:
        _allow(descriptor, path, _READ & rights)
    for path in write:
        _allow(descriptor, path, rights)
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, *_NO_NEW_PRIVS_ARGUMENTS))
    _checked(_libc.syscall(_RESTRICT_SELF, descriptor, 0))
    os.close(descriptor)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        beneath = _Beneath(rights if Path(path).is_dir() else rights & _OF_FILES, opened)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0))
    finally:
        os.close(opened)


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return answer
