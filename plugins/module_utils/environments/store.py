# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of one environment on disk: names, seals, the link, the lock, and what may be cleared.

/opt/tensorflow                           -> .tensorwright/tensorflow/3f9c2a…    the path that users activate
/opt/.tensorwright/tensorflow/3f9c2a…/    a release; sealed once its .tensorwright.json is there
/opt/.tensorwright/{cache,locks,log,receipts,tools}/                             shared by the environments beside it
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import time
from typing import IO, Any, Dict, Iterator, List, Optional, Pattern, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, safe_tree, workplaces
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import release_files, wheel_records
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.distributions import distributions

STORE = ".tensorwright"
SEAL = ".tensorwright.json"
HOLD = ".tensorwright.hold"  # locked by every Python of the release; the seal is rewritten, so it cannot serve
STORE_LOCK = ".store"  # in locks/: held, shared, by every run; whoever removes the store needs it alone
SHARED = ("cache", "locks", "log", "receipts", "tools")
ON_DEMAND = ("runtimes", "builds")  # shared too, but made only where a role puts something there
LAYOUT = 1  # part of every release's name: a change in how releases are laid out makes new ones


user_name = safe_tree.user_name


class StoreError(Exception):
    """The store cannot be worked with; the text is one sentence for the user."""


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def release_name(contents: Dict[str, Any]) -> str:
    """Return the name of the release that is made of `contents`: 12 hexadecimal digits of a hash, equal for equal contents."""
    text = json.dumps([LAYOUT, contents], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def installed(release: str) -> Dict[str, str]:
    """Return name → version of the distributions installed in a release."""
    found: Dict[str, str] = {}
    for directory in site_packages(release):
        found.update(distributions(directory) or {})
    return found


def site_packages(release: str) -> List[str]:
    """Return the site-packages directories of a release (one, or none while it is being made)."""
    lib = os.path.join(release, "lib")
    if not os.path.isdir(lib):
        return []
    # conda's Pythons have a link python3.1 beside python3.10.
    names = [
        name
        for name in sorted(os.listdir(lib))
        if name.startswith("python") and not os.path.islink(os.path.join(lib, name))
    ]
    candidates = [os.path.join(lib, name, "site-packages") for name in names]
    return [path for path in candidates if os.path.isdir(path)]


class Environment(object):
    """The environment at `path`: its store, its releases, its link."""

    def __init__(self, path: str, ignore_users: bool = False) -> None:
        """`ignore_users`: whether a release is removed although processes use it."""
        self.ignore_users = ignore_users
        self.path = os.path.abspath(os.path.expanduser(path))
        self.name = os.path.basename(self.path)
        self.parent = os.path.dirname(self.path)
        self.store = os.path.join(self.parent, STORE)
        self.releases = os.path.join(self.store, self.name)
        # Made and renamed under the lock, so one name serves all runs, and what a killed one leaves is found. In the store, where
        # nobody else can be first with that name; where the store is a file system of its own, beside the environment.
        self.fresh_link = self.shared("locks", self.name + ".tensorwright-new")
        self.fresh_link_beside = os.path.join(self.parent, ".{}.tensorwright-new".format(self.name))
        self.receipt = self.shared("receipts", self.name + ".json")
        self.wanted = ""  # what this run is to make of it, in words
        self._next = self.shared("locks", self.name + ".next")
        self._store_lock: Optional[IO[str]] = None
        if not self.name or self.name in SHARED + ON_DEMAND + (STORE,) or STORE in self.parent.split(os.sep):
            raise StoreError(
                "an environment cannot be named '{}' there: Tensorwright keeps its own files there".format(
                    self.name or self.path
                )
            )

    def directory(self, release: str) -> str:
        """Return the directory of a release."""
        return os.path.join(self.releases, release)

    def shared(self, *parts: str) -> str:
        """Return a path in the part of the store that all environments beside each other share."""
        return os.path.join(self.store, *parts)

    def prepare(self) -> None:
        """Make the directories of the store, readable by all. Raises StoreError where they are not ours alone."""
        self.refuse_foreign()
        for directory in self._directories():
            safe_tree.make_directories(directory)
            self.refuse_foreign([directory])  # before anything is made in it

    def refuse_foreign(self, directories: Optional[List[str]] = None) -> None:
        """Fail where somebody else could change the store: a run as root must not follow a link that a user laid out.

        All directories above the store are looked at first: what is done in it later is safe only because nobody else can exchange
        any of them.
        """
        fault = safe_tree.look(self.parent)
        if fault:
            raise StoreError(str(safe_tree.UnsafePathError(fault)))
        for directory in self._directories() if directories is None else directories:
            try:
                status = os.lstat(directory)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise StoreError("{} is not a directory of Tensorwright's; move it away".format(directory))
            if status.st_uid != os.geteuid():
                raise StoreError(
                    "{} belongs to user {}, and this run acts as {}; run as that user, or choose another path".format(
                        directory, user_name(status.st_uid), user_name(os.geteuid())
                    )
                )
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise StoreError(
                    "{0} can be written by others; look at what is in it, then chmod go-w {0}".format(directory)
                )

    def _directories(self) -> List[str]:
        return [self.store] + [self.shared(name) for name in SHARED] + [self.releases]

    # --- the link -------------------------------------------------------------------------------------------------

    def target(self) -> str:
        """Return the text of the link that belongs at the environment's path, without the release's name."""
        return os.path.join(STORE, self.name)

    def current(self) -> Optional[str]:
        """Return the name of the release that the path leads to, or None. Raises StoreError for what is not ours."""
        if not os.path.lexists(self.path):
            return None
        # One of another user's may have our text, and lead elsewhere later.
        if _is_our_link(self.path):
            head, name = os.path.split(os.readlink(self.path))
            if head in (self.target(), self.releases) and name not in ("", os.curdir, os.pardir):
                return name
            if os.path.exists(self.receipt):
                return None  # our link, which somebody has pointed elsewhere
        raise StoreError(
            "{} is there already and was not made by Tensorwright; move it away or choose another path".format(
                self.path
            )
        )

    def switch(self, release: str) -> None:
        """Let the path lead to `release`; whoever looks sees the old link or the new one, never none, and the new one from now on."""
        try:
            self._put(release, self.fresh_link)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._put(release, self.fresh_link_beside)
            safe_tree.unlink(self.fresh_link)

    def _put(self, release: str, fresh: str) -> None:
        """Make the link to `release` as `fresh`, and rename it into place."""
        with contextlib.suppress(FileNotFoundError):
            safe_tree.unlink(fresh)
        safe_tree.symlink(os.path.join(self.target(), release), fresh)
        durable.rename(fresh, self.path)

    # --- seals ----------------------------------------------------------------------------------------------------

    def seal(self, release: str, facts: Dict[str, Any]) -> None:
        """Mark a release as complete and proved. It is on the disk before its seal is, so a power cut leaves no seal without it."""
        directory = self.directory(release)
        if self.sealed(release) is None:
            durable.sync_filesystem(directory)
        text = json.dumps(facts, indent=1, sort_keys=True) + "\n"
        files.replace(os.path.join(directory, SEAL), text)

    def sealed(self, release: str) -> Optional[Dict[str, Any]]:
        """Return a release's seal, or None where there is none (or an unreadable one, which is as good as none)."""
        try:
            if os.geteuid() == 0 and os.stat(self.directory(release)).st_uid != 0:
                return None  # a builder's that a killed run left: whatever is in it, it has put there
        except OSError:
            return None
        try:
            with open(os.path.join(self.directory(release), SEAL), encoding="utf-8") as source:
                seal = json.load(source)
        except (OSError, ValueError):
            return None
        whole = isinstance(seal, dict) and all(isinstance(seal.get(key), dict) for key in ("contents", "distributions"))
        return seal if whole else None

    def damage(self, release: str) -> str:
        """Return what a release lacks of what it was sealed with, as a sentence goes on after its name; nothing where it is whole."""
        seal, directory = self.sealed(release), self.directory(release)
        if seal is None:
            return "has no seal"
        if not os.access(os.path.join(directory, "bin", "python"), os.X_OK):
            return "has no Python any more"
        there = installed(directory)
        gone = sorted(name for name, version in seal["distributions"].items() if there.get(name) != version)
        if gone:
            return "is without {} as it was installed".format(", ".join(gone))
        if release_files.listed(directory):
            return release_files.words(directory, release_files.look(directory)[1])
        damaged = [path for place in site_packages(directory) for path in wheel_records.damaged(place)]
        return release_files.words(directory, damaged)

    def intact(self, release: str) -> bool:
        """Tell whether a release is sealed and all is there that it was sealed with."""
        return not self.damage(release)

    def all_releases(self) -> List[str]:
        """Return the names of all releases on disk, sealed or not."""
        return sorted(os.listdir(self.releases)) if os.path.isdir(self.releases) else []

    def sealed_releases(self) -> List[str]:
        """Return the names of the sealed releases, the one that was last put to use first."""
        current = self.current()
        seals = [(self.sealed(name), name) for name in self.all_releases()]
        ranked = [(_place(seal), name == current, str(seal.get("used") or ""), name) for seal, name in seals if seal]
        return [name for *_rank, name in sorted(ranked, reverse=True)]

    def earlier(self) -> List[str]:
        """Return the sealed releases that were in use before the current one, the last one first."""
        current = self.current()
        seals = ((self.sealed(name) or {}, name) for name in self.sealed_releases() if name != current)
        return [name for seal, name in seals if _place(seal) or seal.get("used")]

    def put_to_use(self, release: str) -> None:
        """Let the path lead to a sealed release, and count it as the last one that was put to use; call it under the lock.

        Counted after the switch: a run that is cut between the two leaves no release that was never in use among the earlier ones.
        """
        current = self.current()
        if current not in (None, release):
            self.count(str(current))  # the run that put it to use may have been cut before this
        self.switch(release)
        self.count(release)

    def count(self, release: str) -> None:
        """Give the release in use the next place in the order of use, if it does not have the last one; call it under the lock.

        Not by the clock, which may be wrong on the day of an install. Seals without a place are of earlier versions, and come first.
        """
        seal = self.sealed(release)
        if seal is None:
            return
        last = max(_place(self.sealed(name) or {}) for name in self.all_releases())
        if not _place(seal) or _place(seal) < last:
            self.seal(release, dict(seal, place=last + 1, used=now()))

    # --- clearing -------------------------------------------------------------------------------------------------

    def unsealed(self) -> List[str]:
        """Return what earlier runs left unfinished. The release in use is never among it, even if its seal was damaged."""
        current = self.current()
        return [
            name
            for name in self.all_releases()
            if name != current and self.sealed(name) is None and not self.users(name)
        ]

    def users(self, release: str) -> List[int]:
        """Return the processes because of which a release stays."""
        return [] if self.ignore_users else users_of(self.directory(release))

    def stale(self) -> List[str]:
        """Return the files that runs which were killed have left beside what they stand for; call it under the lock."""
        own = (self.fresh_link, self.shared("log", self.name + ".log.pip"))
        found = [path for path in own if os.path.lexists(path)]
        found += [self.fresh_link_beside] * _is_our_link(self.fresh_link_beside)
        found += [self._next] * (os.path.exists(self._next) and not workplaces.is_held(self._next))
        found += files.abandoned(self.receipt)
        for name in self.all_releases():
            for place in (self.directory(name), os.path.join(self.directory(name), "bin")):
                found += files.abandoned(os.path.join(place, "*"))
        return found + workplaces.abandoned(self.shared("tools"))

    def clear_stale(self) -> List[str]:
        """Remove what killed runs have left beside what it stands for, and return it; call it under the lock."""
        found = self.stale()
        for path in found:
            remove_tree(path)
        return found

    def remove(self, release: str) -> None:
        """Remove a release; it loses its seal first, so that a removal that stops halfway is never taken for a release."""
        directory = self.directory(release)
        if not os.path.islink(directory):
            # Of a directory that is a builder's still, no seal counts.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, safe_tree.UnsafePathError):
                safe_tree.unlink(os.path.join(directory, SEAL))
                durable.sync(directory)
        remove_tree(directory)

    def remove_store(self) -> bool:
        """Remove the store after its last environment; call it under the lock. Tells whether it is gone."""
        if set(os.listdir(self.store)) - set(SHARED + ON_DEMAND):
            return False
        # Another run, on an environment beside this one, may have begun: then the store stays.
        if self._store_lock is None or not _flock(self._store_lock, fcntl.LOCK_EX):
            return False
        if set(os.listdir(self.store)) - set(SHARED + ON_DEMAND):
            return False
        safe_tree.remove(self.store)
        return True

    def surplus(self, keep: int) -> List[str]:
        """Return the sealed releases beyond the last `keep` that neither the link nor a running process uses."""
        current = self.current()
        others = [name for name in self.sealed_releases() if name != current]
        return [name for name in others[max(keep - 1, 0) :] if not self.users(name)]

    # --- the lock -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the environment's lock. Waits up to `timeout` seconds; then StoreError says who holds it."""
        with contextlib.ExitStack() as stack:
            lock = self._acquire(stack, timeout)
            with self._told(lock):
                yield

    def _acquire(self, stack: contextlib.ExitStack, timeout: float) -> IO[str]:
        """Take the lock until `stack` ends, and return its file."""
        path, store_path = self.shared("locks", self.name + ".lock"), self.shared("locks", STORE_LOCK)
        deadline = time.time() + timeout
        with contextlib.ExitStack() as queue:
            while True:
                with contextlib.ExitStack() as attempt:
                    try:
                        self.prepare()
                        self._store_lock = attempt.enter_context(_open(store_path))
                        lock = attempt.enter_context(_open(path))
                    except FileNotFoundError:  # another run is just removing the store
                        continue
                    store_is_free, is_free = _flock(self._store_lock, fcntl.LOCK_SH), _flock(lock, fcntl.LOCK_EX)
                    if store_is_free and is_free and _is_at(self._store_lock, store_path) and _is_at(lock, path):
                        stack.enter_context(attempt.pop_all())
                        return lock
                    lock.seek(0)
                    holder = lock.read().strip() or in_words(holders(path))
                if time.time() >= deadline:
                    raise StoreError(
                        "another run has been working on {} for {} s or more: {}; wait for it or stop it".format(
                            self.path, int(timeout), holder
                        )
                    )
                with contextlib.suppress(OSError):  # whoever holds the lock can do without
                    self._line_up(queue)
                time.sleep(min(0.5, max(deadline - time.time(), 0)))

    def _line_up(self, queue: contextlib.ExitStack) -> None:
        """Say until `queue` ends, if nobody else does, that this run waits for the lock, and what it is to make of the environment."""
        line = _open(self._next)
        if not _flock(line, fcntl.LOCK_EX):
            line.close()
            return
        queue.enter_context(line)
        queue.callback(_unlink, self._next)
        line.truncate()
        line.write(
            json.dumps({"process": os.getpid(), "user": user_name(os.geteuid()), "wanted": self.wanted}, sort_keys=True)
        )
        line.flush()

    def next_run(self) -> Dict[str, Any]:
        """Return process, user and `wanted` of the run that waits for the lock; nothing where none does."""
        try:
            told: Dict[str, Any] = json.loads(files.text(self._next)) if workplaces.is_held(self._next) else {}
        except ValueError:
            return {}
        return told

    @contextlib.contextmanager
    def _told(self, lock: IO[str]) -> Iterator[None]:
        """Say in the lock's file who holds it."""
        text = "process {} of user {} since {}\n".format(os.getpid(), user_name(os.geteuid()), now())
        os.ftruncate(lock.fileno(), 0)
        with contextlib.suppress(OSError):  # on a full disk: a run that removes something must still be possible
            os.pwrite(lock.fileno(), text.encode("utf-8"), 0)
        try:
            yield
        finally:
            os.ftruncate(lock.fileno(), 0)

    def drop_lock(self) -> None:
        """Remove the lock's file; call it under the lock. Who waits for it notices and makes it anew."""
        safe_tree.unlink(self.shared("locks", self.name + ".lock"))


def _place(seal: Dict[str, Any]) -> int:
    """Return a release's place in the order of use, from 1; 0 for one that has none."""
    place = seal.get("place")
    return place if isinstance(place, int) else 0


def _open(path: str) -> IO[str]:
    # For its owner alone: whoever may open the file could hold the lock for ever.
    return safe_tree.open_file(path, "w+", 0o600)


def _is_our_link(path: str) -> bool:
    """Tell whether a link is there that root or the acting user has made: in a directory of all, anybody may use the name."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) and status.st_uid in safe_tree.owners()


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # the store may have been removed
        safe_tree.unlink(path)


def _flock(lock: IO[str], operation: int) -> bool:
    try:
        fcntl.flock(lock, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _is_at(lock: IO[str], path: str) -> bool:
    """Tell whether a lock's file is still the one at `path`: the run that held it may have removed the environment."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def remove_tree(path: str) -> None:
    """Remove whatever is at `path`, with directories that their owner had closed to themselves."""
    safe_tree.remove(path)


def users_of(release: str) -> List[int]:
    """Return the ids of the processes that use a release, as far as we may see; [0] where only its held file tells.

    A Python of the release holds a file of it open and locked (see release_pin); other programs show in their mapped and open files.
    Root sees these of all processes of this host (another's has only the lock). Whoever is not root also goes by what a process was
    called with, which root does not: anybody can name a path.
    """
    # The release itself or something in it, but not a release whose name begins with this one's.
    pattern = re.compile(re.escape(os.fsencode(os.path.realpath(release))) + rb"(?![\w.-])")
    uses = _has_open if os.geteuid() == 0 else _mentions
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        if pid != os.getpid() and uses(pid, pattern):
            found.append(pid)
    if not found and _held(os.path.join(release, HOLD)):
        found.append(0)
    return found


def holders(path: str) -> List[int]:
    """Return the ids of the other processes that have a file open, as far as we may see."""
    pattern = re.compile(re.escape(os.fsencode(os.path.realpath(path))) + rb"$")
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [pid for pid in pids if pid != os.getpid() and _opened(pid, pattern)]


def in_words(pids: List[int]) -> str:
    """Return processes with their users in words; 0 stands for one that only the lock it holds tells of."""
    seen = []
    for pid in filter(None, pids):
        with contextlib.suppress(OSError):
            seen.append("process {} of user {}".format(pid, user_name(os.stat("/proc/{}".format(pid)).st_uid)))
    return ", ".join(seen) or "a process that this run may not see, perhaps of another host"


def _held(hold: str) -> bool:
    return workplaces.is_held(hold)


def _has_open(pid: int, pattern: Pattern[bytes]) -> bool:
    """Tell whether a process runs, has mapped, or holds open anything of a release."""
    mapped = re.compile(
        rb"^(?:\S+ +){5}" + pattern.pattern, re.MULTILINE
    )  # the name of the file, and not something in it
    return _reads(pid, ("maps",), mapped) or _leads(pid, ("exe",), pattern) or _opened(pid, pattern)


def _mentions(pid: int, pattern: Pattern[bytes]) -> bool:
    """Tell whether a process has to do with a release in whatever way."""
    return _reads(pid, ("maps", "cmdline", "environ"), pattern) or _leads(pid, ("cwd", "exe"), pattern)


def _opened(pid: int, pattern: Pattern[bytes]) -> bool:
    with contextlib.suppress(OSError):
        return _leads(pid, tuple("fd/" + name for name in os.listdir("/proc/{}/fd".format(pid))), pattern)
    return False


def _reads(pid: int, names: Tuple[str, ...], pattern: Pattern[bytes]) -> bool:
    for name in names:
        with contextlib.suppress(OSError), open("/proc/{}/{}".format(pid, name), "rb") as source:
            if pattern.search(source.read()):
                return True
    return False


def _leads(pid: int, names: Tuple[str, ...], pattern: Pattern[bytes]) -> bool:
    for name in names:
        with contextlib.suppress(OSError):
            if pattern.match(os.fsencode(os.readlink("/proc/{}/{}".format(pid, name)))):
                return True
    return False
