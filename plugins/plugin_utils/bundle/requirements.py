# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of many hosts come to: each distinct question asked once, of the package index, of apt, or of the tables."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import nvidia_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers as installer
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import debian_packages, python_packages
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.fetch import Fetcher
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import (
    BundleError,
    Item,
    Needs,
    digest,
    made,
    of_hosts,
    path_of,
    without_login,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.python_packages import File
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

PAGES_AT_ONCE = 8
Hosts = Mapping[str, Mapping[str, Any]]
Tell = Callable[[str], None]
BUILD_TOOLS = ("setuptools", "wheel")  # what most sources need that have no wheel


def grouped(hosts: Hosts, part: str) -> list[tuple[Any, list[str]]]:
    """Each distinct value that a part of the hosts' needs has, with the hosts that have it."""
    found: dict[str, tuple[Any, list[str]]] = {}
    for host in sorted(hosts):
        value = hosts[host].get(part)
        if value:
            found.setdefault(json.dumps(value, sort_keys=True), (value, []))[1].append(host)
    return list(found.values())


def named(hosts: Sequence[str]) -> str:
    """The hosts in a sentence."""
    return ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")


def with_login_of(page: str, url: str) -> str:
    """A file's address with the login of the page that names it, where both are of one server."""
    login, _, server = urlsplit(page).netloc.rpartition("@")
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{server}").geturl() if login and parts.netloc == server else url


# -- installers -----------------------------------------------------------------------------------------------------------


def installers(hosts: Hosts) -> Needs:
    """Standalone Pythons, Miniforge, bazelisk: the tables know their hashes."""
    items = [
        Item(one["url"], frozenset(names), one["sha256"].lower())
        for files, names in grouped(hosts, "files")
        for one in files
    ]
    lacking = [
        f"{named(names)}: {sentence}" for sentences, names in grouped(hosts, "lacking") for sentence in sentences
    ]
    return Needs(tuple(items), tuple(lacking))


# -- Python packages ------------------------------------------------------------------------------------------------------


class Index:
    """Package indexes, each page of which is asked for once."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._pages: dict[str, list[File]] = {}
        self.used: dict[str, dict[str, tuple[File, set[str]]]] = {}  # page → file's name → file, hosts

    def files(self, page: str) -> list[File]:
        """What a project's page offers; nothing where the index does not know the project."""
        if page not in self._pages:
            try:
                offered = python_packages.offers(*self._fetcher.text(page))
                self._pages[page] = [replace(file, url=with_login_of(page, file.url)) for file in offered]
            except BundleError as error:
                if "404" not in str(error):
                    raise
                self._pages[page] = []
        return self._pages[page]

    def look(self, pages: Iterable[str]) -> None:
        """Ask for several pages at once."""
        with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
            list(pool.map(self.files, pages))

    def take(self, page: str, file: File, hosts: Iterable[str]) -> Item:
        """Let the bundle hold a file, and its page name it."""
        page = without_login(page)
        self.used.setdefault(page, {}).setdefault(file.name, (file, set()))[1].update(hosts)
        return Item(file.url, frozenset(hosts), file.sha256, file.size, None, page, file.requires_python)

    def keep(self, entry: Mapping[str, Any], hosts: Collection[str]) -> None:
        """Let a page go on naming what an earlier run fetched for hosts that this one does not ask."""
        needing = of_hosts(entry["hosts"], hosts)
        if needing and entry.get("page"):
            name = str(entry["path"]).rpartition("/")[2]
            file = File(name, entry["url"], entry["sha256"], entry["size"], entry.get("requires_python"))
            self.take(str(entry["page"]), file, needing)

    def pages(self, directory: Path) -> Iterator[Item]:
        """The pages of the bundle, and what the wheels that are in its folder say of themselves."""
        for page, files in self.used.items():
            told = {}
            for file, hosts in files.values():
                content = (
                    python_packages.metadata(directory / path_of(file.url)) if file.name.endswith(".whl") else None
                )
                if content is not None:
                    item = made(f"{file.url}.metadata", content, hosts)
                    told[file.name] = str(item.sha256)
                    yield item
            needing = {host for _file, hosts in files.values() for host in hosts}
            yield made(page, python_packages.page(page, [file for file, _hosts in files.values()], told), needing)


class Resolver(installer.Uv):
    """uv on the control node, which resolves for hosts of other platforms and other Pythons."""

    def resolve(self, need: Mapping[str, Any], wanted: Sequence[str], constraints: Sequence[str]) -> str:
        """What a host's installer would choose, with all hashes. Raises BundleError."""
        with self.workplace() as place:
            asked, bounds, out = (Path(place, name) for name in ("requirements.in", "constraints.txt", "out.txt"))
            asked.write_text("".join(f"{one}\n" for one in wanted))
            bounds.write_text("".join(f"{one}\n" for one in constraints))
            command = [self._program(), "pip", "compile", "--no-config", "--no-header", "--no-annotate", "--quiet"]
            command += ["--generate-hashes", "--python-version", need["python"]]
            command += ["--python-platform", python_packages.platform(need["architecture"], need["glibc"])]
            self.run([*command, "--constraint", str(bounds), "--output-file", str(out), str(asked)])
            return out.read_text()

    def seed(self, wheel: Path) -> None:
        """Use the wheel of uv that the bundle has."""
        if digest(wheel) == self.tool["wheel"]["sha256"]:
            self.held = wheel

    held: Path | None = None

    def fetch(self, project: str, wheel: dict[str, str], directory: str) -> str:
        """As ever, but from the bundle where it is there already."""
        if self.held is None:
            return super().fetch(project, wheel, directory)
        return shutil.copy(self.held, directory)


def own_uv() -> dict[str, Any]:
    """The uv of the tables for this machine, whatever hosts are. Raises BundleError."""
    uv = tables.load().uv
    wheel = uv.wheels.get(platform.machine())
    if wheel is None:
        raise BundleError(
            f"this machine is of {platform.machine()}, for which the tables have no uv; use one of x86_64 or aarch64"
        )
    return {"name": "uv", "version": uv.version, "wheel": {"file": wheel.file, "sha256": wheel.sha256}}


def resolver(need: Mapping[str, Any], place: Path, timeout: float, retries: int) -> Resolver:
    """The uv that resolves in the place of a host's installer."""
    tool, indexes = own_uv(), need["indexes"]
    site = {"index_url": indexes[0], "extra_index_urls": indexes[1:], "timeout": timeout, "retries": retries}
    (place / "tools").mkdir(exist_ok=True)
    return Resolver(tool, site, str(place / "tools"), str(place / "cache"), str(place / "uv.log"))


def tools(need: Mapping[str, Any], hosts: Sequence[str], index: Index) -> list[Item]:
    """The pinned wheels that install: uv, or pip, and virtualenv for Python 2.7. Raises BundleError."""
    own = need["installer"]
    wheels = [(own["name"], own["file"], own["sha256"])]
    wheels += [("virtualenv", own["virtualenv"]["file"], own["virtualenv"]["sha256"])]
    found = []
    for project, name, sha256 in wheels:
        if not name:
            continue
        page = python_packages.page_url(need["indexes"][0], project)
        file = python_packages.by_name(name, index.files(page))
        if file is None:
            raise BundleError(f"the package index {without_login(need['indexes'][0])} does not offer {name}")
        if file.sha256 not in (None, sha256):
            raise BundleError(f"{without_login(page)} names {name} with SHA-256 {file.sha256}, and the tables {sha256}")
        found.append(index.take(page, File(name, file.url, sha256, file.size, file.requires_python), hosts))
    return found


def packages(need: Mapping[str, Any], hosts: Sequence[str], index: Index, uv: Resolver) -> Needs:
    """The packages that an installer on these hosts would fetch. Raises BundleError."""
    if tuple(map(int, need["python"].split("."))) < python_packages.UV_FLOOR:
        return Needs((), (f"{named(hosts)}: the packages of Python {need['python']}, which uv does not resolve",))
    wanted = list(python_packages.requirements(need))
    if need["wheel"]:
        extra = wanted[0].partition(" @ ")[0]
        wanted[0] = f"{extra} @ {need['wheel']['url']}"
    if need["installer"]["name"] == "pip":  # it builds with what is in the environment
        wanted += BUILD_TOOLS
    items, sources = _files(need, _resolved(uv, need, wanted, hosts), hosts, index)
    if sources:
        more, _ = _files(need, _resolved(uv, {**need, "constraints": []}, BUILD_TOOLS, hosts), hosts, index)
        items += more
    lacking = [
        f"{named(hosts)}: what {name} is built with, other than setuptools and wheel: it has no wheel for Python {need['python']}"
        for name in sources
    ]
    return Needs(tuple(items), tuple(lacking))


def _resolved(uv: Resolver, need: Mapping[str, Any], wanted: Sequence[str], hosts: Sequence[str]) -> str:
    try:
        return uv.resolve(need, wanted, need["constraints"])
    except installer.InstallError as error:
        raise BundleError(
            f"{named(hosts)}: {wanted[0]} for Python {need['python']} cannot be resolved: {error}"
        ) from error


def _files(
    need: Mapping[str, Any], resolution: str, hosts: Sequence[str], index: Index
) -> tuple[list[Item], list[str]]:
    ranks = python_packages.tags(need["python"], need["architecture"], need["glibc"])
    items, sources = [], []
    pins = python_packages.pins(resolution)
    index.look(python_packages.page_url(need["indexes"][0], pin.name) for pin in pins if not pin.url)
    for pin in pins:
        if pin.url:
            sha256 = (need["wheel"] or {}).get("sha256") or None
            items.append(Item(pin.url, frozenset(hosts), sha256))
            continue
        file, page = _file(pin, need["indexes"], index, ranks)
        if not file.name.endswith(".whl"):
            sources.append(f"{pin.name} {pin.version}")
        items.append(index.take(page, file, hosts))
    return items, sources


def _file(pin: python_packages.Pin, indexes: Sequence[str], index: Index, ranks: Mapping[Any, int]) -> tuple[File, str]:
    for address in indexes:
        page = python_packages.page_url(address, pin.name)
        file = python_packages.choose(pin, index.files(page), ranks)
        if file:
            return file, page
    raise BundleError(
        f"no package index has a file of {pin.name} {pin.version} for this platform with the hash that uv names"
    )


# -- Debian packages ------------------------------------------------------------------------------------------------------


def debian(hosts: Hosts, fetcher: Fetcher, tell: Tell) -> tuple[Needs, str | None]:
    """The packages that apt would fetch on the hosts, the lists that it reads first, and until when those count."""
    items: list[Item] = []
    lacking: list[str] = []
    until: list[str] = []
    asking = {name: {**need["apt"], "same": _same(need["apt"])} for name, need in hosts.items() if need.get("apt")}
    for same, names in grouped(asking, "same"):
        tell(f"apt resolves for {named(names)}")
        with tempfile.TemporaryDirectory(prefix="tensorwright-bundle-") as place:
            repositories = []
            for one in same["repositories"]:
                key, item = _key(one, names, fetcher)
                repositories.append({**one, "key": key})
                items += item
            root = debian_packages.Root(Path(place).resolve() / "root", same["host"], repositories)
            unfetched = root.update()
            signed, lists, last = root.indexes(names)
            items += [*signed, *debian_packages.items(lists, names)]
            until += [last] if last else []
            found, more = _debs(root, {name: asking[name] for name in names}, unfetched)
            items += found
            lacking += more
    return Needs(tuple(items), tuple(lacking)), min(until, key=debian_packages.moment, default=None)


def _same(apt: Mapping[str, Any]) -> dict[str, Any]:
    host = {name: apt["host"][name] for name in ("architecture", "sources", "preferences", "keys")}
    return {"host": host, "repositories": apt["repositories"]}


def _key(repository: Mapping[str, Any], hosts: Sequence[str], fetcher: Fetcher) -> tuple[bytes, list[Item]]:
    given = repository.get("given_key")
    content = given.encode() if given else fetcher.content(repository["key_url"])
    origin = "the given key file" if given else repository["key_url"]
    try:
        key = nvidia_repository.certificate(content, repository["fingerprint"], origin)
    except nvidia_repository.RepositoryError as error:
        raise BundleError(str(error)) from error
    return key, [] if given else [made(repository["key_url"], content, hosts)]


def _debs(root: debian_packages.Root, hosts: Hosts, unfetched: str) -> tuple[list[Item], list[str]]:
    """For a host of this kind that has nothing yet, and for each as it is: what it has may have to move along."""
    items: list[Item] = []
    lacking: list[str] = []
    why = "; ".join(filter(None, ("apt finds no way to install what the plans of {} name", unfetched)))
    for requests, names in grouped(hosts, "packages"):
        for status, same in grouped({name: {"status": hosts[name]["host"]["status"]} for name in names}, "status"):
            content = debian_packages.installed(status)
            wanted = debian_packages.lacking(requests, content, hosts[names[0]]["host"]["architecture"])
            root.status(content)
            items += root.packages(wanted, same, why.format(named(same))) if wanted else []
        root.status(b"")
        try:
            items += root.packages(requests, names, "apt finds no way")
        except BundleError as error:
            lacking.append(f"what hosts like {named(names)} lack that have fewer packages: {error}")
    return items, lacking
