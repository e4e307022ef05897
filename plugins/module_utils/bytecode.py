# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile a release's bytecode once, and link it wherever the same source files are installed again.

Users of a shared environment cannot write into it: what is not compiled when it is built, each of their imports compiles anew. An
environment that only its owner can use is not made to wait for that: Python keeps what the first import of a file has compiled.
The installer links equal files from one cache, so an equal source is the same inode; its bytecode is kept under that inode.
Python itself checks each file's recorded source time and size, so a stale entry costs a compilation, never a wrong import.
"""

import grp
import os
import pwd
import subprocess
from typing import Iterator, List, Tuple

COMPILE = "import compileall, sys; sys.exit(not compileall.compile_dir(sys.argv[1], quiet=2, workers=0, maxlevels=99))"
TAG = "import sys; print(sys.implementation.cache_tag)"


def _sources(root: str) -> Iterator[Tuple[str, str]]:
    """Yield (source file, its key in the cache) for each Python source that shares its inode with the installer's cache."""
    for directory, _subdirectories, files in os.walk(root):
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(directory, name)
                status = os.lstat(path)
                if status.st_nlink > 1:
                    yield path, "{}-{}-{}".format(status.st_ino, status.st_mtime_ns, status.st_size)


def _compiled(source: str, tag: str) -> str:
    directory, name = os.path.split(source)
    return os.path.join(directory, "__pycache__", "{}.{}.pyc".format(name[:-3], tag))


def _link(existing: str, new: str) -> bool:
    """Link, making the directory at need; False where that cannot be done (another file system, or there already)."""
    try:
        os.link(existing, new)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(new), mode=0o755, exist_ok=True)
        return _link(existing, new) if os.path.exists(existing) else False
    except OSError:
        return False
    return True


def _owners_alone(status: os.stat_result) -> bool:
    """Tell whether nobody but the owner can pass through a directory; the group that has their name and no other members is theirs."""
    if status.st_mode & 0o001:
        return False
    if not status.st_mode & 0o010:
        return True
    try:
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except KeyError:
        return False
    return owner.pw_gid == status.st_gid and owner.pw_name == group.gr_name and set(group.gr_mem) <= {owner.pw_name}


def shared(path: str) -> bool:
    """Tell whether others than the user of this process may be able to reach `path`: no directory of ours is closed to them."""
    path = os.path.realpath(path)
    while path != "/":
        status = os.stat(path)
        if status.st_uid == os.geteuid() and _owners_alone(status):
            return False
        path = os.path.dirname(path)
    return True


class Bytecode(object):
    """The bytecode of one release: that of `python`, below `site_packages`; `cache` keeps it for other releases."""

    def __init__(self, python: str, site_packages: str, cache: str) -> None:
        # -E: settings of the caller's Python (PYTHONPYCACHEPREFIX) are not for this one. What is printed must not reach Ansible.
        self.program = [python, "-s", "-E", "-c"]
        self.site_packages = site_packages
        self.tag = subprocess.check_output(
            self.program + [TAG], universal_newlines=True, stderr=subprocess.DEVNULL
        ).strip()
        self.shelf = os.path.join(cache, self.tag)
        self.missing: List[Tuple[str, str]] = []  # (source, its key) of what the cache does not hold

    def link(self) -> int:
        """Link what the cache holds into the release; return how many files that were."""
        os.makedirs(self.shelf, mode=0o755, exist_ok=True)
        known = set(os.listdir(self.shelf))
        linked, self.missing = 0, []
        for source, key in _sources(self.site_packages):
            if key in known and _link(os.path.join(self.shelf, key), _compiled(source, self.tag)):
                linked += 1
            else:
                self.missing.append((source, key))
        return linked

    def compile(self) -> None:
        """Compile what has no bytecode yet. A source that this Python cannot compile is left alone, as pip does."""
        subprocess.call(
            self.program + [COMPILE, self.site_packages],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def keep(self) -> int:
        """Keep in the cache what was compiled since; return how many files that were."""
        return sum(_link(_compiled(source, self.tag), os.path.join(self.shelf, key)) for source, key in self.missing)
