# SPDX-License-Identifier: GPL-3.0-or-later
"""Do something before each call by which a run changes a place: kill it there, or keep what the disk has at that moment."""

from __future__ import annotations

import builtins
import fnmatch
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, safe_tree

ROOT = Path(__file__).resolve().parents[2]
REMOVALS, REMOVED = ("rmtree", "remove", "remove_at"), 25
Action = Callable[[int, str], None]
# What changes names, modes, sizes, or what a power cut leaves.
CALLS = (
    *(
        (os, name)
        for name in ("rename", "replace", "unlink", "symlink", "mkdir", "rmdir", "link", "truncate", "ftruncate")
    ),
    *((os, name) for name in ("chmod", "chown", "lchown", "fchmod", "fchown", "fsync", "pwrite")),
    (shutil, "rmtree"),
    (safe_tree, "remove"),
    (safe_tree, "remove_at"),
    (durable, "sync_filesystem"),
)


def watch(root: Path, action: Action) -> None:
    """Call `action` with a number, from 1, and a description before each change that this process makes below `root`.

    Of what the removal of a tree does, every 25th: one file less is like another.
    """
    top, count, depth, removed = os.path.realpath(root), 0, 0, 0

    def announce(name: str, words: tuple[Any, ...], options: dict[str, Any]) -> None:
        nonlocal count, removed
        removed += bool(depth)
        if removed % REMOVED:
            return
        paths = [
            _path(word, options, last=number == 1)
            for number, word in enumerate(words[:2])
            if isinstance(word, (str, bytes, int, os.PathLike))
        ]
        inside = [path for path in paths if path == top or path.startswith(top + os.sep)]
        if inside:
            count += 1
            action(count, f"{name} {os.path.relpath(inside[-1], top)}")

    def before(owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def call(*words: Any, **options: Any) -> Any:
            nonlocal depth, removed
            announce(name, words, options)
            depth += name in REMOVALS
            try:
                return whole(*words, **options)
            finally:
                depth -= name in REMOVALS
                removed = removed if depth else 0

        setattr(owner, name, call)

    for owner, name in CALLS:
        before(owner, name)
    open_file, open_descriptor = builtins.open, os.open

    def opening(file: Any, mode: str = "r", *words: Any, **options: Any) -> Any:
        if set(mode) & set("wax+") and not isinstance(file, int):
            announce("open", (file,), {})
        return open_file(file, mode, *words, **options)

    def opening_descriptor(path: Any, flags: int, *words: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            announce("open", (path,), options)
        return open_descriptor(path, flags, *words, **options)

    builtins.open, os.open = opening, opening_descriptor


def _path(word: str | bytes | int | os.PathLike[str], options: dict[str, Any], last: bool) -> str:
    """Return the path that a word of a call stands for: itself, what a descriptor is open on, or a name below one.

    last: it is the second word, such as where a rename leads.
    """
    if isinstance(word, int):
        return _of(word)
    if os.fsdecode(word).startswith("/proc/self/fd/"):  # what is open for its path alone
        return _of(os.path.basename(os.fsdecode(word)))
    keys = ("dir_fd", "dst_dir_fd", "src_dir_fd") if last else ("dir_fd", "src_dir_fd", "dst_dir_fd")
    directory = next((options[key] for key in keys if options.get(key) is not None), None)
    return os.path.abspath(os.path.join("/" if directory is None else _of(directory), os.fsdecode(word)))


def _of(descriptor: int | str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def dying(at: int | str) -> Action:
    """Return an action that kills this process before the change of that number, or the first whose description has that form."""

    def die(count: int, what: str) -> None:
        if at == count or (isinstance(at, str) and fnmatch.fnmatchcase(what, at)):
            print(what, file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    return die


KILLED = """
import json, sys
from pathlib import Path
from tests.support import interruptions
asked = json.load(sys.stdin)
interruptions.watch(Path(asked["root"]), interruptions.dying(asked["at"]))
exec(asked["program"], {"asked": asked["about"]})
"""
MODULE = "from tests.unit.support.environment_site import run_module; run_module('environment', **asked)"


def killed(root: Path, at: int | str, about: Any, program: str = MODULE) -> str | None:
    """Run a program, by default the module, in a process that is killed before a change below `root`; return which one that was.

    None: there is no such change. `about` is what the program knows as `asked`.
    """
    asked = {"root": str(root), "at": at, "about": about, "program": program}
    ran = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"},
    )
    if ran.returncode == 0:
        return None
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    return ran.stderr.strip().splitlines()[-1]


def sweep(root: Path, about: Any, check: Callable[[str], object], program: str = MODULE) -> list[str]:
    """Kill a program before each of its changes, each time from what is below `root` now, and check what is there after each.

    Return the changes.
    """
    saved = root.with_name(root.name + ".saved")
    found: list[str] = []
    subprocess.run(["cp", "-a", root, saved], check=True)
    for at in itertools.count(1):
        what = killed(root, at, about, program)
        if what is None:
            return found
        found.append(what)
        check(f"{at}: {what}")
        shutil.rmtree(root)
        subprocess.run(["cp", "-a", saved, root], check=True)
    raise AssertionError("a count ends never")
