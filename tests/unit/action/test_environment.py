# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.action import environment as plugin
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import progress_pipe


class Connection:
    """A connection to this machine."""

    def exec_command(self, command: str, in_data: Any, sudoable: bool) -> tuple[int, bytes, bytes]:
        assert not sudoable
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr


class Broken:
    """A connection that is lost."""

    def exec_command(self, command: str, in_data: Any, sudoable: bool) -> tuple[int, bytes, bytes]:
        raise OSError("lost")


def log_of(path: Path, text: str) -> Path:
    log = path.parent / ".tensorwright" / "log" / f"{path.name}.log"
    log.parent.mkdir(parents=True)
    log.write_text(text)
    return log


def run(monkeypatch: pytest.MonkeyPatch, path: Path, connection: Any, seconds: float) -> list[tuple[str, str]]:
    """Run the action around a module that takes so long; return what it has told the board."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(progress_pipe, "tell", lambda host, said: told.append((host, said)))
    monkeypatch.setattr(plugin, "PAUSE", 0.05)

    def module(*_arguments: Any) -> dict[str, bool]:
        time.sleep(seconds)
        return {"changed": True}

    monkeypatch.setattr("ansible.plugins.action.normal.ActionModule.run", module)
    action = plugin.ActionModule.__new__(plugin.ActionModule)
    action._task = SimpleNamespace(args={"path": str(path)})
    action._connection = connection
    assert action.run(None, {"inventory_hostname": "gpu01"}) == {"changed": True}
    return told


def test_the_board_hears_what_the_log_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress_pipe, "heard", lambda: True)
    log_of(tmp_path / "it's here" / "tensorflow", "Downloading numpy\n")
    assert ("gpu01", "Downloading numpy") in run(monkeypatch, tmp_path / "it's here" / "tensorflow", Connection(), 1.5)


def test_without_a_board_nobody_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress_pipe, "heard", lambda: False)
    log_of(tmp_path / "tensorflow", "Downloading numpy\n")
    assert run(monkeypatch, tmp_path / "tensorflow", Connection(), 0.3) == []


def test_a_lost_connection_is_the_module_s_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress_pipe, "heard", lambda: True)
    assert run(monkeypatch, tmp_path / "tensorflow", Broken(), 0.3) == []


def test_the_log_of_an_earlier_run_says_nothing_of_this_one(tmp_path: Path) -> None:
    log = log_of(tmp_path / "tensorflow", "Installed 33 packages\n")
    command = plugin.look(str(tmp_path / "tensorflow"), 10)
    assert subprocess.check_output(["sh", "-c", command], text=True) == "Installed 33 packages\n"
    old = time.time() - 60
    os.utime(log, (old, old))
    assert subprocess.check_output(["sh", "-c", command], text=True) == ""
