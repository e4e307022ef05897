# SPDX-License-Identifier: GPL-3.0-or-later
"""A package cache with TLS is verified by every client, or nothing is taken from it: real uv and pip, and image builds' program."""

from __future__ import annotations

import ensurepip
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import images as docker_images
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build.installers import (
    Installer,
    InstallError,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import Cache
from ansible_collections.tensorwright.fleet.plugins.modules import environment

from tests.doubles import uv_wheel
from tests.doubles.package_index import PackageIndex
from tests.doubles.wheels import RealWheel, Wheel
from tests.unit.support.environment_site import PYTHON, ROOT

DEMO = Wheel("demo", "1.0", {"demo.py": "x = 1\n"})
ORIGIN = "pypi.example.org"  # which nobody can reach: what comes, comes from the cache
NAMES = {"stranger": "IP:127.0.0.1", "wrong name": "DNS:another.example.org"}


def certificate(place: Path, name: str) -> Path:
    """Make a certificate that signs itself, and its key, in one file."""
    key, made, both = place / "key", place / "certificate", place / "both"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=cache", "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-addext", f"subjectAltName={name}", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    both.write_text(key.read_text() + made.read_text())
    return both


@pytest.fixture(params=["stranger", "wrong name"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[PackageIndex, str]]:
    """A cache that is not who it says, and the CA file by which one with the right name would be known."""
    both = certificate(tmp_path, NAMES[request.param])
    ca_file = str(tmp_path / "certificate") if request.param == "wrong name" else ""
    with PackageIndex(certificate=both, stands_for=ORIGIN) as cache:
        cache.add(DEMO)
        yield cache, ca_file


@pytest.fixture
def true(tmp_path: Path) -> Iterator[tuple[PackageIndex, str]]:
    """A cache that is who it says."""
    with PackageIndex(certificate=certificate(tmp_path, NAMES["stranger"]), stands_for=ORIGIN) as cache:
        cache.add(DEMO)
        yield cache, str(tmp_path / "certificate")


def settings(cache: PackageIndex) -> dict[str, Any]:
    """What modules are told of it."""
    return {"url": cache.url.removesuffix("/simple"), "only": True, "timeout": 5, "hosts": [ORIGIN]}


def real_pip() -> Path:
    """Return the wheel of pip that this machine's Python brings along."""
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    return max(wheel for place in places for wheel in place.glob("pip-*-py3-none-any.whl"))


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with pip in it: from a wheel it starts slowly."""
    place = tmp_path_factory.mktemp("pip")
    with zipfile.ZipFile(real_pip()) as archive:
        archive.extractall(place)
    return place


def choose(name: str, cache: dict[str, Any], ca_file: str, place: Path) -> Installer:
    """Return uv or pip as the role would use it, the tool itself on the host already."""
    site = {
        "index_url": f"https://{ORIGIN}/simple",
        "extra_index_urls": [],
        "ca_file": ca_file,
        "timeout": 5,
        "retries": 0,
    }
    for part in ("tools", "cache"):
        (place / part).mkdir()
    wheel = uv_wheel.wheel() if name == "uv" else RealWheel.of(real_pip())
    (place / "tools" / wheel.file).write_bytes(wheel.content)
    directories = [str(place / part) for part in ("tools", "cache", "log")]
    tool = installers.choose(
        uv_wheel.pin(wheel), {**site, "package_cache": cache}, directories[0], directories[1], directories[2]
    )
    tool.fetch = lambda *_what: str(place / "tools" / wheel.file)  # type: ignore[method-assign]
    return tool


def install(cache: PackageIndex, ca_file: str, place: Path) -> None:
    """Install the demo as the role does, with uv."""
    tool = choose("uv", settings(cache), ca_file, place)
    tool.create(PYTHON, str(place / "release"), "")
    (place / "constraints.txt").touch()
    tool.install(str(place / "release"), ["demo"], str(place / "constraints.txt"))


def test_uv_refuses_a_cache_whose_certificate_is_wrong(
    served: tuple[PackageIndex, str], tmp_path: Path, no_settings: None
) -> None:
    with pytest.raises(InstallError, match="certificate"):
        install(*served, tmp_path)
    assert not served[0].requests


def test_uv_takes_from_one_whose_certificate_is_right(
    true: tuple[PackageIndex, str], tmp_path: Path, no_settings: None
) -> None:
    install(*true, tmp_path)
    assert true[0].asked_for(DEMO.file) == 1


@pytest.mark.parametrize(("scheme", "told"), [("http", "127.0.0.1"), ("https", None)])
def test_pip_as_the_installer(scheme: str, told: str | None, tmp_path: Path, no_settings: None) -> None:
    cache = {"url": f"{scheme}://127.0.0.1:9", "only": True, "hosts": [ORIGIN]}
    variables = choose("pip", cache, "", tmp_path).environment()
    assert variables["PIP_INDEX_URL"] == f"{scheme}://127.0.0.1:9/{ORIGIN}/simple"
    assert variables.get("PIP_TRUSTED_HOST") == told


def build(cache: PackageIndex, ca_file: str, place: Path, pip: Path) -> subprocess.CompletedProcess[str]:
    """Run the program of an image build, with this machine's pip in place of the image's."""
    index = {"url": f"https://{ORIGIN}/simple", "package_cache": settings(cache)}
    program = docker_images.program(["demo"], index, bool(ca_file)).replace(docker_images.CA_IN_BUILD, ca_file)
    (place / "bin").mkdir()
    python = place / "bin" / "python"
    python.write_text(
        f'#!/bin/sh\nshift 2\nPYTHONPATH={pip} exec {sys.executable} -m pip "$@" --retries 0 --target {place}/there\n'
    )
    python.chmod(0o755)
    variables = {"PATH": f"{place}/bin:{os.environ['PATH']}", "HOME": str(place), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(["sh", "-s"], input=program, env=variables, capture_output=True, text=True, check=False)


def test_a_build_of_an_image_refuses_it_as_well(served: tuple[PackageIndex, str], tmp_path: Path, pip: Path) -> None:
    done = build(*served, tmp_path, pip)
    assert done.returncode
    assert not served[0].requests


def test_a_build_of_an_image_takes_from_one_that_is_right(
    true: tuple[PackageIndex, str], tmp_path: Path, pip: Path
) -> None:
    done = build(*true, tmp_path, pip)
    assert (tmp_path / "there" / "demo.py").exists(), done.stderr


def test_what_is_fetched_without_an_installer_is_verified_as_well(
    served: tuple[PackageIndex, str], tmp_path: Path
) -> None:
    with pytest.raises(download.DownloadError):
        download.fetch_url(
            f"https://{ORIGIN}/{DEMO.file}",
            str(tmp_path / "x"),
            None,
            served[1] or None,
            5,
            0,
            Cache(settings(served[0])),
        )
    assert not served[0].requests


@pytest.mark.parametrize(("where", "told"), [("http://cache:8180", "cache"), ("https://cache:8180", "")])
def test_pip_is_told_to_trust_a_cache_without_tls_alone(where: str, told: str) -> None:
    assert Cache({"url": where}).plain_host == told
    program = docker_images.program(["demo"], {"package_cache": {"url": where, "only": True}}, has_ca=False)
    assert ("PIP_TRUSTED_HOST" in program) is bool(told)


@pytest.mark.parametrize(("scheme", "told"), [("http", True), ("https", False)])
def test_users_own_pip(scheme: str, told: bool) -> None:
    cache = Cache({"url": f"{scheme}://cache:8180", "only": True})
    builder = SimpleNamespace(
        package_cache=cache, params={"index_url": f"https://{ORIGIN}/simple", "extra_index_urls": [], "ca_file": ""}
    )
    text = environment.Builder.pip_configuration(cast("environment.Builder", builder))
    assert f"index-url = {scheme}://cache:8180/{ORIGIN}/simple\n" in text
    assert ("trusted-host = cache\n" in text) is told


# How clients are told to look at no certificate or signature. What the table of known troubles says to users is not among them.
UNVERIFIED = re.compile(
    r"Verify-(Peer|Host)\W+false|--insecure\b|INSECURE_HOST|allow-insecure|verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False"
    r"|SSL_NO_VERIFY|sslVerify\W+false|validate_certs:\s*(false|no)|trusted\s*=\s*yes|AllowUnauthenticated|tls-verify=false|ssl_verify\W+off"
)
TRUSTED = re.compile(r"trusted.host\W", re.IGNORECASE)


def test_no_client_is_told_to_verify_nobody() -> None:
    files = [path for part in ("plugins", "roles", "playbooks") for path in (ROOT / part).rglob("*") if path.is_file()]
    texts = {path: path.read_text(errors="replace") for path in files if "__pycache__" not in path.parts}
    assert len(texts) > 100
    assert [str(path) for path, text in texts.items() if UNVERIFIED.search(text)] == []
    for path, text in texts.items():
        for line in text.splitlines() if "diagnosis" not in path.parts else ():
            assert not TRUSTED.search(line) or "plain_host" in line, f"{path}: {line}"
