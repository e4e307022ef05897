# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read and write the files of an environment that several users share: looked at in one walk, and put right.

Of a shared release: all may read it, its owner alone may write. Of a group's environment: its members may do both, and what comes into
a directory belongs to the group; others may not write.
"""

import contextlib
import grp
import os
import stat
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

# Paths below the top, each list in no particular order. open: others may write. closed: some who should may not. foreign: of another
# owner than the top.
Findings = NamedTuple("Findings", [("open", List[str]), ("closed", List[str]), ("foreign", List[str])])
# damaged: missing, or not as large as known. touched: as large, but written since.
Losses = NamedTuple("Losses", [("damaged", List[str]), ("touched", List[str])])
# What is known of the files: directory below the top → name → size, or ANY for one that may change but not be empty; and until when
# they were written, in seconds since 1970.
Known = NamedTuple("Known", [("sizes", Dict[str, Dict[str, int]]), ("until", float)])
NOTHING_KNOWN = Known({}, 0)
ANY = -1
SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


def right(mode: int, group: bool = False) -> int:
    """Return the permissions that a path with this mode should have; what its owner may not do nobody may."""
    if stat.S_ISDIR(mode):
        return 0o2775 if group else 0o755 | (mode & SPECIAL)
    runs = 0o111 if mode & stat.S_IXUSR else 0
    return (0o664 | runs) if group else (mode & SPECIAL) | (mode & 0o200) | 0o444 | runs


def _verdict(mode: int, group: bool) -> str:
    """Tell what is wrong with a path's mode: open, closed, or nothing."""
    if stat.S_ISLNK(mode):
        return ""
    if mode & (0o002 if group else 0o022):
        return "open"
    needed = right(mode, group) & (0o2070 if group else 0o555)
    return "" if mode & needed == needed else "closed"


def group_id(name: str) -> Optional[int]:
    """Return a group's number; None where there is no such group, or none is named."""
    try:
        return grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        return None


def look(top: str, group: str = "", private: bool = False) -> Findings:
    """Return what is wrong with `top` and below it, as far as this user may see. private: others may not even read a group's."""
    return compare(top, NOTHING_KNOWN, group, private)[0]


def compare(top: str, known: Known, group: str = "", private: bool = False) -> Tuple[Findings, Losses]:
    """Return the same, and what of the files that are known is not as it was."""
    found, lost = Findings([], [], []), Losses([], [])
    try:
        descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return found, lost
    here = os.fstat(descriptor)
    gid = group_id(group)
    shown = here.st_mode & ~0o007 if private else here.st_mode
    verdict = "open" if private and here.st_mode & 0o007 else _verdict(shown, bool(group))
    if verdict or gid not in (None, here.st_gid):
        (found.open if verdict == "open" else found.closed).append(top)
    sizes = dict(known.sizes)
    _walk(descriptor, top, _Rule(bool(group), here.st_uid, gid, {}, sizes, known.until, len(top) + 1), found, lost)
    for inside in sizes:  # what is left of it was not seen
        path = os.path.join(top, inside)
        if not os.path.lexists(path) and os.access(os.path.dirname(path), os.X_OK):
            lost.damaged.append(path)
    return found, lost


# verdicts: by mode, of which there are few for many files. sizes: as in Known, of directories that were not seen yet. start: where in a
# path its place below the top begins.
_Rule = NamedTuple(
    "_Rule",
    [
        ("group", bool),
        ("uid", int),
        ("gid", Optional[int]),
        ("verdicts", Dict[int, Tuple[str, int]]),
        ("sizes", Dict[str, Dict[str, int]]),
        ("until", float),
        ("start", int),
    ],
)


