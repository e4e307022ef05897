# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes and the real loader; the libraries are stand-ins without code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import cuda_preload

from tests.doubles.shared_object import lay_out
from tests.unit.support.environment_site import PYTHON
from tests.unit.support.interpreters import interpreter

VERSIONS = ["2.7", "3.6", "3.8", "3.9", "3.12", "3.13"]
LIBRARIES = {"libone.so.1": (), "libone_sub.so.1": (), "libtwo.so.2": ("libone.so.1",)}
# Loads by their sonames, as TensorFlow does, and tells from where the process has them.
TENSORFLOW = """
import ctypes
for name in ("libone.so.1", "libone_sub.so.1", "libtwo.so.2"):
    ctypes.CDLL(name)
"""
SHOW = """
import json, os, sys
maps = open("/proc/self/maps").read().splitlines()
print(json.dumps({
    "libraries": sorted({line.split()[-1] for line in maps if ".so." in line and os.sep + "lib" in line and sys.argv[1] in line}),
    "path": os.environ["PATH"], "flags": os.environ.get("XLA_FLAGS"), "ctypes": "ctypes" in sys.modules,
}))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A site-packages with the module, a TensorFlow, and the libraries in directories of their own."""
    packages = tmp_path / "site-packages"
    (packages / "tensorflow").mkdir(parents=True)
    (packages / "tensorflow" / "__init__.py").write_text(TENSORFLOW)
    (packages / "tensorflow" / "lazy.py").write_text("")
    lay_out(packages / "ours", LIBRARIES, "$ORIGIN")
    lay_out(tmp_path / "hostile", LIBRARIES, "$ORIGIN")
    (packages / "toolkit" / "bin").mkdir(parents=True)
    set_up(packages)
    return packages


def set_up(packages: Path, libraries: tuple[str, ...] = ("libone.so.1", "libone_sub.so.1", "libtwo.so.2")) -> None:
    """Write the module as a release has it."""
    text = Path(str(cuda_preload.__file__)).read_text()
    paths = tuple(f"ours/{name}" for name in libraries)
    (packages / "_tensorwright_cuda.py").write_text(f"{text}\nLIBRARIES = {paths!r}\nTOOLKIT = 'toolkit'\n")


def ask(place: Path, program: str, python: str = PYTHON, **environment: str) -> Any:
    """Run a program in a Python that watches for TensorFlow, with another set of the libraries in LD_LIBRARY_PATH."""
    start = f"import sys; sys.path.insert(0, {str(place)!r}); import _tensorwright_cuda; _tensorwright_cuda.watch()\n"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    hostile = {"LD_LIBRARY_PATH": str(place.parent / "hostile"), "XLA_FLAGS": "", **environment}
    command = [python, "-B", "-c", start + program + SHOW, str(place.parent)]
    return json.loads(subprocess.check_output(command, env={**kept, **hostile}, text=True))


@pytest.mark.parametrize("version", VERSIONS)
def test_tensorflow_gets_the_releases_libraries(place: Path, version: str) -> None:
    found = ask(place, "import tensorflow\n", interpreter(version))
    assert found["libraries"] == [f"{place}/ours/{name}" for name in sorted(LIBRARIES)]


def test_without_it_the_other_ones_win(place: Path) -> None:
    """So the tests here would notice."""
    found = ask(place, "sys.meta_path.pop(0)\nimport tensorflow\n")
    assert found["libraries"] == [f"{place.parent}/hostile/{name}" for name in sorted(LIBRARIES)]


def test_a_part_of_tensorflow_or_what_imports_it_is_enough(place: Path) -> None:
    (place / "keras.py").write_text("from tensorflow import lazy\n")
    assert ask(place, "import tensorflow.lazy\n")["libraries"][0].startswith(f"{place}/ours/")
    assert ask(place, "import keras\n")["libraries"][0].startswith(f"{place}/ours/")


@pytest.mark.parametrize(
    "program", ["import json\n", "import importlib.util; importlib.util.find_spec('tensorflow')\n"]
)
def test_who_does_not_import_it_loads_nothing(place: Path, program: str) -> None:
    found = ask(place, program)
    assert found["libraries"] == []
    assert found["ctypes"] is False
    assert "toolkit" not in found["path"]
    assert ask(place, program + "import tensorflow\n")["libraries"][0].startswith(f"{place}/ours/")


def test_who_wants_to_know_of_a_tensorflow_that_is_not_there_is_told(place: Path) -> None:
    shutil.rmtree(place / "tensorflow")
    assert (
        ask(place, "import importlib.util; assert importlib.util.find_spec('tensorflow') is None\n")["libraries"] == []
    )


def test_xla_is_led_to_the_releases_ptxas(place: Path) -> None:
    flag = f"--xla_gpu_cuda_data_dir={place}/toolkit"
    found = ask(place, "import tensorflow\n", PATH="/usr/bin:/opt/cuda-13/bin")
    assert found["path"] == f"{place}/toolkit/bin:/usr/bin:/opt/cuda-13/bin"
    assert found["flags"] == flag
    again = ask(place, "import tensorflow, importlib; importlib.reload(tensorflow)\n", PATH="/usr/bin")
    assert again["path"] == f"{place}/toolkit/bin:/usr/bin"
    assert ask(place, "import tensorflow\n", XLA_FLAGS="--xla_x=1")["flags"] == f"--xla_x=1 {flag}"
    for own in ("--xla_gpu_cuda_data_dir=/mine", "/home/alice/flags"):
        assert ask(place, "import tensorflow\n", XLA_FLAGS=own)["flags"] == own
    (place / "toolkit" / "bin").rmdir()
    (place / "toolkit").rmdir()
    assert ask(place, "import tensorflow\n")["flags"] == ""


def test_what_does_not_load_is_remembered_and_stops_nobody(place: Path) -> None:
    (place / "tensorflow" / "__init__.py").write_text("")
    (place / "ours" / "libone.so.1").write_bytes(b"")
    told = "import tensorflow; assert list(_tensorwright_cuda.failed) == [sys.argv[1] + '/site-packages/ours/libone.so.1']\n"
    found = ask(place, told)
    assert "libone_sub.so.1" in found["libraries"][-2]
    assert ask(place, told + "assert 'too short' in str(_tensorwright_cuda.failed)\n")


def test_it_tells_which_came_from_elsewhere(place: Path) -> None:
    hostile = place.parent / "hostile"
    (hostile / "libone.so.1").rename(hostile / "libone.so.1.2.3")
    (hostile / "libone.so.1").symlink_to("libone.so.1.2.3")
    told = "import json; import tensorflow; assert _tensorwright_cuda.elsewhere() == {0!r}, _tensorwright_cuda.elsewhere()\n"
    ask(place, told.format({}))
    early = "import ctypes; ctypes.CDLL('libone.so.1')\n"
    ask(place, early + told.format({"libone.so.1": f"{hostile}/libone.so.1.2.3"}))


def test_it_watches_once(place: Path) -> None:
    ask(place, "_tensorwright_cuda.watch(); assert len([f for f in sys.meta_path if 'Watcher' in repr(f)]) == 1\n")
