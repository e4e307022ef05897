# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments for GPUs, made by the module with the real uv and judged by the real loader; TensorFlow and CUDA are stand-ins."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import native
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_libraries

from tests.doubles import shared_object, tensorflow_wheel
from tests.doubles.shared_object import CUDA, LOADED, USED, lay_out
from tests.doubles.wheels import Wheel
from tests.unit.support.environment_site import PYTHON, Site, run_module

# As the real one does: by its soname, and with whatever else stands in LD_LIBRARY_PATH.
LOADS = f"import ctypes; [ctypes.CDLL(name) for name in {LOADED!r}]"
MAPPED = (
    "import tensorflow\n"
    "paths = {line.split()[-1] for line in open('/proc/self/maps') if '.so' in line}\n"
    f"print(*sorted(path for path in paths if path.rpartition('/')[2] in {LOADED!r}), sep='\\n')"
)


def plan(source: str = "wheels", version: str = "12.5") -> dict[str, Any]:
    """Return what a plan says about CUDA."""
    parts = {"cudnn": {"version": "9.3"}, "tensorrt": {"version": None}}
    return {"device": "gpu", "cuda": {"from": source, "version": version}, **parts}


def present(site: Site, source: str = "wheels", version: str = "12.5", **changes: Any) -> dict[str, Any]:
    """Build an environment for GPUs."""
    files = shared_object.files() if source == "wheels" else {}
    site.index.add(
        Wheel("nvidia-cuda-cu12", "12.5", shared_object.files()),
        tensorflow_wheel.tensorflow("2.21.0", f"tensorflow-{source}", LOADS, True, requires=("numpy>=1",)),
    )
    requirements = [
        f"tensorflow-{source}==2.21.0",
        *["pip"] * ("native" not in changes),
        *["nvidia-cuda-cu12"] * bool(files),
    ]
    return site.try_present(
        "2.21.0", **{"requirements": requirements, "plan": plan(source, version), "cuda_build": True, **changes}
    )


def packages(site: Site) -> Path:
    """Return where the current release's packages are."""
    return next(site.release(site.current).glob("lib/*/site-packages"))


def loaded(python: Path, hostile: Path) -> list[Path]:
    """Return the CUDA libraries that an import of TensorFlow loads where LD_LIBRARY_PATH names others."""
    command = [str(python), "-c", MAPPED]
    env = {"PATH": os.defpath, "LD_LIBRARY_PATH": str(hostile)}
    return [Path(line) for line in subprocess.check_output(command, env=env, text=True).split()]


def names(paths: list[Path]) -> list[str]:
    """Return the files' names."""
    return sorted(path.name for path in paths)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Other libraries of the same sonames."""
    lay_out(tmp_path / "hostile", CUDA)
    return tmp_path / "hostile"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with two CUDA versions of NVIDIA's packages."""
    monkeypatch.setattr(cuda_libraries, "ROOT", str(tmp_path / "usr/local/cuda-{}"))
    monkeypatch.setattr(cuda_libraries, "SYSTEM", str(tmp_path / "usr/lib/*-linux-gnu"))
    toolkit = {name: needed for name, needed in CUDA.items() if not name.startswith(("libcudnn", "libnccl"))}
    for version in ("12.2", "12.3"):
        lay_out(tmp_path / f"usr/local/cuda-{version}/lib64", toolkit)
    lay_out(tmp_path / "usr/lib/x86_64-linux-gnu", dict.fromkeys(CUDA.keys() - toolkit.keys(), ()))
    return tmp_path


def test_wheels_win_over_the_library_path_of_whoever_starts_python(site: Site, hostile: Path) -> None:
    made = present(site)
    assert not made.get("failed"), made
    found = loaded(site.path / "bin" / "python", hostile)
    assert names(found) == LOADED
    assert all(path.is_relative_to(packages(site) / "nvidia") for path in found)
    assert made["session"]["cuda"]["libraries"] == len(USED)
    assert made["session"]["device"].startswith("CUDA libraries load; ")
    assert site.seal(site.current)["session"]["device"] == made["session"]["device"]
    assert list((packages(site) / "__pycache__").glob("_tensorwright_cuda.*.pyc"))
    assert present(site)["changed"] is False


def test_a_users_own_virtualenv_has_the_environments_cuda(site: Site, hostile: Path, tmp_path: Path) -> None:
    present(site)
    subprocess.run([site.path / "bin" / "tensorflow-env", "create", tmp_path / "mine"], check=True, capture_output=True)
    found = loaded(tmp_path / "mine" / "bin" / "python", hostile)
    assert names(found) == LOADED
    assert all(path.is_relative_to(packages(site)) for path in found)


