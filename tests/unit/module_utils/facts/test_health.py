# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at hosts that others installed, with stand-ins for the programs that are asked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import interpreters
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import health as findings
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures

from tests.doubles import tensorflow_wheel
from tests.unit.support.environment_site import snapshot

ME = findings.Host().me.pw_name


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for stand-ins, and the only one in which programs are found; no Python is found in it."""
    place = tmp_path / "programs"
    place.mkdir()
    monkeypatch.setattr(findings, "BINARIES", f"{place}:/nowhere")
    monkeypatch.setattr(interpreters, "directories", lambda _home, _path: [])
    return place


def program(place: Path, name: str, *lines: str) -> None:
    (place / name).write_text("\n".join(["#!/bin/sh", "PATH=/usr/bin:/bin", *lines, ""]))
    (place / name).chmod(0o755)


def environment(place: Path, at_import: str = "") -> Path:
    """An environment that others made, with a stand-in for TensorFlow."""
    wheels = (tensorflow_wheel.tensorflow("2.20.0", at_import=at_import), tensorflow_wheel.numpy())
    for wheel in wheels:
        for name, text in wheel.files.items():
            path = place / "lib" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
    (place / "bin").mkdir()
    program(place / "bin", "python", f'PYTHONPATH={place}/lib exec {sys.executable} "$@"')
    return place


def look(*paths: Path | str, **options: Any) -> dict[str, Any]:
    return findings.look([str(path) for path in paths], options.pop("user", ME), **{"devices": "/nowhere", **options})


def test_what_works_is_told_and_nothing_is_changed(programs: Path, tmp_path: Path) -> None:
    theirs = environment(tmp_path / "theirs")
    before = snapshot(tmp_path)
    answer = look(theirs)
    assert answer["findings"] == []
    (session,) = answer["sessions"]
    assert (session["tensorflow"], session["greeting"], session["user"]) == ("2.20.0", "Hello, TensorFlow!", ME)
    assert session["interpreter"] == f"{theirs}/bin/python"
    assert snapshot(tmp_path) == before
    assert not list(Path("/tmp").glob("tensorwright-diagnosis-*"))


def test_a_session_that_fails_has_its_cause(programs: Path, tmp_path: Path) -> None:
    broken = "raise ImportError('libcudart.so.9.0: cannot open shared object file: No such file or directory')"
    answer = look(environment(tmp_path / "theirs", at_import=broken))
    (finding,) = answer["findings"]
    assert answer["sessions"] == []
    assert finding["id"] == "cuda-library-missing"
    assert finding["sentence"].startswith(
        f"{tmp_path}/theirs/bin/python as user {ME}: the CUDA libraries of the version"
    )
    assert finding["sentence"].endswith(f"see {failures.PAGE}#cuda-library-missing")
    assert "(libcudart.so.9.0)" in finding["cause"]


def test_what_no_row_knows_is_told_to_be_unknown(programs: Path, tmp_path: Path) -> None:
    (finding,) = look(environment(tmp_path / "theirs", at_import="raise RuntimeError('odd')"))["findings"]
    assert (finding["id"], finding["remedy"]) == (None, None)
    assert finding["cause"].startswith("an unknown failure, whose last words were: ")
    assert finding["cause"].endswith("RuntimeError: odd")


def test_a_killed_session_says_so(programs: Path, tmp_path: Path) -> None:
    (finding,) = look(environment(tmp_path / "theirs", at_import="import os; os.kill(os.getpid(), 4)"))["findings"]
    assert finding["id"] == "illegal-instruction"


def test_no_tensorflow_at_all(programs: Path, tmp_path: Path) -> None:
    (finding,) = look(tmp_path / "nothing")["findings"]
    assert finding["id"] == "tensorflow-missing"


def test_a_python_without_tensorflow_beside_one_that_has_it_is_no_fault(programs: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    (bare / "bin").mkdir(parents=True)
    program(bare / "bin", "python", f'exec {sys.executable} "$@"')
    answer = look(bare, environment(tmp_path / "theirs"))
    assert answer["findings"] == []
    assert len(answer["sessions"]) == 1


def test_conda_environments_are_found(programs: Path, tmp_path: Path) -> None:
    for place in ("miniforge3/bin", "miniforge3/envs/tf/bin", "anaconda3/envs/old/bin"):
        (tmp_path / place).mkdir(parents=True)
        program(tmp_path / place, "python")
    assert findings.pythons([], str(tmp_path)) == [
        f"{tmp_path}/{place}/bin/python" for place in ("miniforge3", "miniforge3/envs/tf", "anaconda3/envs/old")
    ]


# --- GPU, Docker, apt -------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu(tmp_path: Path) -> str:
    """A stand-in for a GPU on the bus."""
    device = tmp_path / "pci" / "0000:01:00.0"
    device.mkdir(parents=True)
    for name, text in (("vendor", "0x10de"), ("device", "0x20b2"), ("class", "0x030200")):
        (device / name).write_text(f"{text}\n")
    return str(device.parent)


def test_a_gpu_without_driver(programs: Path, gpu: str) -> None:
    with findings.Host(ME) as host:
        (finding,) = findings.look_at_driver(host, gpu)
    assert findings.explained(finding)[0]["id"] == "driver-library-missing"


def test_without_a_gpu_no_driver_is_missed(programs: Path) -> None:
    with findings.Host(ME) as host:
        assert findings.look_at_driver(host, "/nowhere") == []


def test_docker_is_tried_where_it_is_installed(programs: Path) -> None:
    with findings.Host(ME) as host:
        assert findings.look_at_docker(host) == []
        denied = (
            "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
        )
        program(programs, "docker", f"echo '{denied}' >&2; exit 1")
        (finding,) = findings.look_at_docker(host)
        assert findings.explained(finding)[0]["id"] == "docker-socket-denied"
        program(programs, "docker", "echo 28.0")
        assert findings.look_at_docker(host) == []


def test_apt_works_in_a_place_of_its_own_and_each_fault_is_told(programs: Path, tmp_path: Path) -> None:
    program(
        programs,
        "apt-get",
        f'cp "$2" {tmp_path}/settings',
        'test "$4" = update || exit 0',
        "echo 'N: a note'",
        "echo 'W: GPG error: http://x stable InRelease: NO_PUBKEY A4B469963BF863CC'",
        "echo \"E: The repository 'http://x stable InRelease' is not signed.\"",
        "echo 'E: Release file for http://y is expired (invalid since 2d).'",
        "exit 100",
    )
    program(programs, "dpkg")
    with findings.Host(ME) as host:
        told = [one for finding in findings.look_at_apt(host) for one in findings.explained(finding)]
    assert [one["id"] for one in told] == ["apt-key-missing", "apt-index-expired"]
    settings = (tmp_path / "settings").read_text()
    assert f'Dir::State::lists "{host.directory}/' in settings
    assert f'Dir::Cache "{host.directory}/' in settings


def test_half_installed_packages(programs: Path) -> None:
    program(programs, "apt-get", "exit 0")
    program(programs, "dpkg", "echo 'The following packages are only half configured, probably due to problems'")
    with findings.Host(ME) as host:
        (finding,) = findings.look_at_apt(host)
    assert findings.explained(finding)[0]["id"] == "dpkg-interrupted"


def test_broken_dependencies_are_told_once(programs: Path) -> None:
    fault = "E: The list of sources could not be read."
    program(programs, "apt-get", f"echo '{fault}'; exit 100")
    program(programs, "dpkg")
    with findings.Host(ME) as host:
        assert len(findings.look_at_apt(host)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_tries_it(programs: Path) -> None:
    with findings.Host("nobody") as host:
        assert host.run(["/usr/bin/id", "-un"], host.user("/")).output == "nobody\n"


def test_a_user_who_does_not_exist_is_an_error(programs: Path) -> None:
    with pytest.raises(KeyError), findings.Host("nobody-like-this") as host:
        host.user("/")


# --- what text cannot tell --------------------------------------------------------------------------------------------


def test_a_gpu_that_the_session_does_not_use_is_told_with_its_reason(programs: Path, gpu: str, tmp_path: Path) -> None:
    theirs = environment(tmp_path / "theirs")
    answer = look(theirs, devices=gpu)
    told = {finding["id"]: finding for finding in answer["findings"] if finding["about"].startswith(f"{theirs}/")}
    assert list(told) == ["gpu-idle"]
    assert "1 GPU" in told["gpu-idle"]["cause"]


def test_a_file_that_an_installation_lacks_is_told(programs: Path, tmp_path: Path) -> None:
    theirs = environment(tmp_path / "theirs")
    information = theirs / "lib" / "tensorflow-2.20.0.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.20.0\n")
    (information / "RECORD").write_text("tensorflow/lost.py,sha256=x,12\ntensorflow/__init__.py,,\n")
    (finding,) = look(theirs)["findings"]
    assert finding["id"] == "installation-damaged"
    assert "tensorflow/lost.py" in finding["cause"]


def test_the_session_is_tried_with_what_the_login_shell_sets(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "login_variables", lambda _host: {"LD_LIBRARY_PATH": "/opt/theirs/lib"})
    odd = "import os\nif os.environ.get('LD_LIBRARY_PATH') == '/opt/theirs/lib': raise RuntimeError('theirs is found')"
    answer = look(environment(tmp_path / "theirs", at_import=odd), user=ME)
    assert answer["host"]["login"] == {"LD_LIBRARY_PATH": "/opt/theirs/lib"}
    assert "theirs is found" in answer["findings"][0]["cause"]


def test_packages_that_do_not_fit_are_told_by_name(programs: Path, tmp_path: Path) -> None:
    theirs = environment(tmp_path / "theirs")
    pip = theirs / "lib" / "pip"
    pip.mkdir()
    (pip / "__init__.py").touch()
    said = "tensorflow 2.20.0 requires numpy<3,>=2, but you have numpy 1.26.4 which is incompatible."
    (pip / "__main__.py").write_text(f"import sys\nprint({said!r})\nsys.exit(1)\n")
    (finding,) = look(theirs)["findings"]
    assert finding["id"] == "package-too-old"
    assert finding["cause"].startswith("numpy 1.26.4 is too old for tensorflow")
