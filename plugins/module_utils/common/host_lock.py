# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock for what all environments of a host share: its receipts, its packages, its users' groups.

The file is root's alone, so no other user can hold it, and it goes with a reboot, as a process that held it does.
"""

import contextlib
import fcntl
import os
import time
from typing import Iterator, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

FILE = "/run/tensorwright.lock"
TIMEOUT = 600  # seconds; a transaction of apt's may take as long
PAUSE = 0.1

_held: List[str] = []  # by this process; what is done under the lock may ask for it again


class LockedError(Exception):
    """Somebody else holds the lock; the text is one sentence that names who."""


@contextlib.contextmanager
def held(purpose: str, rehearse: bool = False, timeout: float = TIMEOUT) -> Iterator[None]:
    """Hold the lock of the host, for which `purpose` says what for; who only rehearses needs none.

    Raises LockedError where somebody else holds it for `timeout` seconds.
    """
    if _held or rehearse:
        yield
        return
    with safe_tree.open_file(FILE, "w+", 0o600) as stream:
        deadline = time.time() + timeout
        while not _taken(stream.fileno()):
            if time.time() > deadline:
                stream.seek(0)
                raise LockedError(
                    "{0} is still at work, after {1} s of waiting, on what this host's environments share ({2}); "
                    "run again when it has ended".format(stream.read().strip() or "another run", int(timeout), FILE)
                )
            time.sleep(PAUSE)
        stream.seek(0)
        stream.truncate()
        stream.write("process {0} ({1})\n".format(os.getpid(), purpose))
        stream.flush()
        _held.append(purpose)
        try:
            yield
        finally:
            _held.pop()
            stream.truncate(0)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
