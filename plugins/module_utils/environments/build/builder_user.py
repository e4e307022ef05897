# SPDX-License-Identifier: GPL-3.0-or-later
"""A user without rights, for what root must not run: installers, build scripts, packages' own code.

It has a number and no name: one of the range that systemd keeps for such users, held by the same lock by which systemd holds them, so
that no service gets it meanwhile. Nothing is written into /etc, and nothing of it stays: all its processes are killed at the end.
"""

import contextlib
import ctypes
import errno
import fcntl
import grp
import os
import pwd
import random
import signal
import stat
import time
from typing import Callable, Iterable, Iterator, List, Optional, Set, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import processes, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases

FIRST, LAST = 61184, 65519  # systemd's range for users that exist only while a service runs
LOCKS = "/run/systemd/dynamic-uid"
ORDINARY = range(1000, 60000)  # groups that people are in; the system's own give rights
PR_SET_NO_NEW_PRIVS = 38
SECONDS = 10.0  # for killed processes to be gone


class Account(object):
    """A user without rights; `groups`: what it is a member of so that it reaches the place where it works."""

    def __init__(self, uid: int, groups: Iterable[int] = ()) -> None:
        self.uid = uid
        self.groups = sorted(groups)

    def becoming(self) -> Callable[[], None]:
        """Return what makes a child this user, lets it gain no rights (by sudo, say), and end with us."""
        die_with_us = processes.dying_with_us()
        libc = ctypes.CDLL(None, use_errno=True)

        def prepare() -> None:
            os.umask(0o022)
            if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "no_new_privs")
            os.setgroups(self.groups)
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
            die_with_us()  # last: a change of the user makes the kernel forget it

        return prepare

    def stop(self) -> None:
        """Kill all processes of this user, however they came to be. Raises StoreError for one that does not end."""
        deadline = time.time() + SECONDS
        while True:
            _kill_all(self.uid)
            left = [pid for pid, uids in running() if self.uid in uids]
            if not left:
                return
            if time.time() > deadline:
                raise releases.StoreError(
                    "process {} of the builder with uid {} does not end, perhaps because its disk does not answer; stop it "
                    "and run again".format(", ".join(map(str, left)), self.uid)
                )
            time.sleep(0.02)


def _kill_all(uid: int) -> None:
    """Kill whatever belongs to a user, at once, so that nothing can flee by forking."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        # Wholly that user, by all three numbers: with one that is root's, or with a capability left, this would kill everything.
        os.setresuid(uid, uid, uid)
        if FIRST <= uid <= LAST and os.getresuid() == (uid, uid, uid) and not _may_do_more():
            os.kill(-1, signal.SIGKILL)
    finally:
        os._exit(0)


def _may_do_more() -> bool:
    """Tell whether this process has any capability."""
    with open("/proc/self/status", "rb") as source:
        fields = dict(line.partition(b":")[::2] for line in source.read().splitlines())
    return any(int(fields[name], 16) for name in (b"CapPrm", b"CapEff", b"CapAmb"))


def running() -> Iterator[Tuple[int, Set[int]]]:
    """Yield the id of each process that runs, with the user ids that it has."""
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
        with contextlib.suppress(OSError), open("/proc/{}/status".format(pid), "rb") as source:
            fields = dict(line.partition(b":")[::2] for line in source.read().splitlines())
            if fields.get(b"State", b"").strip()[:1] not in (b"Z", b"X"):
                yield pid, set(map(int, fields.get(b"Uid", b"").split()))


def groups_for(paths: Iterable[str]) -> Optional[Set[int]]:
    """Return the groups that a user without rights must be in to reach all of `paths`; None where not even that would help.

    What only a group may reach is for the group's members, who will run what is installed there. What only root may reach is for
    root alone.
    """
    needed: Set[int] = set()
    for path in paths:
        place = os.path.realpath(path)
        while place != "/":
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(place)
                if not status.st_mode & stat.S_IXOTH:
                    if not status.st_mode & stat.S_IXGRP or status.st_gid not in ORDINARY:
                        return None
                    needed.add(status.st_gid)
            place = os.path.dirname(place)
    return needed


@contextlib.contextmanager
def borrowed(groups: Iterable[int] = (), left: Optional[int] = None) -> Iterator[Account]:
    """Lend a user without rights. `left`: the one that a killed run had, whose processes may still run. Raises StoreError."""
    uid, lock = _pick(left)
    account = Account(uid, groups)
    try:
        account.stop()
        try:
            yield account
        finally:
            account.stop()
    finally:
        with contextlib.suppress(OSError):
            safe_tree.unlink(_lock_path(uid))
        os.close(lock)


def _lock_path(uid: int) -> str:
    return os.path.join(LOCKS, str(uid))


def _mapped(uid: int) -> bool:
    """Tell whether this container, if it is one, has the number."""
    for name in ("uid_map", "gid_map"):
        with open("/proc/self/" + name) as source:
            ranges = [tuple(map(int, line.split())) for line in source]
        if not any(first <= uid < first + count for first, _outside, count in ranges):
            return False
    return True


def _named(uid: int) -> bool:
    """Tell whether a user or a group has the number."""
    for look in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            look(uid)
            return True
    return False


def _pick(left: Optional[int]) -> Tuple[int, int]:
    """Return a number that nobody has, and the open file whose lock keeps it so."""
    safe_tree.make_directories(LOCKS)
    busy = {uid for _pid, uids in running() for uid in uids}
    numbers = list(range(FIRST, LAST + 1))
    random.shuffle(numbers)
    if left in numbers:
        lock = _lock(left)
        if lock is not None:
            return left, lock
    for uid in numbers:
        if uid in busy or not _mapped(uid) or _named(uid):
            continue
        lock = _lock(uid)
        if lock is not None:
            return uid, lock
    raise releases.StoreError(
        "this host has no free user id from {} to {}, of which one is needed for building without rights; a container must map "
        "them".format(FIRST, LAST)
    )


def _lock(uid: int) -> Optional[int]:
    """Take a number as systemd does; None where another has it."""
    path = _lock_path(uid)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # or else its holder has just given it back
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"tensorwright-builder\n")
            return descriptor
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            os.close(descriptor)
            raise
    os.close(descriptor)
    return None


def becoming(account: Optional[Account]) -> Callable[[], None]:
    """Return what a child does before its program starts: become the account, where there is one, and end with us."""
    return account.becoming() if account else processes.dying_with_us()


def command(python: str, major: int = 3) -> List[str]:
    """Return how a Python is started that must run nothing but itself: no .pth file, no module from a directory of anybody's."""
    return [python, "-I", "-S", "-B"] if major > 2 else [python, "-E", "-s", "-S", "-B"]
