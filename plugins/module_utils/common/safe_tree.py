# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories handled by descriptor, for whoever acts as root where others may have a hand in a path.

A path is trusted if every directory above it belongs to root or to the acting user and nobody else can write it. In a sticky directory,
such as /tmp, others may write; what is found there has to belong to one of the two, as has a link that is followed. Each step is
opened from the one before, so that an exchange in between changes nothing: what was checked is what is used.

It imports nothing of Tensorwright's, for its text goes into the command tensorflow-env as well.
"""

import contextlib
import errno
import grp
import os
import pwd
import stat
from typing import IO, Any, Callable, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

# path: the directory or file that is not to be trusted. why: as a sentence goes on after it. accepted: what would be.
Fault = NamedTuple("Fault", [("path", str), ("why", str), ("accepted", str)])
# owner: a user's number, group: a group's number, mode: the permissions to set. None or -1 leaves what is there.
Change = NamedTuple("Change", [("owner", int), ("group", int), ("mode", Optional[int])])

STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # not blocking: opening a FIFO must not wait for its other end
MODES = {
    "r": os.O_RDONLY,
    "r+": os.O_RDWR,
    "w": os.O_WRONLY | os.O_CREAT,
    "w+": os.O_RDWR | os.O_CREAT,  # as "w", but what is in it stays
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
LINKS = 40  # as many as the kernel follows
ROUNDS = 1000  # of a removal: somebody may be filling what is being emptied, but not for ever
DEPTH = 100  # of a tree; no package nests deeper, and each level costs an open descriptor
STAFF = 50  # Debian's group for /usr/local, which is as good as root and has no members unless root adds some


class UnsafePathError(OSError):
    """A path is not to be trusted; the text is one sentence that names it, its owner, and what would be accepted."""

    def __init__(self, fault: Fault) -> None:
        super(UnsafePathError, self).__init__(
            errno.EPERM, "{0}; accepted is {1}".format(fault.why, fault.accepted), fault.path
        )
        self.fault = fault

    def __str__(self) -> str:
        return "{0} {1}; accepted is {2}".format(*self.fault)


# --- trust ------------------------------------------------------------------------------------------------------------


def owners() -> FrozenSet[int]:
    """Return whose directories are trusted: root's and the acting user's."""
    return frozenset((0, os.geteuid()))


def user_name(uid: int) -> str:
    """Return a user's name, or the number of one that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _accepted(who: FrozenSet[int]) -> str:
    names = " or ".join(user_name(uid) for uid in sorted(who))
    return "a path of which every directory belongs to {0} and can be written by nobody else".format(names)


def _is_private_group(descriptor: int, status: os.stat_result, who: FrozenSet[int]) -> bool:
    """Tell whether a group that may write is nobody's but the owner's: his own private group, or Debian's staff without members.

    No other group is taken for empty: a directory service does not always tell who is in one.
    """
    try:
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except KeyError:
        return False
    if group.gr_gid != STAFF and (group.gr_gid != owner.pw_gid or group.gr_name != owner.pw_name):
        return False
    members = {
        entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid or entry.pw_name in group.gr_mem
    }
    if members - who or len(group.gr_mem) > len(members):
        return False
    with contextlib.suppress(OSError):  # a file system without access control lists
        # With a list, the group's bits are the most that anybody on the list may do.
        return "system.posix_acl_access" not in os.listxattr("/proc/self/fd/{0}".format(descriptor))
    return True


def _distrust(descriptor: int, who: FrozenSet[int]) -> Optional[str]:
    """Tell why an open directory or file is not to be trusted, as a sentence goes on after its path."""
    status = os.fstat(descriptor)
    if status.st_uid not in who:
        return "belongs to user {0}".format(user_name(status.st_uid))
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    if status.st_mode & stat.S_IWOTH:
        return "belongs to {0} and can be written by all users".format(user_name(status.st_uid))
    if status.st_mode & stat.S_IWGRP and not _is_private_group(descriptor, status, who):
        return "belongs to {0} and can be written by group {1}".format(
            user_name(status.st_uid), _group_name(status.st_gid)
        )
    return None


def _refuse(descriptor: int, path: str, who: FrozenSet[int]) -> None:
    why = _distrust(descriptor, who)
    if why:
        raise UnsafePathError(Fault(path, why, _accepted(who)))


def _refuse_link(link: int, path: str, who: FrozenSet[int]) -> None:
    owner = os.fstat(link).st_uid
    if owner not in who:
        raise UnsafePathError(Fault(path, "is a link of user {0}".format(user_name(owner)), _accepted(who)))


