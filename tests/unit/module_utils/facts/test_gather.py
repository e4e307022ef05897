# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import gather
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import driver as nvidia

DEBIAN = 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n'
UBUNTU = 'NAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\n'
XENIAL = 'NAME="Ubuntu"\nVERSION_ID="16.04"\nID=ubuntu\nUBUNTU_CODENAME=xenial\n'
OTHER = 'NAME="Rocky Linux"\nID="rocky"\nVERSION_ID="9.4"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEBIAN, ("Debian", "12", "bookworm")),
        (UBUNTU, ("Ubuntu", "22.04", "jammy")),
        (XENIAL, ("Ubuntu", "16.04", "xenial")),
        (OTHER, ("Rocky Linux", "9.4", None)),
        ("", ("", "", None)),
    ],
)
def test_distribution(tmp_path: Path, text: str, expected: tuple[str, str, str | None]) -> None:
    (tmp_path / "os-release").write_text(text)
    assert tuple(gather.distribution(str(tmp_path / "os-release")).values()) == expected


def test_cpu_flags_are_those_that_matter(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 fma avx avxish\nprocessor\t: 1\nflags\t\t: avx2\n")
    assert gather.cpu_flags(str(cpuinfo)) == ["avx", "fma", "sse4_2"]
    assert gather.cpu_flags(str(tmp_path / "missing")) == []


def test_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda _name: "glibc 2.36")
    assert gather.glibc() == "2.36"

    def unknown(_name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown)
    assert gather.glibc() is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 0", True),
        ("exit 1", False),
        ('[ "$2" = -l ]', False),  # may be listed, but asks for a password when used
        ("exec sleep 60", False),
    ],
)
def test_root_through_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: bool) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert gather.may_become_root(seconds=1) is expected


def test_a_user_unknown_to_sudo_is_not_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {tmp_path}/log\nexit 1\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert gather.may_become_root() is False
    assert (tmp_path / "log").read_text() == "-n -l /bin/sh -c true\n"


def test_no_sudo_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert gather.may_become_root() is False
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert gather.may_become_root() is True


def test_gather_is_the_contract(tmp_path: Path) -> None:
    facts = gather.gather([str(tmp_path / "tensorflow")], str(tmp_path / "receipts"), str(tmp_path / "bus"))
    assert set(facts) == {
        "distribution", "release", "codename", "architecture", "kernel", "glibc", "cpu_flags", "pythons", "gpus", "nvswitches",
        "driver", "cuda", "secure_boot", "secure_boot_key", "free_mb", "become", "user", "path", "environment",
        "receipts", "docker", "source", "accounts", "package_cache", "places",
    }  # fmt: skip
    assert facts["gpus"] == facts["receipts"] == []
    assert (facts["places"], facts["source"]["builds"]) == ({}, [])
    assert set(facts["driver"]) == {"installed", "loaded", "fabric_manager"}
    assert set(facts["cuda"]) == {"directory", "uninstallers"}
    assert set(facts["secure_boot_key"]) == {"file", "enrolled"}
    assert set(facts["user"]) == {"name", "uid", "home"}
    assert json.loads(json.dumps(facts)) == facts


def test_a_package_cache_is_asked_where_there_is_one(tmp_path: Path) -> None:
    place = ([str(tmp_path / "tensorflow")], str(tmp_path / "receipts"), str(tmp_path / "bus"))
    nobody = "http://127.0.0.1:1"
    assert gather.gather(*place)["package_cache"] is None
    assert gather.gather(*place, package_cache_url=nobody)["package_cache"] == {"url": nobody, "answers": False}


def test_gpus_are_told_without_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "bus" / "0000:01:00.0"
    device.mkdir(parents=True)
    for name, value in (("vendor", "0x10de"), ("device", "0x20b2"), ("class", "0x030200")):
        (device / name).write_text(value)
    monkeypatch.setattr(nvidia, "loaded", lambda _proc: None)
    monkeypatch.setattr(nvidia, "installed", lambda: "550.54.15")
    monkeypatch.setattr(nvidia, "describe", lambda _gpus, _proc: pytest.fail("asked a driver that does not run"))
    facts = gather.gather([str(tmp_path / "tensorflow")], str(tmp_path / "receipts"), str(tmp_path / "bus"))
    assert facts["gpus"] == [{"pci_id": "10de:20b2", "name": None, "compute_capability": None, "memory_mb": None}]
    assert facts["driver"] == {"installed": "550.54.15", "loaded": None, "fabric_manager": None}


def test_it_tells_which_groups_and_users_the_host_knows() -> None:
    asked = {"groups": ["root", "no-such-group"], "users": ["root", "no-such-user"], "paths": ["/opt", "relative"]}
    assert gather.accounts(asked) == {
        "groups": {"root": True, "no-such-group": False},
        "users": {"root": True, "no-such-user": False},
        "paths": {"/opt": {}},
    }
    assert gather.accounts({}) == {"groups": {}, "users": {}, "paths": {}}


def test_of_several_places_each_has_its_facts(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "x" / "other")
    (tmp_path / "x").write_text("in the way")
    facts = gather.gather([one, other], str(tmp_path / "receipts"), str(tmp_path / "bus"))
    assert facts["path"] == facts["places"][one]["path"]
    assert facts["places"][other]["path"]["blocked_by"] == str(tmp_path / "x")
    assert set(facts["places"][other]) == {"path", "free_mb", "environment", "builds"}
