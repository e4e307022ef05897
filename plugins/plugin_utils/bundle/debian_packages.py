# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages of a bundle: apt itself resolves them in a root of its own, with a host's sources, keys and packages.

What the origin has signed goes into the bundle unchanged, so hosts verify it as they would verify the origin.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError, Item, made

COMPRESSIONS = (".xz", ".bz2", ".gz", "")
_FORMAT = "$(BASE_URI)|$(METAKEY)|$(FILENAME)|$(BY_HASH)|$(CREATED_BY)"
_URI = re.compile(r"^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})", re.MULTILINE)
_SUM = re.compile(r"^ ([0-9a-f]{64})\s+(\d+)\s+(\S+)$", re.MULTILINE)
# A source that only its own machine can read; asked for here, it would be something of the control node's.
_LOCAL = re.compile(r"(?i)(file|copy|cdrom|rsh|ssh|store|mirror\+file):|/")
_CONFIGURATION = """Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::List-Cleanup "false";
Acquire::Languages {{ "en"; }};
Acquire::ForceHash "SHA256";
Acquire::Retries "3";
"""


@dataclass(frozen=True, slots=True)
class Index:
    """A list of packages: where it lies, whole and by its hash."""

    urls: tuple[str, ...]
    sha256: str
    size: int


class Root:
    """A root directory in which apt finds a host's sources and keys, and nothing of this machine's."""

    def __init__(self, directory: Path, host: Mapping[str, Any], repositories: Sequence[Mapping[str, Any]]) -> None:
        self._directory = directory
        self._configuration = directory / "apt.conf"
        for part in ("etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d"):
            (directory / part).mkdir(parents=True)
        for part in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg", "keys"):
            (directory / part).mkdir(parents=True)
        self.status(b"")
        self._configuration.write_text(_CONFIGURATION.format(root=directory, architecture=host["architecture"]))
        self._sources(host, {apt_sources.address(one["url"]) for one in repositories})
        for number, repository in enumerate(repositories):
            self._repository(number, repository, str(host["architecture"]))

    def _sources(self, host: Mapping[str, Any], ours: Collection[str]) -> None:
        def unwanted(place: str) -> str:
            if place in ours:  # apt wants one key for it
                return "the repository of a role"
            return "only that host can read it" if _LOCAL.match(place) else ""

        places = {}
        for path, content in host["keys"].items():
            place = self._directory / ("etc/apt/trusted.gpg.d" if "/trusted.gpg" in path else "keys")
            place /= path.strip("/").replace("/", "_")
            place.write_bytes(base64.b64decode(content))
            places[path] = str(place)
        for path, text in host["sources"].items():
            text, _ = apt_sources.without(text, path.endswith(".sources"), unwanted)
            for key, there in places.items():
                text = re.sub(rf"(?<=[\s=,]){re.escape(key)}(?=[\s\],]|$)", there, text, flags=re.MULTILINE)
            (self._directory / path.strip("/")).write_text(text)
        for path, text in host["preferences"].items():
            (self._directory / path.strip("/")).write_text(text)

    def _repository(self, number: int, repository: Mapping[str, Any], architecture: str) -> None:
        name = f"tensorwright-bundle-{number}"
        key = self._directory / "keys" / f"{name}.gpg"
        key.write_bytes(repository["key"])
        place = " ".join([repository["url"], repository["suite"], *repository["components"]])
        source = self._directory / "etc/apt/sources.list.d" / f"{name}.list"
        source.write_text(f"deb [arch={architecture} signed-by={key}] {place}\n")
        if repository.get("pins"):
            (self._directory / "etc/apt/preferences.d" / name).write_text(repository["pins"])

    def status(self, content: bytes) -> None:
        """Let these be the packages that are installed, as dpkg writes them down; none is a host without any."""
        (self._directory / "var/lib/dpkg/status").write_bytes(content)

    def update(self) -> str:
        """Fetch the signed lists; return what apt had to complain about, if it had. Raises BundleError."""
        return package_set.unfetched(self._run("update", why="the lists of packages cannot be fetched"))

    def packages(self, requests: Sequence[str], hosts: Iterable[str], why: str) -> list[Item]:
        """The packages that apt would fetch for these requests. Raises BundleError."""
        options = ["--yes", "--no-install-recommends", "--allow-change-held-packages", "--allow-downgrades"]
        printed = self._run(*options, "--print-uris", "install", *requests, why=why)
        for line in re.findall(r"^'.*", printed, re.MULTILINE):
            if not _URI.match(line):
                raise BundleError(f"{why}: the repository tells no SHA-256 of {line.split()[1]}")
        needing = frozenset(hosts)
        return [Item(url, needing, sha256, int(size)) for url, _name, size, sha256 in _URI.findall(printed)]

    def indexes(self, hosts: Iterable[str]) -> tuple[list[Item], list[Index], str | None]:
        """What apt on a host reads first: what is signed, the lists that it names, and until when they count."""
        signed: list[Item] = []
        lists: dict[str, Index] = {}
        until: list[str] = []
        seen: dict[str, dict[str, tuple[str, int]]] = {}
        for line in self._run("indextargets", "--format", _FORMAT, why="apt names no lists").splitlines():
            base, key, file, by_hash, maker = line.split("|")
            if maker not in ("Packages", "Translations"):
                continue
            if base not in seen:
                seen[base], texts = {}, self._signed(base, key, Path(file))
                for name, content in texts.items():
                    signed.append(made(base + name, content, hosts))
                    seen[base].update(sums(content.decode("utf-8", "replace")))
                    until += re.findall(r"^Valid-Until: (.+)$", content.decode("utf-8", "replace"), re.MULTILINE)
            index = _index(base, key, by_hash == "yes", seen[base])
            if index:
                lists[index.urls[0]] = index
        return signed, list(lists.values()), min(until, key=moment, default=None)

    def _signed(self, base: str, key: str, file: Path) -> dict[str, bytes]:
        prefix = str(file).removesuffix(re.sub("/", "_", key))
        found = {}
        for name in ("InRelease", "Release", "Release.gpg"):
            there = Path(prefix + name)
            if there.is_file():
                found[name] = there.read_bytes()
        if not found:
            raise BundleError(f"{base}: apt keeps no signed list of it")
        return found

    def _run(self, *words: str, why: str) -> str:
        try:
            return package_set.run(["env", f"APT_CONFIG={self._configuration}", "apt-get", *words])
        except package_set.PackagesError as error:
            raise BundleError(f"{why}: {package_set.complaint(error)}") from error


