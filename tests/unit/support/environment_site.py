# SPDX-License-Identifier: GPL-3.0-or-later
"""A small site for the tests of environments: a package index of stand-ins, a place for environments, and runs of the module."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.modules import environment, runtime, session, source_build

from tests.doubles import tensorflow_wheel, uv_wheel
from tests.doubles.package_index import PackageIndex

ROOT = Path(__file__).resolve().parents[3]
MODULES = {
    "environment": environment.main,
    "runtime": runtime.main,
    "session": session.main,
    "source_build": source_build.main,
}
# The interpreter that the tests' own virtual environment was made from: a system's Python, as the plan would name it.
PYTHON: str = getattr(sys, "_base_executable", sys.executable)
AS_PROCESS = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.modules import environment
with patch_module_args(json.load(sys.stdin)):
    environment.main()
"""
Answer = dict[str, Any]
# What file systems tell of a file that nobody touched.
Snapshot = dict[str, tuple[int, int, int, str]]


def run_module(name: str, /, **parameters: Any) -> Answer:
    """Run a module's main() here, as Ansible does on a host, and return its answer."""
    out, umask = io.StringIO(), os.umask(0o022)
    try:
        with patch_module_args(parameters), contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
            MODULES[name]()
    finally:
        os.umask(umask)
    answer: Answer = json.loads(out.getvalue())
    assert bool(end.value.code) == bool(answer.get("failed")), answer
    return answer


def snapshot(directory: Path) -> Snapshot:
    """Return everything below a directory, with what changes when somebody writes it."""
    found: Snapshot = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        status = path.lstat()
        target = os.readlink(path) if path.is_symlink() else ""
        found[str(path.relative_to(directory))] = (status.st_mode, status.st_ino, status.st_mtime_ns, target)
    return found


def modes(directory: Path) -> dict[Path, int]:
    """Return the permissions of everything below a directory that is no link."""
    return {path: stat.S_IMODE(path.lstat().st_mode) for path in directory.rglob("*") if not path.is_symlink()}


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def running(*command: str | Path, cwd: Path | bytes | None = None, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Keep a process running until the end of the block, whatever happens in it."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **variables},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str]) -> str:
    """Wait for a line that a process prints."""
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def tell(process: subprocess.Popen[str]) -> None:
    """Let a process go on that waits for a line."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def is_running(pid: int) -> bool:
    """Tell whether a process runs (a dead one that nobody has waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@dataclass
class Site:
    """An index, a place, and the environment `tensorflow` in it."""

    root: Path
    index: PackageIndex
    path: Path = field(init=False)
    uv: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.root / "opt" / "tensorflow"
        made = uv_wheel.wheel()
        self.uv = uv_wheel.pin(made)
        self.index.add(made, tensorflow_wheel.numpy(), tensorflow_wheel.pip())
        self.index.add(*(tensorflow_wheel.tensorflow(version) for version in ("2.19.0", "2.20.0", "2.21.0")))

    @property
    def store(self) -> Path:
        """The directory of everything that is ours."""
        return self.path.parent / ".tensorwright"

    @property
    def releases(self) -> list[str]:
        """The names of the releases on disk."""
        directory = self.store / self.path.name
        return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []

    @property
    def current(self) -> str:
        """The name of the release that the path leads to."""
        return Path(os.readlink(self.path)).name

    def release(self, name: str) -> Path:
        """Return the directory of a release."""
        return self.store / self.path.name / name

    def seal(self, name: str) -> dict[str, Any]:
        """Return a release's seal."""
        seal: dict[str, Any] = json.loads((self.release(name) / ".tensorwright.json").read_text())
        return seal

    def parameters(self, version: str = "2.20.0", **changes: Any) -> dict[str, Any]:
        """Return the module's parameters for an environment with a stand-in for TensorFlow `version`."""
        return {
            "path": str(self.path),
            "python": PYTHON,
            "requirements": [f"tensorflow-cpu=={version}", "pip"],
            "version": version,
            "installer": self.uv,
            "index_url": self.index.url,
            "retries": 0,
            "timeout": 5,
            "lock_timeout": 0,
            **changes,
        }

    def present(self, version: str = "2.20.0", **changes: Any) -> Answer:
        """Run the module for state present, and expect it to succeed."""
        answer = self.try_present(version, **changes)
        assert not answer.get("failed"), answer
        return answer

    def try_present(self, version: str = "2.20.0", **changes: Any) -> Answer:
        """Run the module for state present."""
        return run_module("environment", **self.parameters(version, **changes))

    def state(self, state: str, **changes: Any) -> Answer:
        """Run the module for another state."""
        return run_module("environment", **{"path": str(self.path), "state": state, "lock_timeout": 0, **changes})

    def start(self, version: str = "2.20.0", umask: int = -1, **changes: Any) -> subprocess.Popen[str]:
        """Start the module as a process of its own, as Ansible does on a host."""
        process = subprocess.Popen(
            [sys.executable, "-c", AS_PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=umask,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"},
        )
        assert process.stdin
        json.dump(self.parameters(version, **changes), process.stdin)
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, program: str, *arguments: str, python: Path | None = None) -> str:
        """Run a line of Python in the environment, through its link, and return what it prints."""
        command = [str(python or self.path / "bin" / "python"), "-c", program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
