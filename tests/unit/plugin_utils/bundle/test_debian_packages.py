# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages of a bundle. apt-get and gpgv are real; the repository is made here, and signed by a key that is made here."""

from __future__ import annotations

import base64
import gzip
import hashlib
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import debian_packages
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import requirements as bundle_needs
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.fetch import Fetcher
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError, Item

from tests.unit.plugin_utils.bundle.http_origin import Origin

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "gpg", "gpgv"))), reason="apt-get, gpg or gpgv is not on this machine"
)
RELEASE = """Origin: Test
Suite: stable
Codename: stable
Components: main
Architectures: amd64
Date: Fri, 20 Nov 2026 20:00:00 UTC
Valid-Until: Fri, 27 Nov 2126 20:00:00 UTC
Acquire-By-Hash: yes
SHA256:
"""
PACKAGES = {
    "demo": ("1.0", "libdemo"),
    "libdemo": ("1.0", ""),
    "libdemo+new": ("2:1.0~rc1", ""),
    "tool": ("1.0", "demo"),
}


@dataclass
class Repository:
    """A signed repository."""

    origin: Origin
    home: Path
    key: bytes = b""

    def publish(self, release: str = RELEASE) -> None:
        """Write its lists, and sign them."""
        stanzas = []
        for name, (version, needs) in PACKAGES.items():
            content = f"the package {name}".encode()
            file = f"pool/{name}_{version.partition(':')[2] or version}_amd64.deb"
            self.origin.contents[f"/debian/{file}"] = content
            lines = [f"Package: {name}", "Architecture: amd64", f"Version: {version}", f"Filename: {file}"]
            lines += [f"Depends: {needs}"] if needs else []
            lines += [f"Size: {len(content)}", f"SHA256: {hashlib.sha256(content).hexdigest()}", ""]
            stanzas += lines
        packages = "\n".join([*stanzas, ""]).encode()
        for name, content in (("Packages", packages), ("Packages.gz", gzip.compress(packages, mtime=0))):
            digest = hashlib.sha256(content).hexdigest()
            release += f" {digest} {len(content)} main/binary-amd64/{name}\n"
            place = "/debian/dists/stable/main/binary-amd64"
            self.origin.contents[f"{place}/{name}"] = self.origin.contents[f"{place}/by-hash/SHA256/{digest}"] = content
        signed = self._gpg("--clearsign", text=release.encode())
        self.origin.contents["/debian/dists/stable/InRelease"] = signed

    def publish_flat(self) -> None:
        """Write one of the form that NVIDIA's have: a directory with the packages in it, which are named ./NAME in its list."""
        content = b"the package flat"
        digest = hashlib.sha256(content).hexdigest()
        packages = (
            "Package: flat\nArchitecture: amd64\nVersion: 1.0\nFilename: ./flat_1.0_amd64.deb\n"
            f"Size: {len(content)}\nSHA256: {digest}\n\n"
        ).encode()
        release = "Date: Fri, 20 Nov 2026 20:00:00 UTC\nSHA256:\n"
        release += f" {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n"
        self.origin.contents["/flat/./flat_1.0_amd64.deb"] = content
        self.origin.contents["/flat/Packages"] = packages
        self.origin.contents["/flat/InRelease"] = self._gpg("--clearsign", text=release.encode())

    def make_key(self) -> None:
        """Make the key."""
        self._gpg("--quick-generate-key", "test@example.org", "rsa2048", "sign", "never")
        self.key = self._gpg("--export")

    def _gpg(self, *arguments: str, text: bytes = b"") -> bytes:
        command = [
            "gpg",
            "--homedir",
            str(self.home),
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]
        return subprocess.run([*command, *arguments], input=text, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("gpg")
    directory.chmod(0o700)
    yield directory
    subprocess.run(["gpgconf", "--homedir", str(directory), "--kill", "all"], check=True)


@pytest.fixture(scope="module")
def signer(home: Path) -> Repository:
    made = Repository(Origin(), home)
    made.make_key()
    return made


@pytest.fixture
def repository(no_settings: None, signer: Repository) -> Iterator[Repository]:
    with Origin() as origin:
        made = Repository(origin, signer.home, signer.key)
        made.publish()
        yield made


def host(repository: Repository, status: str = "", **changes: Any) -> dict[str, Any]:
    """What a host tells of itself."""
    line = f"deb [signed-by=/usr/share/keyrings/test.gpg] {repository.origin.url}/debian stable main\n"
    return {
        "architecture": "amd64",
        "sources": {"/etc/apt/sources.list": line},
        "preferences": {},
        "keys": {"/usr/share/keyrings/test.gpg": base64.b64encode(repository.key).decode()},
        "status": base64.b64encode(zlib.compress(status.encode())).decode(),
        **changes,
    }


def need(repository: Repository, *packages: str, status: str = "", **changes: Any) -> dict[str, Any]:
    return {"apt": {"host": host(repository, status, **changes), "packages": list(packages), "repositories": []}}


def found(hosts: dict[str, Any]) -> tuple[dict[str, Item], list[str], str | None]:
    needs, until = bundle_needs.debian(hosts, Fetcher(timeout=5, retries=0), lambda _line: None)
    return {item.path.partition("/debian/")[2]: item for item in needs.items}, list(needs.lacking), until


def installed(name: str, version: str = "1.0") -> str:
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"


def test_a_flat_repository_s_packages_lie_where_a_server_looks_for_them(repository: Repository) -> None:
    repository.publish_flat()
    line = f"deb [signed-by=/usr/share/keyrings/test.gpg] {repository.origin.url}/flat /\n"
    hosts = {"one": need(repository, "flat", sources={"/etc/apt/sources.list": line})}
    needs, _until = bundle_needs.debian(hosts, Fetcher(timeout=5, retries=0), lambda _line: None)
    assert needs.lacking == ()
    paths = {item.path.partition("/")[2] for item in needs.items}
    assert {path for path in paths if "/by-hash/" not in path} == {
        "flat/InRelease",
        "flat/Packages",
        "flat/flat_1.0_amd64.deb",
    }


def test_packages_with_what_they_need_and_the_lists_that_vouch_for_them(repository: Repository) -> None:
    items, lacking, until = found({"web1": need(repository, "demo", "libdemo+new")})
    lists = {path for path in items if path.startswith("dists/")}
    digest = items["dists/stable/main/binary-amd64/Packages.gz"].sha256
    assert lists == {
        "dists/stable/InRelease",
        "dists/stable/main/binary-amd64/Packages.gz",
        f"dists/stable/main/binary-amd64/by-hash/SHA256/{digest}",
    }
    assert set(items) - lists == {
        "pool/demo_1.0_amd64.deb",
        "pool/libdemo_1.0_amd64.deb",
        "pool/libdemo+new_1.0~rc1_amd64.deb",
    }
    assert items["dists/stable/InRelease"].content == repository.origin.contents["/debian/dists/stable/InRelease"]
    assert items["pool/demo_1.0_amd64.deb"].sha256 == hashlib.sha256(b"the package demo").hexdigest()
    assert (lacking, until) == ([], "Fri, 27 Nov 2126 20:00:00 UTC")


def test_what_a_host_has_may_have_to_move_along(repository: Repository) -> None:
    """tool 0.9 is there and wants demo 0.9, so apt takes the newer tool with the newer demo."""
    status = installed("tool", "0.9").replace("Version: 0.9", "Version: 0.9\nDepends: demo (= 0.9)") + installed(
        "demo", "0.9"
    )
    items, _, _ = found({"web1": need(repository, "demo=1.0", status=status)})
    assert "pool/tool_1.0_amd64.deb" in items
    assert items["pool/tool_1.0_amd64.deb"].hosts == {"web1"}


def test_hosts_of_one_kind_are_asked_about_once(repository: Repository) -> None:
    items, _, _ = found({"web1": need(repository, "demo"), "web2": need(repository, "demo", "tool")})
    assert repository.origin.paths().count("/debian/dists/stable/InRelease") == 1
    assert items["dists/stable/InRelease"].hosts == {"web1", "web2"}
    assert "pool/tool_1.0_amd64.deb" in items


def test_a_signature_of_another_key_is_not_taken(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    other = Repository(Origin(), tmp_path / "other")
    other.make_key()
    keys = {"/usr/share/keyrings/test.gpg": base64.b64encode(other.key).decode()}
    with pytest.raises(BundleError) as refusal:
        found({"web1": need(repository, "demo", keys=keys)})
    subprocess.run(["gpgconf", "--homedir", str(other.home), "--kill", "all"], check=True)
    assert "the lists of packages cannot be fetched" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_lists_that_were_changed_on_their_way_are_not_taken(repository: Repository) -> None:
    for path in [path for path in repository.origin.contents if "/binary-amd64/" in path]:
        repository.origin.contents[path] = gzip.compress(b"Package: evil\n")
    with pytest.raises(BundleError) as refusal:
        found({"web1": need(repository, "demo")})
    assert len(str(refusal.value).splitlines()) == 1


def test_a_package_that_no_repository_has_is_one_sentence(repository: Repository) -> None:
    with pytest.raises(
        BundleError,
        match=r"^apt finds no way to install what the plans of web1 name: no repository of this host has none",
    ):
        found({"web1": need(repository, "none-such")})


def test_sources_that_only_the_host_can_read_are_left_out(repository: Repository, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    sources = {
        **host(repository)["sources"],
        "/etc/apt/sources.list.d/disc.list": "deb cdrom:[Debian]/ stable main\ndeb [trusted=yes] file:/srv/none ./\n",
        "/etc/apt/sources.list.d/ours.list": "deb [trusted=yes] mirror+file:/etc/apt/mirrors.txt stable main\n",
        "/etc/apt/sources.list.d/disc.sources": f"Types: deb\nURIs: copy:{mine}\nSuites: ./\nTrusted: yes\n",
    }
    items, _, _ = found({"web1": need(repository, "demo", sources=sources)})
    assert {item.url.partition("/debian")[0] for item in items.values()} == {repository.origin.url}


def test_a_role_s_repository_is_named_once(repository: Repository) -> None:
    """The host has it already, with the keyring that the role has put there."""
    asked = need(repository, "demo")
    fingerprint = subprocess.run(
        ["gpg", "--homedir", str(repository.home), "--batch", "--with-colons", "--list-keys"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("fpr:::::::::")[1][:40]
    repository.origin.contents["/debian/key"] = repository.key
    asked["apt"]["repositories"] = [
        {
            "url": f"{repository.origin.url}/debian",
            "suite": "stable",
            "components": ["main"],
            "fingerprint": fingerprint,
            "given_key": "",
            "key_url": f"{repository.origin.url}/debian/key",
        }
    ]
    items, _, _ = found({"web1": asked})
    assert items["key"].content == repository.key
    assert "pool/demo_1.0_amd64.deb" in items
    asked["apt"]["repositories"][0]["fingerprint"] = "0" * 40
    with pytest.raises(BundleError, match=r"/debian/key holds the key .*, not 0{40}"):
        found({"web1": asked})


def test_what_is_installed_is_lacking_no_more() -> None:
    status = (
        installed("demo") + installed("other") + installed("half").replace("ok installed", "ok unpacked")
    ).encode()
    requests = ["demo", "demo=1.0", "other=2.0", "half", "none"]
    assert debian_packages.lacking(requests, status, "amd64") == ["other=2.0", "half", "none"]
    assert debian_packages.lacking(["demo"], status, "arm64") == ["demo"]
