# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of apt's that wait for those locks too for which apt itself does not: of its lists and of what it downloads."""

import errno
import fcntl
import os
import re
import struct
import subprocess
import time
from typing import List, Optional, Tuple

SECONDS = 300  # as DPkg::Lock::Timeout, by which apt waits for dpkg's locks
PAUSE = 2
LOCKED = re.compile(r"Could not get lock (\S+?)\.?(?=\s|$)(?P<holder> It is held by process \d+)?", re.MULTILINE)
RECORD = "hhqqi"  # struct flock, as the kernel fills it in: kind, whence, start, length, process


def patiently(command: List[str], seconds: Optional[float] = None) -> Tuple[int, str]:
    """Run a command of apt's; return its status and what it printed, of which the last says who held a lock for all these seconds."""
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive", NEEDRESTART_MODE="l")
    deadline = time.time() + (SECONDS if seconds is None else seconds)
    while True:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
        found = LOCKED.search(output)
        # For dpkg's own locks apt has waited already.
        if done.returncode == 0 or not found or found.group(1).startswith("/var/lib/dpkg/"):
            return done.returncode, output
        if time.time() > deadline:
            return done.returncode, output if found.group("holder") else _named(output, found.group(1))
        time.sleep(PAUSE)


def _named(output: str, path: str) -> str:
    """What apt printed, with the holder's name where apt does not tell it."""
    process = holder(path)
    if not process:
        return output
    try:
        with open("/proc/{0}/comm".format(process), encoding="utf-8") as stream:
            name = stream.read().strip()
    except OSError:
        name = "already ended"
    return "E: Could not get lock {0}. It is held by process {1} ({2})\n{3}".format(path, process, name, output)


def holder(path: str) -> Optional[int]:
    """The number of the process that holds a lock of apt's; None where nobody does, or it cannot be seen."""
    question = struct.pack(RECORD, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        answer = struct.unpack(RECORD, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EACCES, errno.EAGAIN):
            return None
        raise
    finally:
        os.close(descriptor)
    return answer[4] if answer[0] != fcntl.F_UNLCK and answer[4] > 0 else None