def sums(release: str) -> dict[str, tuple[str, int]]:
    """Name → SHA-256 and size of what a Release file vouches for."""
    part = re.search(r"^SHA256:\n((?: .*\n?)*)", release, re.MULTILINE)
    return {name: (digest, int(size)) for digest, size, name in _SUM.findall(part.group(1) if part else "")}


def _index(base: str, key: str, by_hash: bool, known: Mapping[str, tuple[str, int]]) -> Index | None:
    for ending in COMPRESSIONS:
        if key + ending in known:
            digest, size = known[key + ending]
            directory = f"{key.rpartition('/')[0]}/".lstrip("/")
            urls = [f"{base}{directory}by-hash/SHA256/{digest}"] if by_hash else []
            return Index((*urls, f"{base}{key}{ending}"), digest, size)
    return None


def moment(date: str) -> float:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(date.replace("UTC", "GMT")).timestamp()


def items(indexes: Iterable[Index], hosts: Iterable[str]) -> Iterator[Item]:
    """The lists as objects; those of one hash are fetched once."""
    needing = frozenset(hosts)
    for index in indexes:
        for url in index.urls:
            yield Item(quote(url, safe=":/%+~"), needing, index.sha256, index.size)


def installed(status: str) -> bytes:
    """dpkg's status as a host has sent it."""
    return zlib.decompress(base64.b64decode(status))


def lacking(requests: Iterable[str], status: bytes, architecture: str) -> list[str]:
    """The requests that the host does not meet yet, as the role's module would see it."""
    there = {}
    for paragraph in status.decode("utf-8", "replace").split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.+)$", paragraph, re.MULTILINE))
        if fields.get("Architecture") in (architecture, "all") and fields.get("Status", "").endswith(" installed"):
            there[fields["Package"]] = fields.get("Version", "")
    return package_set.missing(requests, there)
