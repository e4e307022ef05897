# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: i386
Multi-Arch: same
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-10
Description: GNU C Library
 Package: not a field
 .
 Version: not a field

Package: cuda-libraries-12-5
Status: hold ok installed
Architecture: amd64
Version: 12.5.1-1

Package: libc6-dev
Status: deinstall ok config-files
Architecture: amd64
Version: 2.36-9

Package: half
Status: install ok half-configured
Architecture: all
Version: 1

Package: g++
Status: install ok installed
Architecture: amd64
Version: 4:12.2.0-3
"""


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    (tmp_path / "status").write_text(STATUS)
    return str(tmp_path / "status")


def test_only_whole_names_that_are_wholly_installed(status: str) -> None:
    found = dpkg.packages(["libc6", "libc6-dev", "half", "libc", "g++", "missing"], status)
    assert {name: package.version for name, package in found.items()} == {"libc6": "2.36-10", "g++": "4:12.2.0-3"}


def test_an_architecture_may_be_named(status: str) -> None:
    found = dpkg.packages(["libc6:i386", "libc6:arm64", "libc6:amd64"], status)
    assert {name: package.version for name, package in found.items()} == {
        "libc6:i386": "2.36-9",
        "libc6:amd64": "2.36-10",
    }


def test_held(status: str) -> None:
    found = dpkg.packages(["cuda-libraries-12-5", "g++"], status)
    assert {name: package.held for name, package in found.items()} == {"cuda-libraries-12-5": True, "g++": False}


def test_no_names_no_reading() -> None:
    assert dpkg.packages([], "/nonexistent") == {}
    assert dpkg.packages(["libc6"], "/nonexistent") == {}


def test_matching(status: str) -> None:
    assert dpkg.matching(r"libc6|cuda-.*", status) == ["2.36-9", "2.36-10", "12.5.1-1"]


def test_a_dpkg_that_was_killed_is_known_by_what_its_list_does_not_have_yet(tmp_path: Path) -> None:
    status = tmp_path / "status"
    assert not dpkg.interrupted(str(status))
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / "tmp.i").touch()  # what dpkg makes beforehand
    assert not dpkg.interrupted(str(status))
    (tmp_path / "updates" / "0003").touch()
    assert dpkg.interrupted(str(status))
