# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes that do not outlive the module."""

import ctypes
import os
import signal
from typing import Callable

PR_SET_PDEATHSIG = 1


def usable_cpus() -> int:
    """Return on how many processors this process may run."""
    return len(os.sched_getaffinity(0))


def dying_with_us() -> Callable[[], None]:
    """Return what a child calls before its program starts, so that the kernel ends it when this process is killed.

    An installer that is left alone would write on without a lock.
    """
    us = os.getpid()
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != us:  # killed before the kernel was told
            os._exit(1)

    return prepare
