# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_libraries
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia.cuda_libraries import MissingError

from tests.doubles import shared_object
from tests.doubles.shared_object import CUDA, USED, lay_out

WANTED: dict[str, Any] = {"from": "wheels", "version": "12.5", "cudnn": "9.3", "tensorrt": None}
PLAN: dict[str, Any] = {
    "device": "gpu",
    "cuda": {"from": "wheels", "version": "12.5", "packages": []},
    "cudnn": {"version": "9.3"},
    "tensorrt": {"version": None},
}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A site-packages with CUDA's wheels."""
    for name, content in shared_object.files().items():
        path = tmp_path / "site-packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "site-packages"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with two CUDA versions and two cuDNN versions from apt."""
    monkeypatch.setattr(cuda_libraries, "ROOT", str(tmp_path / "usr/local/cuda-{}"))
    monkeypatch.setattr(cuda_libraries, "SYSTEM", str(tmp_path / "usr/lib/*-linux-gnu"))
    toolkit = {name: needed for name, needed in CUDA.items() if "cudnn" not in name and "nccl" not in name}
    cupti = {"libcupti.so.12": toolkit.pop("libcupti.so.12")}
    for version in ("12.2", "12.3"):
        lay_out(tmp_path / f"usr/local/cuda-{version}/lib64", toolkit)
        lay_out(tmp_path / f"usr/local/cuda-{version}/extras/CUPTI/lib64", cupti)
        real = tmp_path / f"usr/local/cuda-{version}/lib64/libcudart.so.12"
        real.rename(f"{real}.9.{version}")
        real.symlink_to(f"{real.name}.9.{version}")
    others: dict[str, tuple[str, ...]] = {"libnccl.so.2": (), "libnvinfer.so.8": (), "libssl.so.3": ()}
    others.update({f"libcudnn{part}.so.{major}": () for part in ("", "_ops_infer") for major in (8, 9)})
    lay_out(tmp_path / "usr/lib/x86_64-linux-gnu", others)
    return tmp_path


def names(paths: list[str]) -> list[str]:
    """Return the paths' last parts."""
    return [Path(path).name for path in paths]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, WANTED),
        ({"device": "cpu"}, None),
        ({"cuda": {"from": "none"}}, None),
        ({"cuda": {"from": "image"}}, None),
        ({"cuda": {"from": "apt", "version": "12.3"}}, {**WANTED, "from": "apt", "version": "12.3"}),
    ],
)
def test_what_of_the_plan_decides(changes: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert cuda_libraries.planned({**PLAN, **changes}) == expected


def test_without_a_plan_there_is_no_cuda() -> None:
    assert cuda_libraries.planned({}) is None


def test_wheels_are_found_each_after_what_it_needs(packages: Path) -> None:
    found = cuda_libraries.find(str(packages), WANTED)
    assert sorted(names(found)) == USED
    assert all(path.startswith(f"{packages}/nvidia/") for path in found)
    order = {name: index for index, name in enumerate(names(found))}
    assert all(order[other] < order[name] for name in order for other in CUDA[name] if other != "libcuda.so.1")


def test_libraries_that_need_each_other_come_once(packages: Path) -> None:
    lay_out(packages / "nvidia/cudnn/lib", {"libcudnn.so.9": ["libcudnn_a.so.9"], "libcudnn_a.so.9": ["libcudnn.so.9"]})
    found = names(cuda_libraries.find(str(packages), WANTED))
    assert found.count("libcudnn.so.9") == found.count("libcudnn_a.so.9") == 1


def test_tensorrt_counts_where_it_is_planned(packages: Path) -> None:
    lay_out(packages / "tensorrt_libs", {"libnvinfer.so.8": (), "libnvinfer_plugin.so.8": ("libnvinfer.so.8",)})
    assert "libnvinfer.so.8" not in names(cuda_libraries.find(str(packages), WANTED))
    found = names(cuda_libraries.find(str(packages), {**WANTED, "tensorrt": "8.6"}))
    assert found.index("libnvinfer.so.8") < found.index("libnvinfer_plugin.so.8")


@pytest.mark.parametrize("version", ["12.2", "12.3"])
def test_apt_is_the_planned_version(system: Path, version: str) -> None:
    wanted = {**WANTED, "from": "apt", "version": version, "cudnn": "8.9"}
    found = cuda_libraries.find("/nowhere", wanted)
    toolkit = f"{system}/usr/local/cuda-{version}"
    assert f"{toolkit}/lib64/libcudart.so.12" in found
    assert f"{toolkit}/extras/CUPTI/lib64/libcupti.so.12" in found
    assert len([path for path in found if "libcudart" in path]) == 1  # its other name is a link
    there = [path for path in found if not path.startswith(toolkit)]
    assert names(there) == ["libcudnn.so.8", "libcudnn_ops_infer.so.8", "libnccl.so.2"]
    assert "libnvinfer.so.8" in names(cuda_libraries.find("/nowhere", {**wanted, "tensorrt": "8.6"}))


def test_cublas_of_cuda_10_1_lies_with_the_systems_libraries(system: Path) -> None:
    for library in (system / "usr/local/cuda-12.3/lib64").glob("libcublas*"):
        library.unlink()
    lay_out(system / "usr/lib/x86_64-linux-gnu", {"libcublas.so.10": (), "libcublasLt.so.10": ()})
    wanted = {**WANTED, "from": "apt", "version": "12.3", "cudnn": "8.9"}
    assert {"libcublas.so.10", "libcublasLt.so.10"} <= set(names(cuda_libraries.find("/nowhere", wanted)))


def test_a_library_that_is_missing_is_named_with_the_remedy(packages: Path, system: Path) -> None:
    (packages / "nvidia/cufft/lib/libcufft.so.11").unlink()
    with pytest.raises(
        MissingError, match=r"the CUDA library libcufft is not in .*/nvidia/\*/lib.*; the package index"
    ):
        cuda_libraries.find(str(packages), WANTED)
    with pytest.raises(MissingError, match=r"libcudart is not in .*/cuda-11.8/lib64.*; run playbooks/nvidia.yml"):
        cuda_libraries.find("/nowhere", {**WANTED, "from": "apt", "version": "11.8"})
    (packages / "nvidia/cudnn/lib/libcudnn.so.9").write_bytes(b"half a file")
    lay_out(packages / "nvidia/cufft/lib", {"libcufft.so.11": ()})
    with pytest.raises(MissingError, match="libcudnn is not in"):
        cuda_libraries.find(str(packages), WANTED)


def test_the_remedy_names_the_distribution_or_the_package(packages: Path) -> None:
    path = f"{packages}/nvidia/cudnn/lib/libcudnn.so.9"
    why = f"{path}: file too short"
    assert cuda_libraries.remedy(path, why) == "install the distribution that it belongs to anew"
    info = packages / "nvidia_cudnn_cu12-9.27.0.42.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("nvidia/cudnn/lib/libcudnn.so.9,sha256=x,1\n")
    assert "`pip install --force-reinstall --no-deps nvidia_cudnn_cu12==9.27.0.42`" in cuda_libraries.remedy(path, why)
    assert "`dpkg -S /usr/lib/x/libcudnn.so.9`" in cuda_libraries.remedy("/usr/lib/x/libcudnn.so.9", why)
    assert "belongs to the driver" in cuda_libraries.remedy(path, "libcuda.so.1: cannot open shared object file")
