# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder is filled, compared, mended and cleared; hosts that have only it install from it. uv, pip and apt are real."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import builder as bundle_fill
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import images as bundle_images
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import requirements as bundle_needs
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.builder import Filling
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import MANIFEST, PARTIAL, BundleError

from tests.doubles import tensorflow_wheel
from tests.doubles.wheels import Wheel
from tests.hosts.bundles import Server, served
from tests.unit.plugin_utils.bundle.http_origin import Origin
from tests.unit.support.environment_site import Site, snapshot

Fill = Callable[..., dict[str, Any]]
Needs = dict[str, dict[str, Any]]


@pytest.fixture
def origin(no_settings: None) -> Iterator[Origin]:
    with Origin({"/a": b"the first", "/b": b"the second", "/c": b"the third"}) as serving:
        yield serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


@pytest.fixture
def fill(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Return a function that fills the folder for hosts."""
    monkeypatch.setattr(bundle_images, "tool", lambda: None)

    def run(hosts: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
        umask = os.umask(0o022)
        try:
            return Filling(folder, hosts, retries=0, timeout=5, **settings).run()
        finally:
            os.umask(umask)

    return run


def files(origin: Origin, *paths: str) -> dict[str, Any]:
    """A host that needs these files of the origin's."""
    return {
        "files": [
            {"url": origin.url + path, "sha256": hashlib.sha256(origin.contents[path]).hexdigest()} for path in paths
        ]
    }


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in json.loads((folder / MANIFEST).read_text())["objects"]}


def test_each_object_is_fetched_once(origin: Origin, folder: Path, fill: Fill) -> None:
    answer = fill({"web1": files(origin, "/a", "/b"), "web2": files(origin, "/b")})
    assert answer["changed"]
    assert sorted(origin.paths()) == ["/a", "/b"]
    assert (folder / origin.host / "a").read_bytes() == b"the first"
    told = manifest(folder)
    assert {path: entry["hosts"] for path, entry in told.items()} == {
        f"{origin.host}/a": ["web1"],
        f"{origin.host}/b": ["web1", "web2"],
    }
    assert told[f"{origin.host}/a"] == {
        "path": f"{origin.host}/a",
        "url": f"{origin.url}/a",
        "sha256": hashlib.sha256(b"the first").hexdigest(),
        "size": 9,
        "hosts": ["web1"],
    }