class _Steps(object):
    """The way down a path: an open directory, its name, and the parts that are to come, the next one last."""

    def __init__(self, who: FrozenSet[int]) -> None:
        self.who = who
        self.links = 0
        self.here, self.name = -1, ""
        self.parts: List[str] = []

    def go_on(self, target: str) -> None:
        """Go on with the parts of an absolute path, or of a link's target."""
        if self.here < 0 and not target.startswith("/"):
            raise ValueError("{0} is not absolute".format(target))
        self.parts.extend(reversed(target.split("/")))
        if target.startswith("/"):
            self.close()
            self.here, self.name = os.open("/", STEP | os.O_DIRECTORY), "/"
            _refuse(self.here, self.name, self.who)

    def down(self, make: Optional[int]) -> None:
        """Go down to the last part; a directory that is missing is made with the mode `make`, where one is given."""
        while self.parts:
            part = self.parts.pop()
            if part not in ("", os.curdir):
                self._enter(part, make)

    def _enter(self, part: str, make: Optional[int]) -> None:
        path = os.path.normpath(os.path.join(self.name, part))
        try:
            child = os.open(part, STEP, dir_fd=self.here)
        except FileNotFoundError:
            if make is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, make, dir_fd=self.here)
            child = os.open(part, STEP, dir_fd=self.here)
            _set_mode(child, make)
        try:
            mode = os.fstat(child).st_mode
            if stat.S_ISLNK(mode):
                _refuse_link(child, path, self.who)
                target = os.readlink("", dir_fd=child)
                self.links += 1
            elif stat.S_ISDIR(mode):
                _refuse(child, path, self.who)
            if not stat.S_ISLNK(mode) and not stat.S_ISDIR(mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            if self.links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        except BaseException:
            os.close(child)
            raise
        if stat.S_ISLNK(mode):
            os.close(child)
            self.go_on(target)
        else:
            self.close()
            self.here, self.name = child, path

    def close(self) -> None:
        """Close the open directory."""
        if self.here >= 0:
            os.close(self.here)
        self.here = -1


def look(path: str, who: Optional[FrozenSet[int]] = None) -> Optional[Fault]:
    """Return what is wrong with the directories of a path, as far as they exist and can be seen; None where all can be trusted."""
    steps = _Steps(who or owners())
    try:
        steps.go_on(path)
        steps.down(None)
    except UnsafePathError as error:
        return error.fault
    except OSError:  # missing, or not for this user's eyes: told when it is used
        return None
    finally:
        steps.close()
    return None


def open_directory(path: str, make: Optional[int] = None, who: Optional[FrozenSet[int]] = None) -> int:
    """Return a descriptor of a directory that can be trusted with all directories above it; it serves as a `dir_fd`.

    make: the mode of directories that are missing, which are made then. who: the owners to trust, root and the acting user unless
    others are given. Raises UnsafePathError, and OSError as opening a directory does.
    """
    steps = _Steps(who or owners())
    try:
        steps.go_on(path)
        steps.down(make)
        try:
            return os.open(os.curdir, DIRECTORY, dir_fd=steps.here)
        except PermissionError:  # it may be passed through but not read
            return os.dup(steps.here)
    finally:
        steps.close()


@contextlib.contextmanager
def directory(path: str, make: Optional[int] = None, who: Optional[FrozenSet[int]] = None) -> Iterator[int]:
    """Hold a directory open, as open_directory opens it."""
    descriptor = open_directory(path, make, who)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def parent(path: str, make: Optional[int] = None, who: Optional[FrozenSet[int]] = None) -> Iterator[Tuple[int, str]]:
    """Hold the directory above a path open; yields its descriptor and the path's own name in it."""
    above, name = os.path.split(os.path.normpath(path))
    with directory(above, make, who) as descriptor:
        yield descriptor, name


# --- files ------------------------------------------------------------------------------------------------------------


def open_file(
    path: str,
    mode: str = "r",
    permissions: int = 0o644,
    encoding: Optional[str] = "utf-8",
    who: Optional[FrozenSet[int]] = None,
) -> IO[Any]:
    """Open a regular file that can be trusted with its path. encoding: None for bytes.

    mode: r, r+, w, a and x as open() has them, or w+ to read and write what is there or a new file. What w, w+ and x make or write
    anew gets exactly these permissions. Raises UnsafePathError for a file of another owner, one that others can write, a link, or
    one that is to be written and has other names; OSError as open() does.
    """
    trusted = who or owners()
    with parent(path, who=trusted) as (above, name):
        return _open_at(above, name, path, mode, permissions, encoding, trusted)


def _open_at(
    above: int, name: str, path: str, mode: str, permissions: int, encoding: Optional[str], who: FrozenSet[int]
) -> IO[Any]:
    descriptor = os.open(name, MODES[mode] | FILE, permissions, dir_fd=above)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafePathError(Fault(path, "is no regular file", "a regular file or none"))
        if mode != "r" and status.st_nlink > 1:
            raise UnsafePathError(Fault(path, "has other names, which lead to it too", "a file with one name or none"))
        _refuse(descriptor, path, who)
        if mode.startswith(("w", "x")):
            os.fchmod(descriptor, permissions)
        if mode == "w":
            os.ftruncate(descriptor, 0)
        kinds = {"w+": "r+", "x": "w"}
        kind = kinds.get(mode, mode) + ("" if encoding else "b")
        return os.fdopen(descriptor, kind, encoding=encoding, errors="surrogateescape" if encoding else None)
    except BaseException:
        os.close(descriptor)
        raise


def make_directories(path: str, mode: int = 0o755) -> None:
    """Make a directory and those above it that are missing, with this mode whatever the umask is."""
    os.close(open_directory(path, mode))


def make_private(above: int, name: str) -> int:
    """Make a directory that nobody else can look into, and return its descriptor; `above` is an open directory."""
    os.mkdir(name, 0o700, dir_fd=above)
    descriptor = os.open(name, DIRECTORY, dir_fd=above)
    try:
        status = os.fstat(descriptor)
        if status.st_uid not in owners() or os.listdir(descriptor):
            raise UnsafePathError(Fault(name, "was exchanged for another directory", "a directory of nobody else's"))
        os.fchmod(descriptor, 0o700)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def rename(source: str, target: str) -> None:
    """Rename into place, over a file or link that may be there. Both paths have to be trusted."""
    with parent(source) as (here, old), parent(target) as (there, new):
        os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)


