# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release is made, and as whom: by a builder without rights where root would otherwise run what a package index says.

Root takes over what the builder has made: the release, what is new in uv's cache, the bytecode. Where packages' own code runs while
they are installed (build scripts, conda's link scripts, pip that starts in the release), the builder gets a cache that goes with it.
"""

import contextlib
import errno
import fcntl
import glob
import os
import shutil
import stat
import time
from typing import IO, Callable, Dict, Iterator, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, processes, safe_tree, workplaces
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user, takeover

LOCK = ".tensorwright.lock"
BOOT = "/proc/sys/kernel/random/boot_id"
# What an installer may see of root's environment; the rest may be anything, secrets too.
VARIABLES = ("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "SSL_CERT_DIR")
PREFIXES = ("LC_", "PIP_", "UV_", "CONDA_")
# Settings of the acting user's for installers, below the home.
SETTINGS = (".netrc", ".config/pip/pip.conf", ".pip/pip.conf", ".config/uv/uv.toml", ".condarc")

LARGEST = 1 << 24  # bytes of a text of the account's that are read


class Workshop(object):
    """A directory for what is not finished, and the account that works there; without one it is who we are."""

    def __init__(self, directory: str, account: Optional[builder_user.Account] = None) -> None:
        self.directory = directory
        self.account = account
        self.home = os.path.join(directory, "home")
        self.lent: Dict[str, str] = {}

    def becoming(self) -> Callable[[], None]:
        """Return what a child does before its program starts."""
        return self.account.becoming() if self.account else processes.dying_with_us()

    def prepare(self, lend: List[str]) -> None:
        """Make the account's home, with the settings of who we are and copies of the files `lend` where it cannot read them."""
        safe_tree.make_directories(self.home, 0o700)
        if self.account is None:
            return
        safe_tree.make_directories(os.path.join(self.home, "tmp"), 0o700)
        home = os.path.expanduser("~")
        given = [os.path.join(home, name) for name in SETTINGS] + [os.environ.get("NETRC") or ""] + lend
        for number, path in enumerate(given):
            if not os.path.isfile(path) or (path in lend and builder_user.groups_for([path]) == set()):
                continue
            inner = path[len(home) + 1 :] if path.startswith(home + os.sep) and path not in lend else str(number)
            copy = os.path.join(self.home, inner)
            if not os.path.exists(copy):
                safe_tree.make_directories(os.path.dirname(copy), 0o700)
                with open(path, "rb") as source, safe_tree.open_file(copy, "x", 0o600, None) as out:
                    shutil.copyfileobj(source, out)
            self.lent[path] = copy
        for _directory, _directories, names, descriptor in os.fwalk(self.home):
            os.fchown(descriptor, self.account.uid, self.account.uid)
            for name in names:
                os.chown(name, self.account.uid, self.account.uid, dir_fd=descriptor, follow_symlinks=False)

    def file(self, path: str) -> str:
        """Return where the account finds a file that was lent to it."""
        return self.lent.get(path, path)

    def environment(self) -> Dict[str, str]:
        """Return the variables for what runs here."""
        if self.account is None:
            return dict(os.environ)
        env = {
            name: value
            for name, value in os.environ.items()
            if name in VARIABLES or name.startswith(PREFIXES) or name.lower().endswith("_proxy")
        }
        env.update(
            HOME=self.home,
            TMPDIR=os.path.join(self.home, "tmp"),
            USER="tensorwright",
            LOGNAME="tensorwright",
            SHELL="/bin/sh",
        )
        netrc = self.lent.get(os.environ.get("NETRC") or "")
        return dict(env, NETRC=netrc) if netrc else env

    def give(self, path: str) -> None:
        """Make a directory for the account to fill, where it is not there; what is made without an account its maker makes."""
        if self.account is None:
            return
        if not os.path.isdir(path):
            safe_tree.make_directories(path)
        descriptor = os.open(path, takeover.DIRECTORY)
        try:
            os.fchown(descriptor, self.account.uid, self.account.uid)
        finally:
            os.close(descriptor)

    def stop(self) -> None:
        """End whatever the account has left running. Raises StoreError."""
        if self.account:
            self.account.stop()

    def take(self, path: str) -> None:
        """Make ours what the account has put into a directory. Raises StoreError."""
        if self.account:
            self.stop()
            takeover.take(path, self.account.uid)

    def open(self, path: str) -> IO[bytes]:
        """Open a regular file for reading that the account has written: a link may lead to one of anybody's. Raises OSError."""
        if self.account is None:
            return open(path, "rb")
        descriptor = os.open(os.path.realpath(path), takeover.FILE)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == self.account.uid:
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "it is no file of the build's own", path)

    def text(self, path: str) -> str:
        """Return what the account has written into a file of its own, or nothing."""
        try:
            with self.open(path) as source:
                return source.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""


