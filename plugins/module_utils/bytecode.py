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

from ansible_collections.tensorwright.fleet.plugins.module_utils import compile_program, processes, safe_tree

TAG = "import sys; print(sys.implementation.cache_tag)"
MOST = 8  # compilers side by side; each takes 50 MB


def _link(existing: str, new: str) -> bool:
    """Link, making the directory at need; False where that cannot be done (another file system, or there already)."""
    try:
        os.link(existing, new)
    except FileNotFoundError:
        safe_tree.make_directories(os.path.dirname(new))
        return _link(existing, new) if os.path.exists(existing) else False
    except OSError:
        return False
    return True


class Bytecode(object):
    """The bytecode of a release's Python, and the shelf in `cache` that keeps it for other releases."""

    def __init__(self, python: str, cache: str) -> None:
        # -E: settings of the caller's Python (PYTHONPYCACHEPREFIX) are not for this one. What is printed must not reach Ansible.
        self.program = [python, "-s", "-E", "-c"]
        tag = subprocess.check_output(self.program + [TAG], universal_newlines=True, stderr=subprocess.DEVNULL)
        self.tag = tag.strip()
        self.shelf = os.path.join(cache, self.tag)
        safe_tree.make_directories(self.shelf)

    @contextlib.contextmanager
    def ahead(self, cache: str) -> Iterator[None]:
        """While the installer works, compile what it has unpacked into its cache: the network leaves the processor time for that."""
        compilers = self._start(max(1, processes.usable_cpus() - 1), "ahead", self.shelf, cache)
        try:
            yield
        finally:
            for compiler in compilers:
                compiler.stdin.close()
            for compiler in compilers:
                compiler.wait()

    def complete(self, site_packages: str) -> Tuple[int, int]:
        """Give every source below `site_packages` its bytecode; return how many files the shelf had, and how many are new to it."""
        known = set(os.listdir(self.shelf))
        linked, missing = 0, []
        for source, status in compile_program.sources(site_packages, 0, 1):
            name = compile_program.key(status)
            if name in known and _link(os.path.join(self.shelf, name), self._compiled(source)):
                linked += 1
            else:
                missing.append((source, name, status.st_nlink))
        if missing:
            for compiler in self._start(processes.usable_cpus(), "rest", site_packages):
                compiler.communicate()
        # A file that is not the cache's has no other name, and will be in no other release.
        kept = [
            _link(self._compiled(source), os.path.join(self.shelf, name))
            for source, name, links in missing
            if links > 1
        ]
        return linked, sum(kept)

    def _compiled(self, source: str) -> str:
        directory, name = os.path.split(source)
        return os.path.join(directory, "__pycache__", "{}.{}.pyc".format(name[:-3], self.tag))

    def _start(self, count: int, *arguments: str) -> List[Any]:
        count = min(count, MOST)
        return [
            subprocess.Popen(
                self.program + [inspect.getsource(compile_program)] + list(arguments) + [str(part), str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=processes.dying_with_us(),
            )
            for part in range(count)
        ]