def test_the_systems_python_has_the_releases_cuda(
    site: Site, hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "system"], check=True)
    monkeypatch.setattr(native, "BIN", str(tmp_path / "local-bin"))
    monkeypatch.setattr(native, "SYSTEM_BINS", ())
    monkeypatch.setattr(native, "SITES", str(tmp_path / "system" / "lib" / "python3*" / "*-packages"))
    python = tmp_path / "system" / "bin" / "python"
    made = present(site, native=True, python=str(python))
    assert not made.get("failed"), made
    assert made["session"]["cuda"]["elsewhere"] == {}
    found = loaded(python, hostile)
    assert names(found) == LOADED
    assert all(path.is_relative_to(packages(site)) for path in found)
    assert present(site, native=True, python=str(python))["changed"] is False
    release = site.release(site.current)
    release.rename(tmp_path / "gone")  # and the system's Python still starts, without a word
    silent = subprocess.run([python, "-c", "pass"], capture_output=True, text=True, check=True)
    assert silent.stderr == ""
    (tmp_path / "gone").rename(release)
    assert site.state("absent")["changed"] is True
    assert not list((tmp_path / "system").rglob("tensorwright-*.pth"))


@pytest.mark.parametrize("version", ["12.2", "12.3"])
def test_of_several_in_the_system_it_is_the_planned_one(site: Site, hostile: Path, system: Path, version: str) -> None:
    made = present(site, "apt", version)
    assert not made.get("failed"), made
    found = loaded(site.path / "bin" / "python", hostile)
    assert names(found) == LOADED
    home = system / f"usr/local/cuda-{version}"
    assert {path.parent for path in found} == {home / "lib64", system / "usr/lib/x86_64-linux-gnu"}
    shell = (
        f". {site.path}/bin/activate; echo $CUDA_HOME $LD_LIBRARY_PATH; deactivate; echo $CUDA_HOME $LD_LIBRARY_PATH"
    )
    told = subprocess.check_output(["bash", "-c", shell], env={"PATH": os.defpath}, text=True).splitlines()
    assert told == [f"{home} {home}/lib64:{home}/extras/CUPTI/lib64", ""]


def test_another_cuda_of_the_plan_is_another_release(site: Site, system: Path) -> None:
    first = present(site, "apt", "12.2")["release"]
    assert present(site, "apt", "12.2")["changed"] is False
    assert present(site, "apt", "12.3")["release"] != first


def test_an_environment_without_gpu_has_none_of_it(site: Site) -> None:
    made = site.present("2.21.0", plan={**plan("none"), "device": "cpu"})
    assert not list(site.release(site.current).rglob("*tensorwright_cuda*"))
    assert "CUDA" not in (site.path / "bin" / "activate").read_text()
    assert {"cuda", "device"}.isdisjoint(made["session"])
    assert "cuda" not in site.seal(site.current)["contents"]


def test_a_library_that_the_index_did_not_bring_stops_the_build(site: Site) -> None:
    site.present("2.20.0")
    before = site.current
    failed = present(site, requirements=["tensorflow-wheels==2.21.0", "pip"])
    assert "the CUDA library libcudart is not in " in failed["msg"]
    assert failed["msg"].endswith(f"release {before} stays in use")
    assert site.releases == [before]


def test_a_library_that_no_longer_loads_is_named_with_cause_and_remedy(site: Site) -> None:
    present(site)
    python = str(site.path / "bin" / "python")
    assert not run_module("session", python=python, version="2.21.0", cuda_build=True).get("failed")
    library = packages(site) / "nvidia/cublas/lib/libcublasLt.so.12"
    library.unlink()
    stand_in = packages(site) / "tensorflow" / "__init__.py"  # as the real one, which goes on without GPUs
    text = stand_in.read_text().replace(LOADS, "")
    stand_in.unlink()
    stand_in.write_text(text)
    failed = run_module("session", python=python, version="2.21.0", cuda_build=True)
    assert failed["msg"].startswith(
        f"{python}: the CUDA library libcublas.so.12 does not load: libcublasLt.so.12: cannot open"
    )
    told = (
        f"the CUDA library libcublasLt.so.12 does not load: {library}: cannot open shared object file: No such file or "
        "directory; put it back with `pip install --force-reinstall --no-deps nvidia_cuda_cu12==12.5` in the environment"
    )
    assert told in failed["msg"]
