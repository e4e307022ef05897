# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile a release's bytecode once, and link it wherever the same source files are installed again.

Users of a shared environment cannot write into it: what is not compiled when it is built, each of their imports compiles anew.
The installer links equal files from one cache, so an equal source is the same inode; its bytecode is kept under that inode.
Python itself checks each file's recorded source time and size, so a stale entry costs a compilation, never a wrong import.
"""

import contextlib
import inspect
import os
import subprocess
from typing import Any, Iterator, List, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import processes, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user, workshop
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import compile_bytecode

TAG = "import sys; print(sys.implementation.cache_tag)"
MOST = 8  # compilers side by side; each takes 50 MB


def _link(existing: str, new: str) -> bool:
    """Link, making the directory at need; False where that cannot be done (another file system, or there already)."""
    try:
        os.link(existing, new)
    except FileNotFoundError:
        if not os.path.exists(existing):
            return False
        safe_tree.make_directories(os.path.dirname(new))
        return _link(existing, new)
    except OSError:
        return False
    return True


class Bytecode(object):
    """The bytecode of a release's Python, and the shelf in `cache` that keeps it for other releases.

    The compilers work where `shop` says, and as whom; what they have made is taken over from there.
    """

    def __init__(self, python: str, cache: str, shop: workshop.Workshop) -> None:
        self.shop = shop
        # What is printed must not reach Ansible.
        self.program = builder_user.command(python) + ["-c"]
        tag = subprocess.check_output(
            self.program + [TAG],
            cwd="/",
            env=shop.environment(),
            universal_newlines=True,
            stderr=subprocess.DEVNULL,
            preexec_fn=shop.becoming(),
        )
        self.tag = tag.strip()
        self.shelf = os.path.join(cache, self.tag)
        safe_tree.make_directories(self.shelf)
        self.fresh = self._place_for("bytecode")

    def _place_for(self, name: str) -> str:
        """Make a directory for what the compilers make, and return it."""
        place = os.path.join(self.shop.directory, name)
        safe_tree.make_directories(place)
        self.shop.give(place)
        return place

    @contextlib.contextmanager
    def ahead(self, cache: str) -> Iterator[None]:
        """While the installer works, compile what it has unpacked into its cache: the network leaves the processor time for that."""
        count = max(1, processes.usable_cpus() - 1)
        compilers = self._start(count, "ahead", self.fresh, self.shelf, cache)
        try:
            yield
        finally:
            for compiler in compilers:
                compiler.stdin.close()
            for compiler in compilers:
                compiler.wait()
            self.shop.take(self.fresh)

    def complete(self, site_packages: str) -> Tuple[int, int]:
        """Give every source below `site_packages` its bytecode; return how many files the shelf had, and how many are new to it."""
        known = set(os.listdir(self.shelf))
        before = set(os.listdir(self.fresh))
        linked = kept = 0
        missing = []
        for source, status in compile_bytecode.sources(site_packages, 0, 1):
            name = compile_bytecode.key(status)
            if name in known and _link(os.path.join(self.shelf, name), self._compiled(source)):
                linked += 1
            elif name in before:
                kept += self._place(self.fresh, source, name, status.st_nlink)
            else:
                missing.append((source, name, status.st_nlink))
        if missing:
            rest = self._place_for("rest")
            for compiler in self._start(processes.usable_cpus(), "rest", rest, site_packages):
                compiler.communicate()
            self.shop.take(rest)
            kept += sum(self._place(rest, *one) for one in missing)
        return linked, kept

    def _place(self, place: str, source: str, name: str, links: int) -> int:
        """Give a source its fresh bytecode from `place`; tell whether the shelf has it from now on.

        A file that is not the cache's has no other name, and will be in no other release.
        """
        fresh, shelved, target = os.path.join(place, name), os.path.join(self.shelf, name), self._compiled(source)
        if not os.path.exists(fresh):  # this Python cannot compile it, or the source has another name in this release
            _link(shelved, target)
            return 0
        kept = links > 1 and _link(fresh, shelved)
        safe_tree.make_directories(os.path.dirname(target))
        os.rename(fresh, target)
        return int(kept)

    def _compiled(self, source: str) -> str:
        directory, name = os.path.split(source)
        return os.path.join(directory, "__pycache__", "{}.{}.pyc".format(name[:-3], self.tag))

    def _start(self, count: int, *arguments: str) -> List[Any]:
        count = min(count, MOST)
        return [
            subprocess.Popen(
                self.program + [inspect.getsource(compile_bytecode)] + list(arguments) + [str(part), str(count)],
                cwd="/",
                env=self.shop.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=self.shop.becoming(),
            )
            for part in range(count)
        ]