def test_a_second_run_downloads_and_changes_nothing(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {"web1": files(origin, "/a", "/b")}
    fill(hosts)
    before = snapshot(folder)
    origin.asked.clear()
    assert not fill(hosts)["changed"]
    assert (origin.asked, snapshot(folder)) == ([], before)


def test_a_run_that_broke_off_goes_on(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {"web1": files(origin, "/a", "/b")}
    origin.breaks["/b"] = 3
    with pytest.raises(BundleError, match="/b cannot be fetched: connection broken after 3 of 10 bytes"):
        fill(hosts)
    assert (folder / origin.host / f"b{PARTIAL}").read_bytes() == b"the"
    fill(hosts)
    assert [one for one in origin.asked if one[0] == "GET"][-1] == ("GET", "/b", "bytes=3-")
    assert origin.paths().count("/a") == 1
    assert (folder / origin.host / "b").read_bytes() == b"the second"


def test_a_damaged_file_is_told_and_mended(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {"web1": files(origin, "/a", "/b")}
    fill(hosts)
    (folder / origin.host / "a").write_bytes(b"the worst")
    told = fill(hosts, rehearse=True)
    assert told["changed"]
    assert f"{origin.host}/a is not what was fetched, and would be fetched again." in told["lines"]
    assert (folder / origin.host / "a").read_bytes() == b"the worst"
    assert f"{origin.host}/a is not what was fetched, and is fetched again." in fill(hosts)["lines"]
    assert (folder / origin.host / "a").read_bytes() == b"the first"


def test_check_mode_tells_what_would_be_fetched_and_its_size(origin: Origin, folder: Path, fill: Fill) -> None:
    answer = fill({"web1": files(origin, "/a", "/b")}, rehearse=True)
    assert answer["changed"]
    assert not folder.exists()
    assert f"would fetch {origin.url}/a (9 bytes)" in answer["lines"]
    assert "2 of 2 objects would be fetched: 19 bytes." in answer["lines"]
    assert origin.paths() == []


def test_what_no_plan_needs_is_told_and_goes_when_asked(origin: Origin, folder: Path, fill: Fill) -> None:
    fill({"web1": files(origin, "/a", "/b")})
    (folder / "mine.txt").write_text("not of the bundle")
    fewer = {"web1": files(origin, "/a")}
    line = f"1 objects (10 bytes) that no plan needs any more {{}}: {origin.host}/b."
    stays = "stay; bundle_prune: true removes them"
    assert line.format(stays) in fill(fewer)["lines"]
    assert (folder / origin.host / "b").exists()
    assert line.format(stays) in fill(fewer)["lines"]
    assert line.format("would be removed") in fill(fewer, prune=True, rehearse=True)["lines"]
    assert (folder / origin.host / "b").exists()
    assert line.format("are removed") in fill(fewer, prune=True)["lines"]
    assert sorted(path.name for path in (folder / origin.host).iterdir()) == ["a"]
    assert (folder / "mine.txt").exists()
    assert not fill(fewer, prune=True)["changed"]


def test_what_hosts_need_that_a_run_leaves_out_stays(origin: Origin, folder: Path, fill: Fill) -> None:
    fill({"web1": files(origin, "/a", "/b"), "web2": files(origin, "/b", "/c")})
    answer = fill({"web1": files(origin, "/a", "/b")}, unasked=["web2"], prune=True)
    assert "Not asked in this run, so without anything new: web2." in answer["lines"]
    assert {path.rpartition("/")[2]: entry["hosts"] for path, entry in manifest(folder).items()} == {
        "a": ["web1"],
        "b": ["web1", "web2"],
        "c": ["web2"],
    }
    fill({"web1": files(origin, "/a")}, prune=True)
    assert list(manifest(folder)) == [f"{origin.host}/a"]


def test_another_hash_than_the_tables_is_refused(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {"web1": files(origin, "/a")}
    origin.contents["/a"] = b"somebody else's"
    with pytest.raises(BundleError, match=r"/a has SHA-256 .* was expected; nothing of it was kept"):
        fill(hosts)
    assert list((folder / origin.host).iterdir()) == []
    assert not (folder / MANIFEST).exists()


def test_a_disk_that_is_too_small_is_refused_before_anything_is_fetched(
    origin: Origin, folder: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(
        BundleError, match=r"^bundle_directory is /.*/bundle, whose filesystem has 5 bytes free; accepted: one with"
    ):
        fill({"web1": files(origin, "/a")})
    assert origin.paths() == []


def test_a_directory_that_cannot_be_is_refused(origin: Origin, folder: Path, fill: Fill) -> None:
    folder.write_text("a file")
    with pytest.raises(
        BundleError, match=r"^bundle_directory is /.*/bundle, which cannot be written: File exists; accepted: a dir"
    ):
        fill({"web1": files(origin, "/a")})


def test_one_run_at_a_time(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {"web1": files(origin, "/a")}
    fill(hosts)
    with (folder / bundle_fill.LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BundleError, match=r"another run fills .*/bundle; run again when it has ended"):
            fill(hosts)
    fill(hosts)


def test_a_web_server_may_read_it(origin: Origin, folder: Path, fill: Fill) -> None:
    fill({"web1": files(origin, "/a")})
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()}
    assert modes == {0o755}
    assert (folder / origin.host / "a").stat().st_mode & 0o777 == 0o644


def test_what_it_does_not_hold_is_told(origin: Origin, folder: Path, fill: Fill) -> None:
    hosts = {name: {**files(origin, "/a"), "lacking": ["conda-forge's packages"]} for name in ("a", "b", "c", "d")}
    answer = fill(hosts)
    assert answer["lacking"] == ["a, b, c and 1 more: conda-forge's packages"]
    assert "Not in it: a, b, c and 1 more: conda-forge's packages." in answer["lines"]
    assert json.loads((folder / MANIFEST).read_text())["not_held"] == answer["lacking"]


# -- Python packages ----------------------------------------------------------------------------------------------------


class Python(NamedTuple):
    """A site with a package index, and what a host of it needs."""

    site: Site
    need: dict[str, Any]

    def host(self, **changes: Any) -> dict[str, Any]:
        return {"python": {**self.need, **changes}}


@pytest.fixture(params=["html", "json"])
def python(request: pytest.FixtureRequest, site: Site, monkeypatch: pytest.MonkeyPatch) -> Python:
    site.index.speaks_json = request.param == "json"
    monkeypatch.setattr(bundle_needs, "own_uv", lambda: site.uv)
    wheel = site.uv["wheel"]
    installer = {"name": "uv", "version": site.uv["version"], **wheel, "virtualenv": {"file": None, "sha256": None}}
    need = {
        "requirements": ["tensorflow-cpu==2.20.0", "pip"],
        "constraints": [],
        "wheel": {},
        "python": f"3.{sys.version_info.minor}",
        "architecture": os.uname().machine,
        "glibc": "2.36",
        "installer": installer,
        "indexes": [site.index.url],
    }
    return Python(site, need)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """The folder as hosts reach it."""
    folder.mkdir()
    with served(folder, "127.0.0.1") as serving:
        yield serving


def offline(python: Python, server: Server) -> dict[str, Any]:
    """How a host is told to use nothing but the folder."""
    return {"package_cache": {"url": server.url, "only": True, "timeout": 5, "hosts": []}}


def test_a_host_installs_from_the_folder_alone(python: Python, folder: Path, fill: Fill, server: Server) -> None:
    fill({"web1": python.host()})
    python.site.index.requests.clear()
    answer = python.site.present("2.20.0", **offline(python, server))
    assert answer["session"]["greeting"] == "Hello, TensorFlow!"
    assert python.site.index.requests == []
    assert any(path.endswith("/uv/") for path in server.asked)
    assert {path.rpartition("/")[2].split("-")[0] for path in manifest(folder) if path.endswith(".whl")} == {
        "numpy",
        "pip",
        "tensorflow_cpu",
        "uv",
    }


def test_a_damaged_wheel_is_refused_and_yesterday_s_environment_stays(
    python: Python, folder: Path, fill: Fill, server: Server
) -> None:
    hosts = {"web1": python.host(), "web2": python.host(requirements=["tensorflow-cpu==2.21.0", "pip"])}
    fill(hosts)
    python.site.present("2.20.0", **offline(python, server))
    before = python.site.current
    (wheel,) = folder.rglob("tensorflow_cpu-2.21.0*.whl")
    with zipfile.ZipFile(wheel) as archive:
        largest = max(archive.infolist(), key=lambda member: member.compress_size)
    content = bytearray(wheel.read_bytes())
    content[largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2] ^= 1
    wheel.write_bytes(content)
    answer = python.site.try_present("2.21.0", **offline(python, server))
    assert answer["failed"]
    assert "a download is not the file that was expected" in answer["msg"]
    assert len(answer["msg"].splitlines()) == 1
    assert python.site.current == before
    assert python.site.ask("import tensorflow; print(tensorflow.__version__)") == "2.20.0"
    fill(hosts)
    python.site.present("2.21.0", **offline(python, server))


def test_a_page_goes_on_naming_what_other_hosts_need(python: Python, folder: Path, fill: Fill) -> None:
    hosts = {"web1": python.host(), "web2": python.host(requirements=["tensorflow-cpu==2.21.0", "pip"])}
    fill(hosts)
    (page,) = folder.rglob("tensorflow-cpu/index.html")
    both = page.read_text()
    assert ("2.20.0" in both, "2.21.0" in both) == (True, True)
    fill({"web1": hosts["web1"]}, unasked=["web2"], prune=True)
    assert page.read_text() == both
    fill({"web1": hosts["web1"]}, prune=True)
    assert "2.21.0" not in page.read_text()
    assert not list(folder.rglob("tensorflow_cpu-2.21.0*"))


def test_a_login_of_the_index_is_used_and_written_nowhere(python: Python, folder: Path, fill: Fill) -> None:
    python.site.index.login = ("me", "secret")
    index = python.site.index.url.replace("://", "://me:secret@")
    hosts = {"web1": python.host(indexes=[index])}
    assert fill(hosts)["changed"]
    assert list(folder.rglob("tensorflow_cpu-2.20.0*.whl"))
    for file in folder.rglob("*"):
        assert "secret" not in str(file)
        assert file.is_dir() or b"secret" not in file.read_bytes()
    assert not fill(hosts, unasked=["web2"])["changed"]


class Source(Wheel):
    """A source distribution, which tells its needs without being built."""

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.tar.gz"

    @cached_property
    def content(self) -> bytes:
        out, stem = io.BytesIO(), f"{self.name}-{self.version}"
        told = f"Metadata-Version: 2.2\nName: {self.name}\nVersion: {self.version}\n".encode()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, text in (("PKG-INFO", told), ("pyproject.toml", b'[build-system]\nrequires = ["setuptools"]\n')):
                member = tarfile.TarInfo(f"{stem}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
        return out.getvalue()


def test_what_has_no_wheel_is_held_as_source_with_its_tools(python: Python, folder: Path, fill: Fill) -> None:
    tools = [Wheel(name, "80.0", {f"{name}.py": ""}) for name in ("setuptools", "wheel")]
    python.site.index.add(Source("demo", "1.0", {}), *tools)
    answer = fill({"web1": python.host(requirements=["demo==1.0"])})
    (sentence,) = answer["lacking"]
    assert sentence.startswith(
        "web1: what demo 1.0 is built with, other than setuptools and wheel: it has no wheel for"
    )
    names = {path.rpartition("/")[2] for path in manifest(folder)}
    assert {"demo-1.0.tar.gz", "setuptools-80.0-py3-none-any.whl", "wheel-80.0-py3-none-any.whl"} <= names


def test_a_release_that_the_index_has_not_is_one_sentence(python: Python, fill: Fill) -> None:
    with pytest.raises(
        BundleError, match=r"^web1: tensorflow-cpu==9\.0 for Python 3\.\d+ cannot be resolved: "
    ) as refusal:
        fill({"web1": python.host(requirements=["tensorflow-cpu==9.0"])})
    assert len(str(refusal.value).splitlines()) == 1


def test_an_installer_that_is_not_the_tables_is_refused(python: Python, fill: Fill) -> None:
    installer = {**python.need["installer"], "sha256": "0" * 64}
    with pytest.raises(BundleError, match=r"names uv-.* with SHA-256 \w{64}, and the tables 0{64}$"):
        fill({"web1": python.host(installer=installer)})


def test_pythons_that_uv_does_not_resolve_are_told(python: Python, fill: Fill) -> None:
    assert fill({"web1": python.host(python="2.7")})["lacking"] == [
        "web1: the packages of Python 2.7, which uv does not resolve"
    ]


def test_a_wheel_by_its_address(python: Python, origin: Origin, folder: Path, fill: Fill, server: Server) -> None:
    wheel = tensorflow_wheel.tensorflow("2.22.0")
    origin.contents[f"/own/{wheel.file}"] = wheel.content
    url = f"{origin.url}/own/{wheel.file}"
    fill(
        {
            "web1": python.host(
                requirements=[f"tensorflow-cpu @ {url}", "pip"], wheel={"url": url, "sha256": wheel.sha256}
            )
        }
    )
    origin.asked.clear()
    asked = {"url": url, "sha256": wheel.sha256}
    answer = python.site.present("2.22.0", wheel=asked, **offline(python, server))
    assert answer["wheel"]["checked"]
    assert origin.asked == []


# -- images -------------------------------------------------------------------------------------------------------------

IMAGE = {"image": {"reference": "tensorflow/tensorflow:2.21.0", "architecture": "x86_64"}}
ARCHIVE = "images/tensorflow_tensorflow_2.21.0-amd64.tar"


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: Fill) -> Path:
    """A stand-in for podman, which writes down what it is told, and an archive where it is to save one."""
    log, program = tmp_path / "podman.log", tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{log}\n[ "$1" != save ] || echo archive >"$5"\n[ ! -e {log}.fails ] || {{ echo why >&2; exit 1; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(bundle_images, "tool", lambda: "podman")
    return log


def test_an_image_is_pulled_once_for_the_hosts_platform(podman: Path, folder: Path, fill: Fill) -> None:
    assert fill({"web1": IMAGE, "web2": IMAGE})["changed"]
    pull, save = podman.read_text().splitlines()
    assert pull == "pull --platform linux/amd64 docker.io/tensorflow/tensorflow:2.21.0"
    assert save.startswith("save --format docker-archive --output ")
    assert (folder / ARCHIVE).read_text() == "archive\n"
    assert manifest(folder)[ARCHIVE]["hosts"] == ["web1", "web2"]
    assert not fill({"web1": IMAGE, "web2": IMAGE})["changed"]
    assert len(podman.read_text().splitlines()) == 2
    (folder / ARCHIVE).write_text("damaged")
    fill({"web1": IMAGE})
    assert (folder / ARCHIVE).read_text() == "archive\n"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("tensorflow/tensorflow:2.21.0", "docker.io/tensorflow/tensorflow:2.21.0"),
        ("ubuntu", "docker.io/ubuntu"),
        ("registry.example.org/tensorflow:2.21.0", "registry.example.org/tensorflow:2.21.0"),
        ("registry:5000/tensorflow", "registry:5000/tensorflow"),
        ("localhost/tensorflow", "localhost/tensorflow"),
    ],
)
def test_podman_is_told_the_registry_which_the_others_take_docker_hub_for(
    given: str, asked: str, tmp_path: Path
) -> None:
    assert {command[-1] for command in bundle_images.commands("podman", given, "amd64", tmp_path)} == {asked}
    assert {command[-1] for command in bundle_images.commands("docker", given, "amd64", tmp_path)} == {given}


def test_an_image_that_cannot_be_had_is_told(podman: Path, folder: Path, fill: Fill) -> None:
    podman.with_name("podman.log.fails").touch()
    answer = fill({"web1": IMAGE})
    assert answer["lacking"] == ["podman cannot fetch the image tensorflow/tensorflow:2.21.0: why"]
    assert not list((folder / "images").iterdir())


def test_without_a_tool_images_are_told_and_those_that_are_there_stay(
    podman: Path, folder: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill({"web1": IMAGE})
    monkeypatch.setattr(bundle_images, "tool", lambda: None)
    assert fill({"web1": IMAGE}, prune=True)["lacking"] == []
    (folder / ARCHIVE).unlink()
    (sentence,) = fill({"web1": IMAGE})["lacking"]
    assert sentence.startswith(
        "the images tensorflow/tensorflow:2.21.0: this machine has none of skopeo, docker and podman"
    )
