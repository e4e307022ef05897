# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host as one small program, which a host's Python reads from its input and which leaves no file.

A module of Ansible's comes with Ansible's own code for modules, which the host compiles each time: that takes three times as long as
the look itself, and a run over hosts on which all is right does nothing else.
"""

from __future__ import annotations

import ast
import json
import resource
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted

PACKAGE = "ansible_collections.tensorwright.fleet.plugins.module_utils"
PLACE = Path(__file__).resolve().parents[2] / "module_utils"
FIRST = "facts.gather"
MOST = 8 << 20  # characters of an answer; those of hosts with many receipts are some 100,000
MEMORY = 512 << 20  # bytes that reading an answer may take

# What begins on the host: it reads the program, compressed, from its input.
BOOT = "import sys, zlib; exec(zlib.decompress(sys.stdin.buffer.read()))"

# importlib.abc, whose classes a finder and a loader may do without, would read a third of the standard library first.
PROGRAM = """
import json, sys
from importlib.machinery import ModuleSpec
SOURCES = {sources}
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            return ModuleSpec(name, self, is_package=not SOURCES[name])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(SOURCES[name], name, "exec", dont_inherit=True), module.__dict__)
sys.meta_path.insert(0, Finder())
from {package}.{first} import gather
print(json.dumps(gather(**json.loads(sys.argv[1]))))
"""


def needed(first: str = FIRST, place: Path = PLACE) -> dict[str, str]:
    """A module of module_utils and all of them that it imports, by their names, as text."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = place.joinpath(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
            waiting.extend(_imports(found[name]))
    return found


def _imports(text: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(PACKAGE + "."):
            base = str(node.module)[len(PACKAGE) + 1 :]
            # A package of module_utils holds modules only; whatever else is imported comes from a module.
            inner = (PLACE / base.replace(".", "/")).is_dir()
            names.extend([f"{base}.{alias.name}" for alias in node.names] if inner else [base])
    return names


@cache
def program() -> bytes:
    """What is sent to a host's Python; the same for all hosts."""
    modules = {f"{PACKAGE}.{name}": text for name, text in needed().items()}
    packages = {name[:end] for name in modules for end, letter in enumerate(name) if letter == "."}
    sources = {**dict.fromkeys(sorted(packages), ""), **modules}
    text = PROGRAM.format(sources=repr(sources), package=PACKAGE, first=FIRST)
    return zlib.compress(text.encode())


class TooMuchError(ValueError):
    """A host answers with more than anybody could have to say; the text is one clause with what would be accepted."""

    def __init__(self) -> None:
        super().__init__(
            f"answered the look at it with more than {MOST >> 20} MB; accepted: host facts, which are some kB"
        )


@contextmanager
def bounded() -> Iterator[None]:
    """Bound the memory that this process may take on meanwhile, for Ansible keeps all that a host prints. Raises TooMuchError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux: what has been read is looked at afterwards all the same
        yield
        return
    bound = now + MEMORY if before[0] == resource.RLIM_INFINITY else min(before[0], now + MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (bound, before[1]))
    try:
        yield
    except MemoryError:
        raise TooMuchError from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def facts(printed: str) -> dict[str, Any] | None:
    """Return the host facts that the program printed, as untrusted data; None where it printed something else.

    Raises TooMuchError.
    """
    if len(printed) > MOST:
        raise TooMuchError
    try:
        found = json.loads(printed.strip().splitlines()[-1])
    except (ValueError, IndexError, RecursionError):
        return None
    return dict(untrusted(found)) if isinstance(found, Mapping) and "receipts" in found else None
