# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of one environment on disk: names, seals, the link, the lock, and what may be cleared.

/opt/tensorflow                           -> .tensorwright/tensorflow/3f9c2a…    the path that users activate
/opt/.tensorwright/tensorflow/3f9c2a…/    a release; sealed once its .tensorwright.json is there
/opt/.tensorwright/{cache,locks,log,receipts,tools}/                             shared by the environments beside it
"""

import contextlib
import datetime
import errno
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import time
from typing import Any, Dict, Iterator, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.distributions import distributions

STORE = ".tensorwright"
SEAL = ".tensorwright.json"
HOLD = ".tensorwright.hold"  # locked by every Python of the release; the seal is rewritten, so it cannot serve
SHARED = ("cache", "locks", "log", "receipts", "tools")
LAYOUT = 1  # part of every release's name: a change in how releases are laid out makes new ones


class StoreError(Exception):
    """The store cannot be worked with; the text is one sentence for the user."""


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")


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
    candidates = [
        os.path.join(lib, name, "site-packages") for name in sorted(os.listdir(lib)) if name.startswith("python")
    ]
    return [path for path in candidates if os.path.isdir(path)]


def write_json(path: str, data: Dict[str, Any]) -> None:
    """Write `data` so that readers see the old file or the new one, and a power cut leaves one of them."""
    partial = path + ".new"
    with open(partial, "w") as out:
        json.dump(data, out, indent=1, sort_keys=True)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    os.chmod(partial, 0o644)
    os.rename(partial, path)


class Environment(object):
    """The environment at `path`: its store, its releases, its link."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.name = os.path.basename(self.path)
        self.parent = os.path.dirname(self.path)
        self.store = os.path.join(self.parent, STORE)
        self.releases = os.path.join(self.store, self.name)
        if self.name in SHARED or self.name == STORE:
            raise StoreError(
                "an environment cannot be named '{}': Tensorwright keeps its own files there".format(self.name)
            )

    def directory(self, release: str) -> str:
        """Return the directory of a release."""
        return os.path.join(self.releases, release)

    def shared(self, *parts: str) -> str:
        """Return a path in the part of the store that all environments beside each other share."""
        return os.path.join(self.store, *parts)

    def prepare(self) -> None:
        """Make the directories of the store, readable by all."""
        for directory in [self.releases] + [self.shared(name) for name in SHARED]:
            os.makedirs(directory, mode=0o755, exist_ok=True)

    # --- the link -------------------------------------------------------------------------------------------------

    def target(self) -> str:
        """Return the text of the link that belongs at the environment's path, without the release's name."""
        return os.path.join(STORE, self.name)

    def current(self) -> Optional[str]:
        """Return the name of the release that the path leads to, or None. Raises StoreError for what is not ours."""
        if not os.path.lexists(self.path):
            return None
        if os.path.islink(self.path):
            head, name = os.path.split(os.readlink(self.path))
            if head in (self.target(), self.releases):
                return name
        raise StoreError(
            "{} is there already and was not made by Tensorwright; move it away or choose another path".format(
                self.path
            )
        )

    def switch(self, release: str) -> None:
        """Let the path lead to `release`; whoever looks sees the old link or the new one, never none."""
        fresh = "{}/.{}.new{}".format(self.parent, self.name, os.getpid())
        os.symlink(os.path.join(self.target(), release), fresh)
        os.rename(fresh, self.path)

    # --- seals ----------------------------------------------------------------------------------------------------

    def seal(self, release: str, facts: Dict[str, Any]) -> None:
        """Mark a release as complete and proved."""
        write_json(os.path.join(self.directory(release), SEAL), facts)

    def sealed(self, release: str) -> Optional[Dict[str, Any]]:
        """Return a release's seal, or None where there is none (or an unreadable one, which is as good as none)."""
        try:
            with open(os.path.join(self.directory(release), SEAL)) as source:
                seal = json.load(source)
        except (OSError, ValueError):
            return None
        return seal if isinstance(seal, dict) else None

    def intact(self, release: str) -> bool:
        """Tell whether a release is sealed, its Python starts and every distribution it was sealed with is still there."""
        seal = self.sealed(release)
        if seal is None or not os.access(os.path.join(self.directory(release), "bin", "python"), os.X_OK):
            return False
        there = installed(self.directory(release))
        return all(there.get(name) == version for name, version in seal["distributions"].items())

    def all_releases(self) -> List[str]:
        """Return the names of all releases on disk, sealed or not."""
        return sorted(os.listdir(self.releases)) if os.path.isdir(self.releases) else []

    def sealed_releases(self) -> List[str]:
        """Return the names of the sealed releases, the one that was last put to use first."""
        seals = [(self.sealed(name), name) for name in self.all_releases()]
        return [
            name for seal, name in sorted(((s, n) for s, n in seals if s), key=lambda pair: (pair[0]["used"], pair[1]))
        ][::-1]

    # --- clearing -------------------------------------------------------------------------------------------------

    def unsealed(self) -> List[str]:
        """Return what earlier runs left unfinished."""
        return [name for name in self.all_releases() if self.sealed(name) is None]

    def remove(self, release: str) -> None:
        """Remove a release; it loses its seal first, so that a removal that stops halfway is never taken for a release."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.directory(release), SEAL))
        shutil.rmtree(self.directory(release))

    def surplus(self, keep: int) -> List[str]:
        """Return the sealed releases beyond the last `keep` that neither the link nor a running process uses."""
        current = self.current()
        others = [name for name in self.sealed_releases() if name != current]
        return [name for name in others[max(keep - 1, 0) :] if not users_of(self.directory(name))]

    # --- the lock -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the environment's lock. Waits up to `timeout` seconds; then StoreError says who holds it."""
        path = self.shared("locks", self.name + ".lock")
        with open(path, "a+") as lock:
            deadline = time.time() + timeout
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EACCES):
                        raise
                    if time.time() >= deadline:
                        lock.seek(0)
                        holder = lock.read().strip() or "a process that has not said who it is"
                        raise StoreError(
                            "another run has been working on {} for {} s or more: {}; wait for it or stop it".format(
                                self.path, int(timeout), holder
                            )
                        ) from None
                    time.sleep(0.5)
            lock.truncate(0)
            me = pwd.getpwuid(os.getuid()).pw_name
            lock.write("process {} of user {} since {}\n".format(os.getpid(), me, now()))
            lock.flush()
            try:
                yield
            finally:
                lock.truncate(0)


def users_of(release: str) -> List[int]:
    """Return the ids of the processes that use a release, as far as we may see; [0] where only its held file tells.

    A Python of the release holds a file of it open and locked (see release_pin); other programs show in their mapped files,
    directories, command lines and environments.
    """
    needle = (os.path.realpath(release) + os.sep).encode()
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        if pid != os.getpid() and _uses(pid, needle):
            found.append(pid)
    if not found and _held(os.path.join(release, HOLD)):
        found.append(0)
    return found


def _held(hold: str) -> bool:
    try:
        with open(hold) as source:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


def _uses(pid: int, needle: bytes) -> bool:
    proc = "/proc/{}/".format(pid)
    for name in ("maps", "cmdline", "environ"):
        with contextlib.suppress(OSError), open(proc + name, "rb") as source:
            if needle in source.read():
                return True
    for name in ("cwd", "exe"):
        with contextlib.suppress(OSError):
            if (os.readlink(proc + name).encode() + b"/").startswith(needle):
                return True
    return False
