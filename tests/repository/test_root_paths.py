# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on hosts, as root most of the time, changes nothing by a path that has not been looked at: safe_tree does that, for all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ROOTS = ("modules", "module_utils")
HELPER = "safe_tree"
# Calls that act on whatever a path leads to at that moment.
NAMES = """
os: chmod chown fwalk lchown link makedirs mkdir remove removedirs rename renames replace rmdir symlink truncate unlink utime walk
shutil: chown copy copy2 copyfile copymode copystat copytree move rmtree
"""
BY_PATH = {module: names.split() for module, names in (line.split(":") for line in NAMES.split("\n") if line)}
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
PRIVATE = "in the directory of mode 0700 that `workplace` has made in a trusted one, before anybody else may enter"
TAKEN = (
    "in a release that was made root's by descriptor, in the trusted store, after its builder's last process was killed"
)
USERS = "of the calling user's own, in his own home; root calls it for root's"
# Where the helper does not belong: the file, the function, the call, and why nobody else can make anything of it.
ALLOWED = {
    ("safe_tree", "_set_mode", "os.chmod"): "of /proc/self/fd, which is an open descriptor and no path",
    ("safe_tree", "_apply", "os.chown"): "of /proc/self/fd, which is an open descriptor and no path",
    (
        "bytecode",
        "_link",
        "os.link",
    ): "from the shelf into a release, both in the store, which refuse_foreign has trusted",
    (
        "bytecode",
        "_place",
        "os.rename",
    ): "from a directory that is root's by now into a release, both in the trusted store",
    ("builder_user", "_lock", "os.open"): "a lock of systemd's below /run, which only root writes; it follows no link",
    ("takeover", "link", "os.walk"): TAKEN,
    ("takeover", "_give_file", "os.link"): TAKEN,
    ("takeover", "_give_file", "os.unlink"): TAKEN,
    ("takeover", "_give_file", "shutil.copy2"): TAKEN,
    ("takeover", "_copy", "os.utime"): "of an open descriptor and no path",
    ("workshop", "prepare", "os.fwalk"): "a home that root has just made, before its user's first process runs",
    ("workshop", "locked", "os.open"): "the cache's lock; the cache was made, or found to be root's, just before",
    ("compile_bytecode", "sources", "os.walk"): "reads names of a new release in another Python, which has no helper",
    ("workplaces", "is_held", "open"): "takes a lock and writes nothing; the opener follows no link",
    (
        "locks",
        "holder",
        "os.open",
    ): "asks who holds a lock of apt's below /var/lib, which only root writes; writes nothing",
    ("installers", "abandoned", "open"): "takes a lock of uv's in the cache, which is trusted, and writes nothing",
    ("tensorflow_env", "note", "os.makedirs"): USERS,
    ("tensorflow_env", "note", "open"): USERS,
    ("tensorflow_env", "note", "os.replace"): USERS,
    ("tensorflow_env", "above", "os.makedirs"): "for ordinary users only, who may make a virtualenv among colleagues",
    ("tensorflow_env", "rebase", "open"): PRIVATE,
    ("tensorflow_env", "rebase", "os.unlink"): PRIVATE,
    ("tensorflow_env", "rebase", "os.symlink"): PRIVATE,
    ("tensorflow_env", "write", "open"): PRIVATE,
    ("tensorflow_env", "write", "os.chmod"): PRIVATE,
}


def _dotted(node: ast.AST) -> str:
    return (
        f"{node.value.id}.{node.attr}" if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""
    )


def _writes(call: ast.Call) -> bool:
    """Whether a call opens a file by its path for more than reading, as far as it says so."""
    if (isinstance(call.func, ast.Name) and call.func.id == "open") or _dotted(call.func) == "io.open":
        modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
        return any(not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes)
    return _dotted(call.func) == "os.open" and any(flag in ast.dump(call) for flag in WRITING)


def by_path(source: str) -> Iterator[tuple[str, str]]:
    """The calls that change something by path: the innermost function, and what it calls. Calls with a dir_fd are by descriptor."""
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module in BY_PATH
        for alias in node.names
    }

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                called = _dotted(child.func) or imported.get(getattr(child.func, "id", ""), "")
                module, _dot, name = called.partition(".")
                descriptor = any(word.arg and word.arg.endswith("dir_fd") for word in child.keywords)
                if not descriptor and (name in BY_PATH.get(module, ()) or _writes(child)):
                    yield function, called or "open"
            yield from visit(child, child.name if isinstance(child, ast.FunctionDef) else function)

    return visit(ast.parse(source), "")


def found() -> set[tuple[str, str, str]]:
    files = [file for root in ROOTS for file in sorted((PLUGINS / root).rglob("*.py"))]
    assert len(files) > 60
    return {(file.stem, *call) for file in files for call in by_path(file.read_text(encoding="utf-8"))}


def test_nothing_is_changed_by_a_path_that_somebody_else_may_exchange() -> None:
    calls = sorted(found() - set(ALLOWED))
    assert not calls, f"{HELPER} does these by descriptor, in a path that it trusts: {calls}"


def test_every_exception_is_one() -> None:
    assert not sorted(set(ALLOWED) - found())
    assert all(len(reason.split()) > 4 for reason in ALLOWED.values())


@pytest.mark.parametrize(
    "line",
    [
        "os.chown(path, 0, 0)",
        "os.chmod(path, 0o755)",
        "shutil.rmtree(path)",
        "shutil.copytree(one, other)",
        "os.walk(top)",
        "open(path, 'w')",
        "open(path, mode='ab')",
        "open(path, how)",
        "io.open(path, 'r+')",
        "os.open(path, os.O_RDWR | os.O_CREAT)",
        "os.replace(one, other)",
        "rmtree(path)",
    ],
)
def test_it_sees(line: str) -> None:
    source = f"import os\nfrom shutil import rmtree\nclass C:\n    def f(self):\n        with x:\n            {line}\n"
    assert [function for function, _call in by_path(source)] == ["f"]


@pytest.mark.parametrize(
    "line",
    [
        "open(path)",
        "open(path, 'rb')",
        "os.unlink(name, dir_fd=above)",
        "os.rename(old, new, src_dir_fd=a, dst_dir_fd=b)",
        "os.open(name, flags | os.O_CREAT, dir_fd=above)",
        "os.open(path, os.O_RDONLY)",
        "os.fchmod(descriptor, 0o755)",
        "safe_tree.remove(path)",
    ],
)
def test_it_lets_pass(line: str) -> None:
    assert list(by_path(f"def f():\n    {line}\n")) == []
