# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that decides what a role does on a host: its own files, the modules that its tasks name, and what these import."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

COLLECTION = Path(__file__).resolve().parents[3]
_IMPORT = re.compile(
    r"^\s*from ansible_collections\.tensorwright\.fleet\.plugins\.module_utils([\w.]*) import (\([^)]*\)|.*)",
    re.MULTILINE,
)
_NAME = re.compile(r"(?<!as )\b\w+\b(?<!\bas)")
_OURS = r"tensorwright\.fleet\.(\w+)"
_MODULE = re.compile(rf"^\s*(?:- )?{_OURS}:", re.MULTILINE)
_INCLUDED_ROLE = re.compile(rf"\bname: {_OURS}")


@cache
def code(role: str, root: Path = COLLECTION) -> str:
    """Return the hash of a role's code, the same wherever the collection lies.

    Code that the role does not use has no part in it: a change there makes none of its receipts stale.
    """
    digest = hashlib.sha256()
    for file in sorted(files(role, root)):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def files(role: str, root: Path = COLLECTION) -> set[Path]:
    """Return the files that decide what a role does on a host; those of roles that it includes are among them."""
    found: set[Path] = set()
    waiting = [role]
    while waiting:
        own = set(_walk(root / "roles" / waiting.pop()))
        if own <= found:
            continue
        found |= own
        for file in own:
            text = file.read_text(encoding="utf-8", errors="replace") if file.suffix == ".yml" else ""
            waiting.extend(name for name in _INCLUDED_ROLE.findall(text) if (root / "roles" / name).is_dir())
            for name in _MODULE.findall(text):
                found |= _with_imports(root / "plugins" / "modules" / f"{name}.py", root)
    return found


def _walk(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield path


def _with_imports(module: Path, root: Path) -> frozenset[Path]:
    """Return a module, if there is one, and all of module_utils that it imports, over any number of steps."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        file = waiting.pop()
        if file not in found and file.is_file():
            found.add(file)
            waiting.extend(_imports(file, root))
    return frozenset(found)


@cache
def _imports(file: Path, root: Path) -> tuple[Path, ...]:
    """Return the files of module_utils that a file imports; not by ast, which would double a second run's time to plan."""
    utils = root / "plugins" / "module_utils"
    found: list[Path] = []
    for package, names in _IMPORT.findall(file.read_text(encoding="utf-8")):
        base = utils.joinpath(*package.strip(".").split("."))
        inner = [base / name for name in _NAME.findall(names)] if base.is_dir() else [base]
        found.extend(path.with_suffix(".py") for path in inner)
    return tuple(found)
