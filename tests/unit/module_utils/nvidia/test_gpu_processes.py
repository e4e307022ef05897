# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import gpu_processes


def process(proc: Path, pid: int, name: str, *files: str) -> None:
    place = proc / str(pid) / "fd"
    place.mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(name + "\n")
    for number, file in enumerate(files):
        (place / str(number)).symlink_to(file)


def smi(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_those_with_a_device_open_and_those_that_the_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, "echo '500, /opt/tensorflow/bin/python3'; echo '77, /usr/lib/xorg/Xorg'")
    proc = tmp_path / "proc"
    process(proc, 500, "python3", "/dev/nvidia0")
    process(proc, 9, "train", "/dev/null", "/dev/nvidia-uvm")
    process(proc, 77, "Xorg", "/dev/dri/card0")
    process(proc, 10, "nvidia-persiste", "/dev/nvidia0")  # the kernel keeps 15 letters of a name
    process(proc, 11, "bash", "/dev/nvidiactl-not", "/dev/pts/0")
    me = getpass.getuser()
    assert gpu_processes.running(str(proc)) == [
        f"train ({me}, process 9)",
        f"Xorg ({me}, process 77)",
        f"python3 ({me}, process 500)",
    ]


def test_a_driver_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    process(tmp_path / "proc", 9, "train", "/dev/nvidia3")
    assert [line.split()[0] for line in gpu_processes.running(str(tmp_path / "proc"))] == ["train"]
