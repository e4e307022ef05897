# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for what is not finished, in a store that several hosts may share: whose owner is gone is told by its lock alone.

tools/unfinished-3f9c2a1b.lock    held by the owner for as long as it works; a process id would say nothing of another host's
tools/unfinished-3f9c2a1b/
"""

import contextlib
import errno
import fcntl
import glob
import os
import tempfile
from typing import IO, Any, Iterator, List, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

PREFIX = "unfinished-"
LOCK = ".lock"


@contextlib.contextmanager
def workplace(directory: str) -> Iterator[str]:
    """Make a directory below `directory` until the end of the block; what a killed process leaves of it is found by abandoned()."""
    lock, path = _own(directory)
    place = path[: -len(LOCK)]
    try:
        with safe_tree.parent(place) as (above, name):
            os.close(safe_tree.make_private(above, name))
        yield place
    finally:
        for rest in (place, path):
            with contextlib.suppress(OSError):
                safe_tree.remove(rest)
        os.close(lock)


def abandoned(directory: str) -> List[str]:
    """Return what the killed have left below `directory`: what nobody holds the lock of."""
    found = sorted(glob.glob(os.path.join(glob.escape(directory), PREFIX + "*")))
    held = [path for path in found if path.endswith(LOCK) and is_held(path)]
    return [path for path in found if path not in held and path + LOCK not in held]


def is_held(path: str) -> bool:
    """Tell whether a process, of whatever host, holds the lock of a file; False where there is no such file."""
    try:
        with open(path, "r+", opener=_as_it_is) as lock:  # for writing: over NFS, only that may be locked exclusively
            return not take(lock)
    except OSError:
        return False


def take(lock: IO[Any]) -> bool:
    """Take the lock of an open file, if nobody has it; tell whether it was had."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _own(directory: str) -> Tuple[int, str]:
    """Make a file and take its lock; return the open file, and its path."""
    while True:
        descriptor, path = tempfile.mkstemp(prefix=PREFIX, suffix=LOCK, dir=directory)
        with contextlib.suppress(
            BlockingIOError, FileNotFoundError
        ):  # another run took it for abandoned before it was locked
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor, path
        os.close(descriptor)