def account_groups(places: List[str]) -> Optional[List[int]]:
    """Return the groups of the account that is to work in `places`; None where the acting user does it.

    That is everybody but root, and root where nobody else may go: who installs there runs it too.
    """
    groups = builder_user.groups_for(places) if os.geteuid() == 0 else None
    return None if groups is None else sorted(groups)


@contextlib.contextmanager
def opened(tools: str, groups: Optional[List[int]], lend: List[str], left: Optional[int] = None) -> Iterator[Workshop]:
    """Open a workshop below `tools`; `groups`: as account_groups() tells. What a killed run leaves is known by its name."""
    with contextlib.ExitStack() as stack:
        account = stack.enter_context(builder_user.borrowed(groups, left)) if groups is not None else None
        directory = stack.enter_context(workplaces.workplace(tools))
        safe_tree.change(directory, mode=0o755)
        if account:
            stack.callback(account.stop)
        workshop = Workshop(directory, account)
        workshop.prepare(lend)
        yield workshop


# --- the cache ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(cache: str, timeout: float) -> Iterator[int]:
    """Hold a cache that builders may fill, one at a time; yields the lock's file. Raises StoreError, which names the holder."""
    safe_tree.make_directories(cache)
    descriptor = os.open(os.path.join(cache, LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    deadline = time.time() + timeout
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.time() >= deadline:
                raise releases.StoreError(
                    "another run has been filling the cache {} for {} s or more: {}; wait for it or stop it".format(
                        cache, int(timeout), releases.in_words(releases.holders(os.path.join(cache, LOCK)))
                    )
                )
            time.sleep(0.2)
        yield descriptor
    finally:
        os.close(descriptor)


def killed(lock: int) -> Optional[int]:
    """Return the account that a killed run had; its number is in the lock's file as long as the host has not been restarted."""
    told = os.pread(lock, 100, 0).decode("ascii", "replace").split()
    return int(told[0]) if len(told) == 2 and told[0].isdigit() and told[1] == files.text(BOOT).strip() else None


def note(lock: int, account: Optional[builder_user.Account]) -> None:
    """Write down who fills the cache, or that nobody does."""
    os.ftruncate(lock, 0)
    if account:
        os.pwrite(lock, "{} {}\n".format(account.uid, files.text(BOOT).strip()).encode("ascii"), 0)


@contextlib.contextmanager
def lent(cache: str, account: builder_user.Account) -> Iterator[None]:
    """Let the account fill uv's cache at `cache`, which is closed to everybody else: all may hold the locks that uv makes.

    Afterwards it is root's. What cannot be made so is thrown away. Raises StoreError.
    """
    if not os.path.isdir(cache):
        safe_tree.make_directories(cache, 0o700)
    owner = os.stat(cache).st_uid
    if owner == account.uid:  # the account is the one of a run that was killed
        _settle(cache, account)
    elif owner != 0:
        releases.remove_tree(cache)
        safe_tree.make_directories(cache, 0o700)
    safe_tree.change(cache, mode=0o700)
    takeover.hand_out(cache, account.uid)
    try:
        yield
    finally:
        _settle(cache, account)


def _settle(cache: str, account: builder_user.Account) -> None:
    account.stop()
    try:
        takeover.take(cache, account.uid, 0o700, cache=True)
    except BaseException:
        releases.remove_tree(cache)
        raise
    for path in glob.glob(os.path.join(glob.escape(cache), ".tmp*")):  # what uv was unpacking when it ended
        releases.remove_tree(path)


def clear_killed(cache: str) -> None:
    """Kill what a killed run's builder may have left running."""
    if os.geteuid() != 0 or not os.path.exists(os.path.join(cache, LOCK)):
        return
    with contextlib.suppress(releases.StoreError), locked(cache, 0) as lock:  # else another run has it, and its builder
        left = killed(lock)
        if left is not None:
            with builder_user.borrowed(left=left):
                pass
