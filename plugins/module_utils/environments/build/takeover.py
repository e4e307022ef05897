# SPDX-License-Identifier: GPL-3.0-or-later
"""What a builder without rights has made becomes root's: by descriptor, and believing nothing of what is there.

None of the builder's processes may run any more. Files of others that it has linked are refused, links that lead away are refused, and
a file that some process still holds open for writing (a builder can hand descriptors to others) is replaced by a copy.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from typing import Any, Dict, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
F_SETLEASE = 1024  # fcntl has the constant since Python 3.9 only
ARCHIVES = "archive-v0"  # where uv's cache has the wheels that it has unpacked, each in a directory
COPY = ".tensorwright-copy"


def _refuse(path: str, why: str) -> releases.StoreError:
    return releases.StoreError(
        "{} {}, which no package should do; look at what its build has done, and accept only packages of which you know the "
        "source".format(path, why)
    )


def hand_out(top: str, uid: int) -> None:
    """Let a builder work with uv's cache: all of it becomes the builder's, but not what is unpacked already, which releases share."""
    descriptor = os.open(top, DIRECTORY)
    try:
        _hand_out(descriptor, os.path.basename(top), uid)
    finally:
        os.close(descriptor)


def _hand_out(descriptor: int, name: str, uid: int) -> None:
    for entry in os.listdir(descriptor) if name != ARCHIVES else ():
        mode = os.stat(entry, dir_fd=descriptor, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            child = os.open(entry, DIRECTORY, dir_fd=descriptor)
            try:
                _hand_out(child, entry, uid)
            finally:
                os.close(child)
        elif stat.S_ISREG(mode):
            _hand_out_file(descriptor, entry, uid)
    os.fchown(descriptor, uid, uid)


def _hand_out_file(directory: int, name: str, uid: int) -> None:
    descriptor = os.open(name, FILE, dir_fd=directory)
    try:
        if os.fstat(descriptor).st_nlink == 1:
            os.fchown(descriptor, uid, uid)
        else:  # the cache's own files have no other names
            os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)


def take(top: str, uid: int, mode: int = 0o755, cache: bool = False) -> None:
    """Make a directory of the builder's root's, with all that is in it. `mode`: of the directory itself. Raises StoreError.

    `cache`: it is uv's cache, where what earlier builds have unpacked is root's already, and where uv leaves locks that all may hold.
    """
    descriptor = os.open(top, DIRECTORY)
    try:
        _take(descriptor, top, uid, cache)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: str, uid: int, cache: bool, depth: int = 0) -> None:
    if depth > safe_tree.DEPTH:
        raise _refuse(path, "lies {} directories deep".format(depth))
    owner = os.fstat(descriptor).st_uid
    if owner != uid:
        raise _refuse(path, "belongs to user {}".format(releases.user_name(owner)))
    os.fchown(descriptor, 0, 0)
    os.fchmod(descriptor, 0o755)
    with contextlib.suppress(OSError):  # there is none, or the file system has no such lists
        os.removexattr(descriptor, "system.posix_acl_default")
    for name in os.listdir(descriptor):
        inner = os.path.join(path, name)
        mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            child = os.open(name, DIRECTORY, dir_fd=descriptor)
            try:
                archives = cache and os.path.basename(path) == ARCHIVES
                if not (archives and os.fstat(child).st_uid == 0):
                    _take(child, inner, uid, cache and not archives, depth + 1)
            finally:
                os.close(child)
        elif cache and name.endswith(".lock"):
            os.unlink(name, dir_fd=descriptor)
        elif stat.S_ISLNK(mode):
            os.chown(name, 0, 0, dir_fd=descriptor, follow_symlinks=False)
        elif stat.S_ISREG(mode):
            _take_file(descriptor, name, inner, uid)
        else:
            raise _refuse(inner, "is neither a file nor a directory nor a link")


def _take_file(directory: int, name: str, path: str, uid: int) -> None:
    descriptor = os.open(name, FILE, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != uid or not stat.S_ISREG(status.st_mode):
            raise _refuse(path, "is a file of user {}".format(releases.user_name(status.st_uid)))
        os.fchown(descriptor, 0, 0)
        os.fchmod(descriptor, permissions.right(status.st_mode & ~permissions.SPECIAL))
        if _may_be_written(descriptor):
            _copy(directory, name, descriptor)
    finally:
        os.close(descriptor)


def _may_be_written(descriptor: int) -> bool:
    """Tell whether a process has the file open for writing, or could, for all that this file system tells.

    The kernel grants a lease for reading only where nobody has.
    """
    try:
        fcntl.fcntl(descriptor, F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False


def _copy(directory: int, name: str, descriptor: int) -> None:
    """Put a copy in the place of a file."""
    status = os.fstat(descriptor)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(COPY, dir_fd=directory)
    fresh = os.open(COPY, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    with os.fdopen(fresh, "wb") as out, os.fdopen(os.dup(descriptor), "rb") as source:
        shutil.copyfileobj(source, out, 1 << 20)
        out.flush()
        os.fchmod(fresh, stat.S_IMODE(status.st_mode))
        os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename(COPY, name, src_dir_fd=directory, dst_dir_fd=directory)


def link(release: str, cache: str, allowed: List[str]) -> None:
    """Let a release have the cache's own files where the installer has laid links to them; both are root's by now.

    `allowed`: directories outside of the release into which its other links may lead (those of the Python that it stands on).
    Raises StoreError for a link to somewhere else.
    """
    archives = os.path.join(os.path.realpath(cache), ARCHIVES) + os.sep
    trusted: Dict[str, bool] = {}
    for directory, directories, names in os.walk(release):
        for name in directories + names:
            path = os.path.join(directory, name)
            target = _link_target(path)
            if target is None:
                continue
            above = os.path.dirname(target)
            if above not in trusted:
                trusted[above] = (os.path.realpath(above) + os.sep).startswith(archives)
            if trusted[above]:
                _give_file(target, path)
            elif not _leads_to(path, target, release, allowed):
                raise _refuse(path, "leads to {}".format(os.path.realpath(path)))


def _leads_to(path: str, target: str, release: str, allowed: List[str]) -> bool:
    """Tell whether a link stays within its release, or leads to what may be trusted anyway."""
    if os.pardir not in target.split(os.sep) and any(target.startswith(place + os.sep) for place in allowed):
        return True
    end = os.path.realpath(path) + os.sep
    return any(end.startswith(os.path.realpath(place) + os.sep) for place in [release] + allowed)


def _link_target(path: str) -> Optional[str]:
    try:
        return os.path.join(os.path.dirname(path), os.readlink(path))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None


def _give_file(source: str, path: str) -> None:
    status: Any = os.lstat(source)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != 0:
        raise _refuse(path, "leads to {}".format(source))
    os.unlink(path)
    try:
        os.link(source, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            raise
        shutil.copy2(source, path, follow_symlinks=False)