def _walk(descriptor: int, path: str, rule: _Rule, found: Findings, lost: Losses, depth: int = 0) -> None:
    """Look into an open directory, and close it. By descriptors: the kernel then follows no long paths, of which there are many.

    What lies deeper than any package's is left out, here as in mend(): somebody made it to exhaust who looks.
    """
    inner = []
    group, uid, gid, verdicts, until = rule.group, rule.uid, rule.gid, rule.verdicts, rule.until
    known = rule.sizes.pop(path[rule.start :], {})
    sizes = dict(known)  # of the files that were not seen yet
    place = descriptor if sys.version_info >= (3, 7) else path  # Python 3.6 takes paths only
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                mode = status.st_mode
                try:
                    verdict, kind = verdicts[mode]
                except KeyError:
                    verdict, kind = verdicts[mode] = _verdict(mode, group), stat.S_IFMT(mode)
                if kind == stat.S_IFDIR:
                    inner.append(entry.name)
                elif sizes and (sizes.pop(entry.name, status.st_size) != status.st_size or status.st_mtime > until):
                    _compare(os.path.join(path, entry.name), status, known.get(entry.name), lost)
                elif group and (status.st_nlink > 1 or entry.name.endswith(".pyc")):
                    continue  # a cache's of a member, or bytecode, which others can do without
                if verdict:
                    (found.open if verdict == "open" else found.closed).append(os.path.join(path, entry.name))
                elif group:
                    if gid not in (None, status.st_gid) and kind != stat.S_IFLNK:
                        found.closed.append(os.path.join(path, entry.name))
                elif status.st_uid != uid:
                    found.foreign.append(os.path.join(path, entry.name))
        lost.damaged.extend(os.path.join(path, name) for name in sizes)
        for name in inner if depth < safe_tree.DEPTH else ():
            with contextlib.suppress(OSError):  # gone, or not to be looked into
                child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                _walk(child, os.path.join(path, name), rule, found, lost, depth + 1)
    except FileNotFoundError:  # something is being changed there
        return
    finally:
        os.close(descriptor)


def _compare(path: str, status: os.stat_result, size: Optional[int], lost: Losses) -> None:
    """Tell how a file is not as it is known to have been. Bytecode that was written anew is held against its source by Python."""
    if size is None or (size == ANY and status.st_size):
        return
    if status.st_size != size:
        lost.damaged.append(path)
    elif not path.endswith(".pyc"):
        lost.touched.append(path)


def sentences(top: str, found: Findings, group: str = "") -> Iterator[str]:
    """Return what was found in words."""
    inner = "all of group {0}".format(group) if group else "all users"
    outer = "others than group {0}".format(group) if group else "others than its owner"
    for paths, text in (
        (found.open, outer + " may write {0}"),
        (found.closed, "not " + inner + (" may read and write {0}" if group else " may read {0}")),
        (found.foreign, "{0} does not belong to the owner of " + top),
    ):
        if paths:
            first = min(paths)
            more = " and {0} more".format(len(paths) - 1) if len(paths) > 1 else ""
            yield text.format(first + more)


def mend(top: str, group: str = "", private: bool = False) -> bool:
    """Give everything below `top` the permissions that it should have, by what it is and never by its name alone: a member of the
    group may be changing the tree meanwhile. Tells whether anything was changed.
    """
    gid = group_id(group)
    found = look(top, group, private)
    if not found.open and not found.closed:
        return False
    with safe_tree.parent(top) as (above, name):
        _set(name, above, 0o2770 if private else None, group, gid)
        descriptor = os.open(name, safe_tree.DIRECTORY, dir_fd=above)
    try:
        for directory, name, _path, seen in safe_tree.walk(descriptor, strict=False):
            if _verdict(seen.st_mode, bool(group)) or (gid is not None and seen.st_gid != gid):
                _set(name, directory, None, group, gid)
    finally:
        os.close(descriptor)
    return True


def _set(name: str, directory: int, asked: Optional[int], group: str, gid: Optional[int]) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError:  # a link, gone, or another thing by now
        return
    try:
        status = os.fstat(descriptor)
        mode = status.st_mode
        if not stat.S_ISDIR(mode) and (not stat.S_ISREG(mode) or (group and status.st_nlink > 1)):
            return
        if gid is not None:
            os.fchown(descriptor, -1, gid)
        os.fchmod(descriptor, right(mode, bool(group)) if asked is None else asked)
    finally:
        os.close(descriptor)
