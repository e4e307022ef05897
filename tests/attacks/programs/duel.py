# SPDX-License-Identifier: GPL-3.0-or-later
"""Root works, again and again, while an ordinary user attacks; both are counted.

A *round* is one piece of root's work. A *try* is one action of the attacker against what root works on, such as an exchange of two
directories, made between the beginning and the end of a round: what the attacker does while root rests does not count.
"""

from __future__ import annotations

import contextlib
import ctypes
import grp
import json
import mmap
import os
import pwd
import resource
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AT_FDCWD = -100
RENAME_EXCHANGE = 2
PR_SET_PDEATHSIG = 1
MEMORY = 2 << 30  # of root's process: what an attacker makes endless ends there
LIBC = ctypes.CDLL(None, use_errno=True)
LEAST_TRIES = 500
SECONDS = 240  # after which a duel ends, however many tries are still missing: the test then fails for their lack


def exchange(one: str | Path, other: str | Path) -> bool:
    """Exchange two names atomically; tell whether it could be done."""
    return Exchange(one, other)()


class Exchange:
    """The exchange of two names, prepared so that it takes as little time as it can."""

    def __init__(self, one: str | Path, other: str | Path) -> None:
        self.one, self.other = str(one), str(other)
        self._paths = os.fsencode(one), os.fsencode(other)

    def __call__(self) -> bool:
        return bool(LIBC.renameat2(AT_FDCWD, self._paths[0], AT_FDCWD, self._paths[1], RENAME_EXCHANGE) == 0)


class Board:
    """Numbers that root and the attacker both see: the round, whether root works, and the attacker's tries."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)  # shared with children
        self._numbers = (ctypes.c_ulong * 3).from_buffer(self._memory)

    @property
    def number(self) -> int:
        """The number of root's round."""
        return int(self._numbers[0])

    @number.setter
    def number(self, value: int) -> None:
        self._numbers[0] = value

    @property
    def working(self) -> bool:
        """Whether root works now."""
        return bool(self._numbers[1])

    @working.setter
    def working(self, value: bool) -> None:
        self._numbers[1] = int(value)

    @property
    def tries(self) -> int:
        """The attacker's tries so far. Only the attacker counts them."""
        return int(self._numbers[2])

    def count(self, more: int = 1) -> None:
        """Count tries, if root works now."""
        if self._numbers[1]:
            self._numbers[2] += more


Attack = Callable[[Board], None]


@dataclass
class Result:
    """How a duel ended."""

    rounds: int = 0
    tries: int = 0
    won: list[str] = field(default_factory=list)  # what the attacker has reached, one line each
    failures: list[str] = field(default_factory=list)  # what root's modules said where they failed
    seconds: float = 0.0

    def tell(self) -> None:
        """Print it as JSON, the last line of a program's output."""
        print("\n" + json.dumps(self.__dict__), flush=True)


def become(user: str) -> None:
    """Let this process be an ordinary user for ever, with the groups that the user has."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.umask(0o022)
    os.chdir(entry.pw_dir)


def as_user(user: str, action: Callable[[], object]) -> None:
    """Do something as an ordinary user, in a process of its own, to its end."""
    child = os.fork()
    if not child:
        try:
            become(user)
            action()
            os._exit(0)
        except BaseException as error:  # the parent tells
            sys.stderr.write(f"{user}: {error!r}\n")
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"{user} could not prepare the attack")


@contextlib.contextmanager
def attacker(user: str, attack: Attack, board: Board) -> Iterator[int]:
    """Let `attack` run over and over as an ordinary user until the end of the block."""
    child = os.fork()
    if not child:
        os.setsid()
        become(user)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with root's process, however that ends
        assert os.getresuid()[0] != 0
        while True:
            with contextlib.suppress(OSError):
                attack(board)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def duel(
    work: Callable[[int], Mapping[str, Any]],
    attack: Attack,
    spoils: Callable[[], Iterable[str]],
    user: str = "alice",
    rounds: int = 100,
    tries: int = LEAST_TRIES,
    patience: int = 60,
) -> Result:
    """Let root work at least so many rounds, and until there were so many tries, or until the attacker has won.

    A round of more than `patience` seconds has been stopped by the attacker, who has won then. `work` gets the round's number and
    returns a module's answer; `spoils` tells after each round what the attacker has reached, which ends the duel.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    board, result, start = Board(), Result(), time.monotonic()
    signal.signal(signal.SIGALRM, _give_up)
    with attacker(user, attack, board):
        while result.rounds < rounds or board.tries < tries:
            board.number = result.rounds + 1
            board.working = True
            signal.alarm(patience)
            try:
                answer = work(board.number)
            except (StoppedError, Exception) as error:  # whatever it is, the attacker has stopped root
                answer = {}
                result.won.append(str(error) or repr(error))
            finally:
                signal.alarm(0)
                board.working = False
            result.rounds += 1
            result.failures += [str(answer.get("msg"))] if answer.get("failed") else []
            result.won += spoils()
            if result.won or time.monotonic() - start > SECONDS:
                break
    result.tries, result.seconds = board.tries, round(time.monotonic() - start, 1)
    return result


class StoppedError(BaseException):
    """An attacker has stopped root's work. No module takes it for an error of the system's, as it would a TimeoutError."""


def _give_up(*_signal: object) -> None:
    raise StoppedError("root's work did not end")


class Precious:
    """Files of root's that nobody but root may change: their owner, mode and content are held against those of the beginning."""

    def __init__(self, *tops: str) -> None:
        self.tops = tops
        self.before = self.look()

    def look(self) -> dict[str, tuple[int, int, int, bytes]]:
        """Return owner, group, mode and content of everything there."""
        found = {}
        for top in self.tops:
            for directory, names, files in os.walk(top):
                for name in ["", *names, *files] if directory == top else [*names, *files]:
                    path = os.path.join(directory, name)
                    status = os.lstat(path)
                    content = b""
                    if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 16:
                        content = Path(path).read_bytes()
                    elif stat.S_ISLNK(status.st_mode):
                        content = os.fsencode(os.readlink(path))
                    found[path] = (status.st_uid, status.st_gid, status.st_mode, content)
        return found

    def changes(self) -> list[str]:
        """Tell what is otherwise, and put owners and modes back."""
        now, told = self.look(), []
        for path in sorted(set(self.before) | set(now)):
            was, is_ = self.before.get(path), now.get(path)
            if was == is_:
                continue
            if was is None:
                told.append(f"{path} was made")
            elif is_ is None:
                told.append(f"{path} is gone")
            else:
                changed = [
                    f"{what} {old!r} became {new!r}"
                    for what, old, new in zip(("owner", "group", "mode", "content"), was, is_, strict=True)
                    if old != new
                ]
                told.append(f"{path}: {', '.join(changed)[:200]}")
                os.chown(path, was[0], was[1], follow_symlinks=False)
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IMODE(was[2]))
        self.before = now if told else self.before
        return told


def uid(user: str) -> int:
    """Return a user's number."""
    return pwd.getpwnam(user).pw_uid


def members(group: str) -> list[str]:
    """Return who is in a group by its own list."""
    return grp.getgrnam(group).gr_mem


def nap(seconds: float) -> None:
    """Let root have the processor."""
    time.sleep(seconds)
