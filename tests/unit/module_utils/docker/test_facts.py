# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import facts as docker_facts

PACKAGE = "Package: {}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = (tmp_path / "subuid", tmp_path / "subgid")
    monkeypatch.setattr(docker_facts, "SUBIDS", tuple(map(str, files)))
    me = pwd.getpwuid(os.getuid()).pw_name
    for file in files:
        file.write_text(f"alice:100000:65536\nbob:1:100\n{os.getuid()}:200000:65536\n")
    files[0].write_text(files[0].read_text() + "carol:300000:65536\n")
    (tmp_path / "me").write_text(me)
    (tmp_path / "status").write_text(
        PACKAGE.format("runc") + PACKAGE.format("docker.io") + PACKAGE.format("podman-docker")
    )
    return tmp_path


def describe(host: Path, data_root: str = "") -> dict[str, object]:
    return docker_facts.describe(data_root, str(host / "daemon.json"), str(host / "status"))


def test_the_engines_that_are_there(host: Path) -> None:
    assert describe(host)["engines"] == {
        "docker": [],
        "distribution": ["docker.io", "runc"],
        "retired": ["podman-docker"],
    }


def test_who_has_subordinate_ids(host: Path) -> None:
    me = (host / "me").read_text()
    assert docker_facts.subids(str(host / "none")) == sorted(["alice", me])
    (host / "nsswitch").write_text("passwd: files\nsubid: files\n")
    assert docker_facts.subids(str(host / "nsswitch")) == sorted(["alice", me])
    (host / "nsswitch").write_text("subid: sss\n")
    assert docker_facts.subids(str(host / "nsswitch")) is None


def test_the_data_root_and_its_space(host: Path) -> None:
    assert describe(host)["data_root"] == "/var/lib/docker"
    (host / "daemon.json").write_text(f'{{"data-root": "{host}/data"}}')
    facts = describe(host)
    assert facts["data_root"] == f"{host}/data"
    assert isinstance(facts["free_mb"], int)
    assert describe(host, "/srv/docker")["data_root"] == "/srv/docker"


ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\t0100590A\t0003\t0\t0\t100\t00000000\t0\t0\t0
"""


def test_how_large_packets_may_be(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    for name, size in (("eth0", 1400), ("docker0", 1300)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mtu").write_text(f"{size}\n")
    assert docker_facts.mtu(str(tmp_path / "route"), str(tmp_path)) == 1400
    assert docker_facts.mtu(str(tmp_path / "none"), str(tmp_path)) is None
    (tmp_path / "route").write_text(ROUTES.replace("eth0", "ppp0"))
    assert docker_facts.mtu(str(tmp_path / "route"), str(tmp_path)) is None


def test_settings_that_are_not_valid(host: Path) -> None:
    assert describe(host)["settings_error"] is None
    (host / "daemon.json").write_text("{\n  oops\n}")
    assert str(describe(host)["settings_error"]).startswith(f"{host}/daemon.json is not valid JSON: line 2: ")
