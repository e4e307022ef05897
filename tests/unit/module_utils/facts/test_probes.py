# SPDX-License-Identifier: GPL-3.0-or-later
"""What text cannot tell of a host, asked with stand-ins for what it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import probes


def rows(found: Iterable[tuple[str, str]]) -> list[str]:
    """The rows by which the first findings are explained."""
    return [matcher.claims(said)[0].id for _, said in found]


def test_a_driver_of_three_versions(tmp_path: Path) -> None:
    assert rows(probes.versions("550.90.07", "550.107.02", "550.107.02")) == ["nvml-mismatch"]
    assert rows(probes.versions("550.90.07", "550.90.07", "550.107.02")) == ["nvml-mismatch"]
    assert list(probes.versions("550.90.07", "550.90.07", "550.90.07")) == []
    assert list(probes.versions("", "550.90.07", "550.107.02")) == []
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07  Fri May 31 09:35:42 UTC 2024\n")
    assert probes.kernel_version(str(version)) == "550.90.07"
    assert probes.kernel_version(str(tmp_path / "none")) == ""
    (tmp_path / "libcuda.so.1").touch()
    (tmp_path / "libcuda.so.550.90.07").touch()
    assert probes.library_version([f"{tmp_path}/libcuda.so.*"]) == "550.90.07"


def test_a_gpu_that_nouveau_has(tmp_path: Path) -> None:
    for address, driver in (("0000:01:00.0", "nouveau"), ("0000:02:00.0", "nvidia")):
        (tmp_path / "drivers" / driver).mkdir(parents=True)
        (tmp_path / address).mkdir()
        (tmp_path / address / "driver").symlink_to(tmp_path / "drivers" / driver)
    found = list(probes.nouveau(["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"], str(tmp_path)))
    assert rows(found) == ["nouveau-has-the-gpu"]
    assert "0000:01:00.0" in found[0][0]


def test_a_module_that_was_not_built(tmp_path: Path) -> None:
    build = tmp_path / "nvidia" / "550.90.07" / "build"
    build.mkdir(parents=True)
    (build / "make.log").write_text("nv.c:1:1: error: implicit declaration of function 'vma_flags_set'\n")
    found = list(probes.modules("nvidia/550.90.07: added\n", "6.8.0-45-generic", str(tmp_path)))
    assert rows(found) == ["module-not-built"]
    assert "6.8.0-45-generic" in matcher.explain(found[0][1])
    assert list(probes.modules("nvidia/550.90.07, 6.8.0-45-generic, x86_64: installed\n", "6.8.0-45-generic")) == []
    assert list(probes.modules("", "6.8.0-45-generic")) == []


def test_what_the_kernel_says_of_the_gpu() -> None:
    quiet = "[ 1.0] usb 1-1: new device\n[ 4.4] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.90.07\n"
    assert not [one for one in probes.kernel_messages(quiet) if matcher.claims(one[1])]
    lost = quiet + "[ 9.9] NVRM: Xid (PCI:0000:09:00): 79, pid=1, GPU has fallen off the bus.\n"
    assert rows(probes.kernel_messages(lost)) == ["gpu-lost"]


def test_a_fabric_manager_that_does_not_run() -> None:
    assert rows(probes.fabric(6, "inactive\n")) == ["fabric-manager"]
    assert list(probes.fabric(6, "active\n")) == []
    assert list(probes.fabric(0, "")) == []


def test_gpu_memory_that_is_used_up_and_who_holds_it() -> None:
    found = list(probes.memory("0, 120, 24000\n1, 20000, 24000\n", "4242, python3, 23000\n"))
    assert rows(found) == ["gpu-memory"]
    assert "held by 4242 python3 23000" in found[0][1]
    assert list(probes.memory("", "")) == []


def test_gpus_that_nobody_uses() -> None:
    sessions: list[dict[str, Any]] = [
        {"interpreter": "/a/bin/python", "user": "alice", "gpus": 0},
        {"interpreter": "/b/bin/python", "user": "bob", "gpus": 2},
        {"interpreter": "/c/bin/python", "user": "carol"},
    ]
    ((python, user, said),) = probes.idle(2, sessions)
    assert (python, user) == ("/a/bin/python", "alice")
    assert matcher.claims(said)[0].id == "gpu-idle"
    missing = "Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared object file"
    log = f"W tensorflow/x.cc:64] {missing}\nW tensorflow/y.cc:1850] Cannot dlopen some GPU libraries.\n"
    assert matcher.claims(f"{said}\n{log}")[0].id == "cudnn-missing"
    assert list(probes.idle(0, sessions)) == []


@pytest.mark.parametrize(
    ("capability", "built", "served"),
    [
        ("8.6", "sm_60 sm_70 sm_80 compute_90", True),
        ("12.0", "sm_60 sm_80 compute_90", True),
        ("12.0", "sm_60 sm_80 sm_90", False),
        ("5.2", "sm_60 sm_80 compute_90", False),
        ("7.0", "", True),
    ],
)
def test_what_a_build_has_code_for(capability: str, built: str, served: bool) -> None:
    said = probes.capabilities(f"{capability}\n", f"I x.cc:1] log\nbuilt for: {built}\n")
    assert said == ([] if served else [f"compute capability {capability} is not served by this build"])
    assert all(
        matcher.claims(f"1 GPU on the bus, and the session uses 0\n{one}")[0].id == "gpu-too-new" for one in said
    )


def room(blocks: int, inodes: int) -> SimpleNamespace:
    """A file system of 10 GB and a million inodes, of which that is free."""
    return SimpleNamespace(f_bavail=blocks, f_frsize=1 << 20, f_blocks=10_000, f_files=1_000_000, f_favail=inodes)


@pytest.mark.parametrize(("blocks", "inodes", "full"), [(5000, 500_000, False), (90, 500_000, True), (5000, 12, True)])
def test_disks_without_room_or_inodes(monkeypatch: pytest.MonkeyPatch, blocks: int, inodes: int, full: bool) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _place: room(blocks, inodes))
    assert rows(probes.disks(["/", "/tmp"])) == (
        ["disk-full"] * full * len({os.stat(one).st_dev for one in ("/", "/tmp")})
    )


def test_a_docker_that_gives_no_gpus(tmp_path: Path) -> None:
    without = json.dumps({"Runtimes": {"runc": {}}, "CDISpecDirs": [str(tmp_path)]})
    assert rows(probes.containers(1, without)) == ["docker-runtime"]
    assert list(probes.containers(0, without)) == []
    assert list(probes.containers(1, "")) == []
    assert list(probes.containers(1, "no json")) == []
    assert list(probes.containers(1, json.dumps({"Runtimes": {"nvidia": {}}}))) == []
    (tmp_path / "nvidia.yaml").touch()
    assert list(probes.containers(1, without)) == []


def test_what_the_host_is(tmp_path: Path) -> None:
    assert probes.surroundings(str(tmp_path)) == {"cgroup": "1", "inside": "", "kernel": ""}
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").touch()
    (tmp_path / ".dockerenv").touch()
    assert probes.surroundings(str(tmp_path))["cgroup"] == "2"
    assert probes.surroundings(str(tmp_path))["inside"] == "container"
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("5.15.153.1-microsoft-standard-WSL2\n")
    assert probes.surroundings(str(tmp_path))["inside"] == "WSL"


def test_what_a_login_shell_sets() -> None:
    printed = "HOME=/home/a\nLD_LIBRARY_PATH=/opt/cuda/lib64:/x\nPYTHONPATH=\nXLA_FLAGS=--a=b\n"
    assert probes.variables(printed) == {"LD_LIBRARY_PATH": "/opt/cuda/lib64:/x", "XLA_FLAGS": "--a=b"}