def symlink(text: str, path: str) -> None:
    """Make a link with this text; FileExistsError where something is."""
    with parent(path) as (above, name):
        os.symlink(text, name, dir_fd=above)


def unlink(path: str) -> None:
    """Remove a file or a link; FileNotFoundError where none is."""
    with parent(path) as (above, name):
        os.unlink(name, dir_fd=above)


def rmdir(path: str) -> None:
    """Remove an empty directory."""
    with parent(path) as (above, name):
        os.rmdir(name, dir_fd=above)


def change(path: str, mode: Optional[int] = None, owner: int = -1, group: int = -1) -> None:
    """Set permissions, owner or group of a file or a directory, never of what a link leads to. Raises UnsafePathError for a link."""
    with parent(path) as (above, name):
        descriptor = os.open(name, STEP, dir_fd=above)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise UnsafePathError(Fault(path, "is a link", "a file or a directory"))
        _apply(descriptor, Change(owner, group, mode))
    finally:
        os.close(descriptor)


def _set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of what a descriptor is of that may have been opened for its path alone; never of a link."""
    if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
        os.chmod("/proc/self/fd/{0}".format(descriptor), mode)


def _apply(descriptor: int, asked: Change) -> None:
    if asked.owner != -1 or asked.group != -1:
        os.chown("/proc/self/fd/{0}".format(descriptor), asked.owner, asked.group)
    if asked.mode is not None:
        _set_mode(descriptor, asked.mode)  # last: a change of owner takes set-id bits away


# --- trees ------------------------------------------------------------------------------------------------------------


def walk(
    top: int, path: str = "", strict: bool = True, depth: int = 0
) -> Iterator[Tuple[int, str, str, os.stat_result]]:
    """Yield directory, name, path and status of all entries below an open directory, those in a directory before the directory itself.

    path: what `top` is called in errors and in the paths that are yielded. Links are entries and are not followed.
    strict: raise UnsafePathError for a tree that is nested so deep that somebody must have meant it, instead of leaving out
    what lies deeper.
    """
    if depth > DEPTH:
        if not strict:
            return
        raise UnsafePathError(Fault(path, "lies {0} directories deep".format(DEPTH), "a tree that is less deep"))
    for name in sorted(os.listdir(top)):
        inner = os.path.join(path, name)
        try:
            status = os.stat(name, dir_fd=top, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                child = os.open(name, DIRECTORY, dir_fd=top)
                try:
                    status = os.fstat(child)
                    for entry in walk(child, inner, strict, depth + 1):
                        yield entry
                finally:
                    os.close(child)
        except FileNotFoundError:  # somebody removed it meanwhile
            continue
        except (NotADirectoryError, OSError) as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            continue  # it was exchanged meanwhile
        yield top, name, inner, status


def change_tree(top: int, wanted: Callable[[os.stat_result], Optional[Change]]) -> None:
    """Set owner, group and permissions of all below an open directory, and of itself last: `wanted` tells by what an entry is.

    What an entry is, is read from the same descriptor that is changed. Links get owner and group too, and stay links.
    """
    for above, name, _path, _status in walk(top):
        try:
            descriptor = os.open(name, STEP, dir_fd=above)
        except FileNotFoundError:
            continue
        try:
            _change_open(descriptor, wanted)
        finally:
            os.close(descriptor)
    _change_open(top, wanted)


def _change_open(descriptor: int, wanted: Callable[[os.stat_result], Optional[Change]]) -> None:
    status = os.fstat(descriptor)
    asked = wanted(status)
    if asked is None:
        return
    _apply(descriptor, asked._replace(mode=None) if stat.S_ISLNK(status.st_mode) else asked)


def remove(path: str) -> None:
    """Remove a file, a link, or a directory with all that is in it; FileNotFoundError where nothing is."""
    with parent(path) as (above, name):
        remove_at(above, name)


def remove_at(above: int, name: str) -> None:
    """Remove an entry of an open directory with all that is in it, however deep it is nested.

    What somebody puts into it meanwhile goes too, and what is exchanged is looked at again, but not for ever: then OSError tells that
    it is not empty.
    """
    rounds, first = iter(range(ROUNDS)), True
    for _again in rounds:
        if _unlinked(above, name, missing_ok=not first):
            return
        first = False
        with _next_round():
            _empty_own(above, name, rounds)
            os.rmdir(name, dir_fd=above)
            return
    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), name)


@contextlib.contextmanager
def _next_round() -> Iterator[None]:
    """Leave for the next round what somebody has removed, filled, or exchanged for something else meanwhile."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.ELOOP):
            raise


