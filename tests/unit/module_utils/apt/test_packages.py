# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import locks
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt.packages import PackagesError, Step

STATUS = """\
Package: cuda-command-line-tools-12-3
Status: hold ok installed
Maintainer: cudatools <cudatools@nvidia.com>
Architecture: amd64
Version: 12.3.2-1
Depends: cuda-cupti-12-3 (>= 12.3.101), libc6 (>= 2.17), absent | cuda-gdb-12-3

Package: cuda-cupti-12-3
Status: install ok installed
Maintainer: cudatools <cudatools@nvidia.com>
Architecture: amd64
Version: 12.3.101-1
Description: CUPTI
 Depends: not-a-field

Package: cuda-gdb-12-3
Status: install ok half-configured
Maintainer: cudatools <cudatools@nvidia.com>
Architecture: amd64
Version: 12.3.101-1

Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Version: 2.36-9
Depends: cuda-cupti-12-3

Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: i386
Version: 2.36-9+other
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, package_set.Package]:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "6", "1", "x86_64")))
    (tmp_path / "status").write_text(STATUS)
    return package_set.read(str(tmp_path / "status"))


def test_what_needs_the_very_version_of_a_package_moves_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "6", "1", "x86_64")))
    paragraph = (
        "Package: {}\nStatus: hold ok installed\nArchitecture: amd64\nVersion: {}\nDepends: libc6, libcudnn7 ({} {})\n"
    )
    own = ("libcudnn7-dev", "7.1.4.18-1+cuda9.0", "=", "7.1.4.18-1+cuda9.0")
    newer = ("libcudnn7-doc", "7.1.4.18-1+cuda9.0", ">=", "7.1.4.18-1+cuda9.0")
    foreign = ("caffe", "7.1.4.18-1+cuda9.0", "=", "7.1.4.18-1+cuda9.0")
    text = "\n".join(paragraph.format(*one) for one in (own, newer, foreign))
    (tmp_path / "status").write_text(text)
    packages = package_set.read(str(tmp_path / "status"))
    down = "libcudnn7=7.0.5.15-1+cuda9.0"
    assert package_set.followers([down], packages) == ["libcudnn7-dev=7.0.5.15-1+cuda9.0"]
    assert package_set.followers([down, "libcudnn7-dev=7.1.4.18-1+cuda9.0"], packages) == []
    assert package_set.followers(["libcudnn7=7.1.4.18-1+cuda9.0", "libnccl2"], packages) == []


def test_the_closure_is_what_is_installed_of_nvidia(packages: dict[str, package_set.Package]) -> None:
    assert package_set.closure(["cuda-command-line-tools-12-3"], packages) == {
        "cuda-command-line-tools-12-3",
        "cuda-cupti-12-3",
    }
    assert package_set.installed(packages)["libc6"] == "2.36-9"
    assert packages["cuda-command-line-tools-12-3"].want == "hold"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("nvidia-driver-580-server-open", True),
        ("linux-modules-nvidia-580-generic", True),
        ("xserver-xorg-video-nvidia-580", True),
        ("libcudnn8", True),
        ("libnvinfer4", True),
        ("libnccl2", True),
        ("libcurl4", False),
        ("libnuma1", False),
        ("linux-image-amd64", False),
        ("cups", False),
    ],
)
def test_names_of_nvidia(name: str, ours: bool) -> None:
    assert bool(package_set.NAMES.match(name)) is ours


def test_a_request_without_a_version_is_met_by_any() -> None:
    there = {"libcudnn8": "8.9.6", "cuda-nvcc-12-3": "12.3.107-1"}
    asked = ["libcudnn8=8.9.7", "cuda-nvcc-12-3", "libnccl2", "libcudnn8=8.9.6"]
    assert package_set.missing(asked, there) == ["libcudnn8=8.9.7", "libnccl2"]


@pytest.mark.parametrize(
    ("version", "upstream"), [("580.95.05-0ubuntu0.24.04.1", "580.95.05"), ("1:580.95.05-1", "580.95.05"), ("5", "5")]
)
def test_upstream_versions(version: str, upstream: str) -> None:
    assert package_set.upstream(version) == upstream


def test_a_companion_gets_the_version_of_its_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_set, "versions", lambda _name: ["580.105.08-1", "580.95.05-0ubuntu2"])
    steps = [Step("Inst", "nvidia-utils-580", None, "580.95.05-0ubuntu1")]
    wanted = {"nvidia-fabricmanager-580": "nvidia-utils-580"}
    assert package_set.companions(wanted, steps, {}) == ["nvidia-fabricmanager-580=580.95.05-0ubuntu2"]
    assert (
        package_set.companions(
            wanted, [], {"nvidia-utils-580": "580.105.08-9", "nvidia-fabricmanager-580": "580.105.08-1"}
        )
        == []
    )
    with pytest.raises(
        PackagesError, match=r"no repository of this host has nvidia-fabricmanager-580 in the version 1\.2"
    ):
        package_set.companions(wanted, [], {"nvidia-utils-580": "1.2-1"})
    with pytest.raises(PackagesError, match="not to be installed"):
        package_set.companions(wanted, [], {})


def test_a_companion_gets_a_given_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_set, "versions", lambda _name: ["580.105.08-1", "580.95.05-0ubuntu2"])
    wanted = {"nvidia-fabricmanager-580": "580.95.05"}
    assert package_set.companions(wanted, [], {}) == ["nvidia-fabricmanager-580=580.95.05-0ubuntu2"]
    assert package_set.companions(wanted, [], {"nvidia-fabricmanager-580": "580.95.05-1"}) == []
    with pytest.raises(PackagesError, match=r"has nvidia-fabricmanager-580 in the version 580\.1$"):
        package_set.companions({"nvidia-fabricmanager-580": "580.1"}, [], {})


def package(name: str, *needs: str) -> package_set.Package:
    return package_set.Package(name, "1", "install", "installed", needs, False, ())


@pytest.mark.parametrize(
    ("with_them", "going"),
    [
        ({}, ["perl", "python", "venv"]),  # a package that could do with python or another does with another
        ({"python": {"theirs"}}, ["perl", "venv"]),  # theirs needs it, and what python needs goes nevertheless
        ({"perl": {"behind"}}, ["python", "venv"]),  # by a virtual package, which dpkg's own notes do not tell
        ({"python": {"theirs"}, "venv": {"theirs"}, "perl": {"behind"}}, []),
    ],
)
def test_what_was_brought_goes_but_for_what_others_need(
    monkeypatch: pytest.MonkeyPatch, with_them: dict[str, set[str]], going: list[str]
) -> None:
    there = [
        package("python"),
        package("venv", "python"),
        package("perl"),
        package("theirs", "python"),
        package("behind"),
    ]

    def simulate(arguments: list[str]) -> list[Step]:
        doomed = arguments[1:]
        taken = set(doomed).union(*(with_them.get(name, set()) for name in doomed))
        return [Step("Purg", name, "1", None) for name in sorted(taken)]

    monkeypatch.setattr(package_set, "simulate", simulate)
    wanted = ["perl", "python", "venv", "gone"]
    assert package_set.removable(wanted, {one.name: one for one in there}) == going


def test_a_list_that_could_not_be_fetched_is_named() -> None:
    output = "W: Failed to fetch http://m/InRelease  Temporary failure resolving 'm'\nW: Some index files failed to download.\n"
    assert package_set.unfetched(output) == "http://m/InRelease could not be fetched: Temporary failure resolving 'm'"
    assert package_set.unfetched("Reading package lists...\n") == ""


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("E: Version '9' for 'libcudnn8' was not found\n", "no repository of this host has libcudnn8 in the version 9"),
        ("E: Unable to locate package libx\n", "no repository of this host has libx"),
        (
            "Unmet dependencies:\n a : Depends: b (>= 2) but it is not installable\nE: Unable to correct problems.\n",
            "apt says: a : Depends: b (>= 2) but it is not installable",
        ),
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 47 (unattended-upgr)\nE: Unable to acquire\n",
            "unattended-upgr (process 47) keeps apt's lock /var/lib/dpkg/lock-frontend; run again when it has ended",
        ),
        ("E: Could not get lock /x\n", "another program keeps apt's lock /x; run again when it has ended"),
        (
            (
                "dpkg: error processing archive /a/libx_1.deb (--unpack):\n cannot write (No space left on device)\n"
                "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"
            ),
            "the disk is full; free space and run again, which finishes what was begun",
        ),
        (
            (
                "dpkg: error processing package libx (--configure):\n libx post-installation script subprocess returned "
                "error exit status 1\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n"
            ),
            "dpkg could not install libx: libx post-installation script subprocess returned error exit status 1",
        ),
        (
            "Err:1 http://m.example.org/ libx 1\n  Temporary failure resolving 'm.example.org'\nE: Failed to fetch http://m.example.org/x\n",
            (
                "the name m.example.org cannot be resolved on this host; check its DNS, or name a mirror in the host's sources, "
                "nvidia_repo_url or docker_repository_url"
            ),
        ),
        ("E: Something else went wrong.\n", "apt says: Something else went wrong"),
        ("Preparing to unpack\n", "apt was ended before it could say why, after: Preparing to unpack; run again"),
        ("", "apt was ended before it could say why; run again"),
    ],
)
def test_apt_s_failure_in_a_sentence(output: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SECONDS", -1)  # no waiting for a lock that only the output names
    program = tmp_path / "apt"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\nexit 100\n")
    program.chmod(0o755)
    with pytest.raises(PackagesError) as error:
        package_set.run([str(program)])
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("message", "output", "told"),
    [
        ("apt says: odd", "one\nE: odd\n", "apt says: odd; an unknown failure, whose last words were: one / E: odd"),
        ("apt says: odd", "E: odd\nE: dpkg was interrupted, you must", "apt says: odd"),
        ("the disk is full", "one", "the disk is full"),
        ("dependencies are broken, and apt would mend that by removing x", "", None),
    ],
)
def test_what_nobody_knows_is_said_to_be_unknown(message: str, output: str, told: str | None) -> None:
    assert package_set.complaint(PackagesError(message, output)) == (told or message)


def test_steps_of_a_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    output = (
        "Reading package lists...\n"
        "Remv nvidia-driver-550 [550.1-1]\n"
        "Inst libcudnn8 [8.9.6-1] (8.9.7-1 NVIDIA CUDA:host [amd64]) []\n"
        "Inst libnccl2 (2.2-1 NVIDIA CUDA:host [amd64])\n"
        "Conf libnccl2 (2.2-1 NVIDIA CUDA:host [amd64])\n"
    )
    monkeypatch.setattr(package_set, "run", lambda _command: output)
    assert package_set.simulate(["install"]) == [
        Step("Remv", "nvidia-driver-550", "550.1-1", None),
        Step("Inst", "libcudnn8", "8.9.6-1", "8.9.7-1"),
        Step("Inst", "libnccl2", None, "2.2-1"),
    ]


def test_the_blacklist_names_each_package_alone() -> None:
    text = package_set.blacklist(["libcudnn8", "libstdc++6", "cuda"], "cudnn")
    assert text.splitlines()[1:] == [
        "Unattended-Upgrade::Package-Blacklist {",
        '  "^cuda$";',
        '  "^libcudnn8$";',
        '  "^libstdc[+][+]6$";',
        "};",
    ]


def test_pins_that_forbid_a_package(tmp_path: Path) -> None:
    (tmp_path / "preferences.d").mkdir()
    for name, package, priority in (("a", "libcufft-*", -1), ("b", "libcufft-12-3", 990), ("c", "firefox", -1)):
        pin = f"Package: {package}\nPin: version *\nPin-Priority: {priority}\n"
        (tmp_path / "preferences.d" / name).write_text(pin)
    assert package_set.blame(["libcufft-12-3"], str(tmp_path)) == [f"{tmp_path}/preferences.d/a"]
