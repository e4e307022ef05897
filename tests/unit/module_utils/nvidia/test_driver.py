# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import driver as nvidia

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12.2.0\n"
)
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22-I3)\n"
# As a real H200's driver was seen on 2026-11-20, built by somebody else than NVIDIA and mounted at /usr/local/nvidia.
MOUNTED = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (nixbld@)  \n"
    "GCC version:  gcc version 15.3.0 (GCC) \n"
)


def gpu(address: str) -> dict[str, Any]:
    return {"address": address, "pci_id": "10de:20b2", "name": None, "compute_capability": None, "memory_mb": None}


def smi(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a stand-in nvidia-smi first on the path."""
    program = directory / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("text", "version"), [(PROPRIETARY, "550.54.15"), (OPEN, "580.65.06"), (MOUNTED, "580.159.04"), ("", None)]
)
def test_loaded(tmp_path: Path, text: str, version: str | None) -> None:
    (tmp_path / "version").write_text(text)
    assert nvidia.loaded(str(tmp_path)) == version


def test_nothing_loaded(tmp_path: Path) -> None:
    assert nvidia.loaded(str(tmp_path)) is None


def test_installed_is_what_the_newest_library_says(tmp_path: Path) -> None:
    for version in ("1", "550.54.15", "550.163.01"):
        (tmp_path / f"libcuda.so.{version}").touch()
    assert nvidia.installed((f"{tmp_path}/libcuda.so.*",), "/nonexistent") == "550.163.01"


@pytest.mark.parametrize(
    "name", ["nvidia-driver-550-server-open", "libcuda1", "nvidia-driver", "libnvidia-compute-550"]
)
def test_installed_is_else_what_dpkg_says(tmp_path: Path, name: str) -> None:
    status = tmp_path / "status"
    status.write_text(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 550.54.15-0ubuntu1\n\n"
        "Package: nvidia-container-toolkit\nStatus: install ok installed\nArchitecture: amd64\nVersion: 999.9-1\n"
    )
    assert nvidia.installed((), str(status)) == "550.54.15"


def test_nothing_installed(tmp_path: Path) -> None:
    assert nvidia.installed((f"{tmp_path}/*",), "/nonexistent") is None


def test_packages_that_bring_no_driver_tell_of_none(tmp_path: Path) -> None:
    """Those of the H200's machine, whose driver is mounted: CUDA's own library of a later driver is not the host's."""
    packages = {"cuda-compat-13-0": "580.95.05-0ubuntu1", "cuda-driver-dev-13-0": "13.0.96-1", "libnccl2": "2.28.3-1"}
    entries = (
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        for name, version in packages.items()
    )
    (tmp_path / "status").write_text("\n".join(entries))
    assert nvidia.installed((), str(tmp_path / "status")) is None


def test_describe_matches_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(
        tmp_path,
        monkeypatch,
        "echo '00000000:65:00.0, NVIDIA H100 80GB HBM3, 81559, 9.0'\necho '00000000:3B:00.0, NVIDIA A100-SXM4-80GB, 81920, 8.0'",
    )
    gpus = [gpu("0000:3b:00.0"), gpu("0000:65:00.0"), gpu("0000:99:00.0")]
    nvidia.describe(gpus, str(tmp_path))
    assert [(one["name"], one["memory_mb"], one["compute_capability"]) for one in gpus] == [
        ("NVIDIA A100-SXM4-80GB", 81920, "8.0"),
        ("NVIDIA H100 80GB HBM3", 81559, "9.0"),
        (None, None, None),
    ]


def test_describe_with_an_old_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        'case "$1" in *compute_cap*) echo not a valid field; exit 2;; esac\necho "00000000:3B:00.0, Tesla V100, 16160"'
    )
    smi(tmp_path, monkeypatch, script)
    gpus = [gpu("0000:3b:00.0")]
    nvidia.describe(gpus, str(tmp_path))
    assert (gpus[0]["name"], gpus[0]["memory_mb"], gpus[0]["compute_capability"]) == ("Tesla V100", 16160, None)


def test_describe_where_memory_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "echo '00000000:3B:00.0, NVIDIA GB10, [N/A], 12.1'")
    gpus = [gpu("0000:3b:00.0")]
    nvidia.describe(gpus, str(tmp_path))
    assert (gpus[0]["memory_mb"], gpus[0]["compute_capability"]) == (None, "12.1")


def test_the_kernel_module_knows_the_name_where_nvidia_smi_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    information = tmp_path / "gpus" / "0000:3b:00.0" / "information"
    information.parent.mkdir(parents=True)
    information.write_text("Model: \t\t NVIDIA A100-SXM4-80GB\nIRQ:   \t\t 42\n")
    gpus = [gpu("0000:3b:00.0")]
    nvidia.describe(gpus, str(tmp_path))
    assert gpus[0]["name"] == "NVIDIA A100-SXM4-80GB"


def test_a_hanging_nvidia_smi_costs_its_time_out_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "exec sleep 60")
    gpus = [gpu("0000:3b:00.0")]
    nvidia.describe(gpus, str(tmp_path), seconds=0.2)
    assert gpus[0]["name"] is None


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nvidia-fabricmanager-580", "580.95.05-0ubuntu0.1", "580.95.05"),
        ("nvidia-fabricmanager", "1:595.71.05-1ubuntu1", "595.71.05"),
        ("nvidia-fabricmanager-dev-580", "580.95.05-1", None),
    ],
)
def test_fabric_manager(tmp_path: Path, name: str, version: str, expected: str | None) -> None:
    status = f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    (tmp_path / "status").write_text(status)
    assert nvidia.fabric_manager(str(tmp_path / "status")) == expected


def test_a_cuda_that_was_put_there_by_hand(tmp_path: Path) -> None:
    assert nvidia.by_hand(str(tmp_path)) == {"directory": False, "uninstallers": []}
    (tmp_path / "cuda-12.3" / "bin").mkdir(parents=True)
    (tmp_path / "cuda").symlink_to("cuda-12.3")
    assert nvidia.by_hand(str(tmp_path)) == {"directory": False, "uninstallers": []}
    (tmp_path / "cuda-12.3" / "bin" / "cuda-uninstaller").touch()
    (tmp_path / "cuda-9.0" / "bin").mkdir(parents=True)
    (tmp_path / "cuda-9.0" / "bin" / "uninstall_cuda_9.0.pl").touch()
    (tmp_path / "cuda").unlink()
    (tmp_path / "cuda").mkdir()
    found = nvidia.by_hand(str(tmp_path))
    assert found["directory"] is True
    assert [Path(path).name for path in found["uninstallers"]] == ["cuda-uninstaller", "uninstall_cuda_9.0.pl"]