def _empty_own(above: int, name: str, rounds: Iterator[int]) -> None:
    """Remove what is in a directory, in as many of the rounds as it takes."""
    top = _open_own(above, name)
    try:
        while os.listdir(top):
            number = next(rounds, None)
            if number is None:
                return
            _empty(top, top, ".{0}.going".format(number), 0)
    finally:
        os.close(top)


def _unlinked(above: int, name: str, missing_ok: bool = True) -> bool:
    """Remove an entry that is no directory; tell whether it is gone."""
    try:
        os.unlink(name, dir_fd=above)
    except OSError as error:
        if error.errno == errno.ENOENT and missing_ok:
            return True
        if error.errno == errno.EPERM and not _is_directory(above, name):
            raise  # it may not be removed, and no further round changes that
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        return False
    return True


def _is_directory(above: int, name: str) -> bool:
    """Tell whether an entry is a directory, or was one until now."""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return True


def _empty(top: int, here: int, spare: str, depth: int) -> None:
    """Remove what is in an open directory. Directories that lie too deep to go down to are moved up to `top`, for the next round."""
    for number, name in enumerate(os.listdir(here)):
        with _next_round():
            if _unlinked(here, name):
                continue
            if depth == DEPTH:
                os.rename(name, "{0}.{1}".format(spare, number), src_dir_fd=here, dst_dir_fd=top)
                continue
            child = _open_own(here, name)
            try:
                _empty(top, child, "{0}.{1}".format(spare, number), depth + 1)
            finally:
                os.close(child)
            os.rmdir(name, dir_fd=here)


def _open_own(above: int, name: str) -> int:
    """Open a directory for removal, also one that its owner, who is the acting user, has closed to himself."""
    try:
        descriptor = os.open(name, DIRECTORY, dir_fd=above)
    except PermissionError:
        descriptor = -1
    if descriptor >= 0 and (os.geteuid() == 0 or os.fstat(descriptor).st_mode & 0o300 == 0o300):
        return descriptor
    if descriptor >= 0:
        os.close(descriptor)
    step = os.open(name, STEP | os.O_DIRECTORY, dir_fd=above)
    try:
        _set_mode(step, 0o700)
        return os.open(os.curdir, DIRECTORY, dir_fd=step)
    finally:
        os.close(step)
