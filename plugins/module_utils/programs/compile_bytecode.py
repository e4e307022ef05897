# SPDX-License-Identifier: GPL-3.0-or-later
"""Compile Python sources with the Python that will import them, to which it is given with -c.

    ahead FRESH SHELF CACHE PART PARTS    what the installer unpacks into its cache from now on, until standard input's writer ends
    rest FRESH SITE_PACKAGES PART PARTS   what has no bytecode yet

Neither writes anywhere but into the directory FRESH, under the names that the shelf has.

Several of these share the work: each takes the sources that fall to its PART of PARTS.
"""

import contextlib
import os
import py_compile
import sys
import threading
from typing import Iterator, Set, Tuple

PAUSE = 0.2  # seconds between two looks at the cache


def sources(root: str, part: int, parts: int) -> Iterator[Tuple[str, os.stat_result]]:
    """Yield each Python source below `root` that is this process's to compile."""
    for directory, _subdirectories, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path) if name.endswith(".py") else None
            except OSError:
                continue  # moved on
            if status and status.st_ino % parts == part:
                yield path, status


def key(status: os.stat_result) -> str:
    """Return the name under which the shelf has a source's bytecode: it changes whenever the source does."""
    return "{}-{}-{}".format(status.st_ino, status.st_mtime_ns, status.st_size)


def compile_source(source: str, target: str) -> None:
    """Compile one source; one that this Python cannot compile (a template, Python 2 code) is left alone, as pip does."""
    with contextlib.suppress(py_compile.PyCompileError):
        mode = py_compile.PycInvalidationMode.TIMESTAMP
        py_compile.compile(source, cfile=target, doraise=True, invalidation_mode=mode)


def unpacked(cache: str) -> Set[str]:
    """Return the directories in uv's cache that hold a wheel's files: whole ones, and those that are being filled."""
    found = (
        {entry.path for entry in os.scandir(cache) if entry.name.startswith(".tmp")} if os.path.isdir(cache) else set()
    )
    archives = os.path.join(cache, "archive-v0")
    return found | ({entry.path for entry in os.scandir(archives)} if os.path.isdir(archives) else set())


def ahead(fresh: str, shelf: str, cache: str, part: int, parts: int, done: threading.Event) -> None:
    """Compile what arrives in the cache, and is not on the shelf, until `done`."""
    old = unpacked(cache)
    known = set(os.listdir(shelf))
    while not done.wait(PAUSE):
        for place in unpacked(cache) - old:
            for source, status in sources(place, part, parts):
                if done.is_set():
                    return
                name = key(status)
                if name not in known:
                    # A file that is still being written will have another key. One that has moved on is met again.
                    with contextlib.suppress(OSError):
                        compile_source(source, os.path.join(fresh, name))
                        known.add(name)


def rest(fresh: str, site_packages: str, part: int, parts: int) -> None:
    """Compile what has no bytecode yet."""
    tag = sys.implementation.cache_tag
    for source, status in sources(site_packages, part, parts):
        directory, name = os.path.split(source)
        if not os.path.exists(os.path.join(directory, "__pycache__", "{}.{}.pyc".format(name[:-3], tag))):
            compile_source(source, os.path.join(fresh, key(status)))


def main() -> None:
    """Do what the arguments say."""
    what, places, (part, parts) = sys.argv[1], sys.argv[2:-2], map(int, sys.argv[-2:])
    if what == "rest":
        rest(places[0], places[1], part, parts)
        return
    os.nice(10)  # the installer goes first
    done = threading.Event()

    def listen() -> None:
        os.read(0, 1)  # returns when the writer has closed its end, or is gone
        done.set()

    threading.Thread(target=listen, daemon=True).start()
    ahead(places[0], places[1], places[2], part, parts, done)


if __name__ == "__main__":
    main()
