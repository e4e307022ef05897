# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import interpreters

REAL = os.path.realpath(sys.executable)
NAME = "python{}.{}".format(*sys.version_info[:2])
VERSION = "{}.{}.{}".format(*sys.version_info[:3])


def pythons(*places: Path, own: str = "") -> list[dict[str, str]]:
    return interpreters.Search(map(str, places), own=own).pythons()


@pytest.fixture
def bin_directory(tmp_path: Path) -> Path:
    place = tmp_path / "bin"
    place.mkdir()
    return place


def test_a_real_one_answers_with_its_version(bin_directory: Path) -> None:
    (bin_directory / NAME).symlink_to(REAL)
    (bin_directory / "python3").symlink_to(REAL)
    (bin_directory / f"{NAME}-config").symlink_to(REAL)
    assert pythons(bin_directory) == [{"path": str(bin_directory / NAME), "version": VERSION}]


def test_the_one_that_searches_needs_no_start(bin_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bin_directory / NAME).symlink_to(REAL)
    asked = pythons(bin_directory)
    monkeypatch.setattr(interpreters.Search, "_start", lambda path: pytest.fail(f"{path} was started"))
    assert (
        pythons(bin_directory, own=sys.executable) == asked == [{"path": str(bin_directory / NAME), "version": VERSION}]
    )


def test_the_one_that_searches_is_left_out_too_if_wheels_do_not_serve_it(
    bin_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bin_directory / NAME).symlink_to(REAL)
    monkeypatch.setattr(sys, "abiflags", "t")
    assert pythons(bin_directory, own=sys.executable) == []


def test_one_file_is_one_interpreter_named_by_itself(bin_directory: Path) -> None:
    (bin_directory / NAME).symlink_to(REAL)
    paths = [python["path"] for python in pythons(bin_directory, Path(REAL).parent)]
    assert paths.count(REAL) == 1
    assert str(bin_directory / NAME) not in paths


def test_virtual_environments_are_left_out(tmp_path: Path) -> None:
    venv.create(tmp_path / "environment", symlinks=True)
    assert (tmp_path / "environment" / "bin" / NAME).exists()
    assert pythons(tmp_path / "environment" / "bin") == []


def test_shims_and_what_cannot_run_are_left_out(bin_directory: Path) -> None:
    shim = bin_directory / "python3.10"
    shim.write_text("#!/bin/sh\necho 3.10.1\n")
    shim.chmod(0o755)
    (bin_directory / "python3.9").write_bytes(b"\x7fELF but no program")
    (bin_directory / "python3.9").chmod(0o755)
    shutil.copy("/bin/true", bin_directory / "python3.8")
    shutil.copy("/bin/false", bin_directory / "python3.7")
    (bin_directory / "python3.6").symlink_to("nowhere")
    assert pythons(bin_directory) == []


def test_one_that_hangs_is_left_out_and_ended(bin_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bin_directory / NAME).symlink_to(REAL)
    monkeypatch.setattr(interpreters, "PROBE", "import time; time.sleep(60)")
    search = interpreters.Search([str(bin_directory)], 0.2, own="")
    assert search.pythons() == []
    assert [process.poll() for process in search.running.values() if process] == [-9]


@pytest.mark.parametrize(
    "build",
    [
        "sys.abiflags = 't'",
        "sys.pypy_version_info = (7, 3)",
        "sys.version_info = (3, 15, 0, 'candidate', 1)",
        "sys.maxsize = 1",
    ],
)
def test_builds_that_wheels_do_not_serve_say_nothing(build: str) -> None:
    done = subprocess.run([REAL, "-c", f"import sys; {build}; {interpreters.PROBE}"], capture_output=True, check=True)
    assert done.stdout == b""


def test_order_is_by_version_and_not_by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    search = interpreters.Search([])
    search.running = {"/b": "3.9.2", "/c": "3.10.1", "/a": "3.10.1", "/d": ""}  # type: ignore[dict-item]  # answers in place of processes
    monkeypatch.setattr(search, "_answer", str)
    assert [python["path"] for python in search.pythons()] == ["/b", "/a", "/c"]


def test_the_distribution_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".pyenv" / "versions" / "3.9.1" / "bin").mkdir(parents=True)
    places = interpreters.directories(str(tmp_path), "relative:/opt/python/bin/:/bin")
    assert places[:2] == ["/usr/bin", "/usr/local/bin"]
    assert "relative" not in places
    assert "/opt/python/bin" in places
    assert f"{tmp_path}/.pyenv/versions/3.9.1/bin" in places
    assert f"{tmp_path}/.local/bin" in places
