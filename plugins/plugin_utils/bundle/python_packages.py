# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python packages of a bundle: which file of a package index suits a host, and pages that offer nothing else."""

from __future__ import annotations

import html
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError, path_of
from packaging import tags as pep425
from packaging.utils import canonicalize_name, parse_wheel_filename

# What uv takes for --python-platform; of a newer glibc, the newest of them.
UV_GLIBCS = (17, 28, *range(31, 41))
UV_FLOOR = (3, 6)  # of --python-version
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_LINK = re.compile(r"<a\s+([^>]*)>([^<]*)</a>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(["'])(.*?)\2""", re.DOTALL)
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:==\s*([^\s;\\]+)|@\s*(\S+))")


@dataclass(frozen=True, slots=True)
class File:
    """A file that an index offers."""

    name: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: str | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A package of a resolution: one version of the index's, or a file by its address."""

    name: str
    version: str | None
    url: str | None
    hashes: frozenset[str]


def platform(architecture: str, glibc: str) -> str:
    """The host's platform in uv's words."""
    minor = int(glibc.split(".")[1])
    return f"{architecture}-manylinux_2_{max((one for one in UV_GLIBCS if one <= minor), default=UV_GLIBCS[0])}"


def tags(python: str, architecture: str, glibc: str) -> dict[pep425.Tag, int]:
    """Tag → rank of the wheels that a host's Python takes, the best first."""
    major, minor = map(int, python.split("."))
    platforms = []
    for one in range(int(glibc.split(".")[1]), 4, -1):
        platforms.append(f"manylinux_2_{one}_{architecture}")
        if one in _LEGACY:
            platforms.append(f"{_LEGACY[one]}_{architecture}")
    platforms.append(f"linux_{architecture}")
    abis = [f"cp{major}{minor}" + ("m" if (major, minor) < (3, 8) else "")]
    ordered = [
        *pep425.cpython_tags((major, minor), abis, platforms),
        *pep425.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(ordered)))}


def pins(resolution: str) -> list[Pin]:
    """The packages that uv's `pip compile --generate-hashes` has printed."""
    found = []
    for line in resolution.replace("\\\n", " ").splitlines():
        match = _PINNED.match(line)
        if match:
            name, version, url = match.groups()
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
            found.append(Pin(canonicalize_name(name), version, url, hashes))
    return found


def offers(body: str, base: str, is_json: bool) -> list[File]:
    """The files on a project's page of an index (PEP 691 JSON or PEP 503 HTML)."""
    if is_json:
        return [
            File(
                one["filename"],
                urljoin(base, one["url"]),
                one["hashes"].get("sha256"),
                one.get("size"),
                one.get("requires-python"),
            )
            for one in json.loads(body)["files"]
        ]
    found = []
    for attributes, text in _LINK.findall(body):
        values = {name.lower(): html.unescape(value) for name, _quote, value in _ATTRIBUTE.findall(attributes)}
        url, fragment = urldefrag(urljoin(base, values.get("href", "")))
        digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
        name = unquote(urlsplit(url).path.rpartition("/")[2]) or html.unescape(text).strip()
        found.append(File(name, url, digest, None, values.get("data-requires-python")))
    return found


def choose(pin: Pin, files: Iterable[File], ranks: Mapping[pep425.Tag, int]) -> File | None:
    """The file that an installer on the host would take: the best wheel, else the source; None where there is neither."""
    there = [file for file in files if file.sha256 in pin.hashes]
    wheels = []
    for file in there:
        if file.name.endswith(".whl"):
            _name, _version, build, its = parse_wheel_filename(file.name)
            fitting = [ranks[tag] for tag in its if tag in ranks]
            if fitting:
                wheels.append((min(fitting), tuple(-part if isinstance(part, int) else 0 for part in build[:1]), file))
    if wheels:
        return min(wheels, key=lambda one: one[:2])[2]
    sources = [file for file in there if file.name.endswith((".tar.gz", ".zip", ".tar.bz2"))]
    return min(sources, key=lambda file: not file.name.endswith(".tar.gz"), default=None)


def by_name(name: str, files: Iterable[File]) -> File | None:
    """The file of that very name."""
    return next((file for file in files if file.name == name), None)


def page_url(index: str, project: str) -> str:
    """The address of a project's page."""
    return f"{index.rstrip('/')}/{canonicalize_name(project)}/"


def metadata(wheel: Path) -> bytes | None:
    """What a wheel says of itself, for a file of its own beside it (PEP 658); None where the wheel is not there or none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return archive.read(name)
    except (OSError, StopIteration, zipfile.BadZipFile):
        return None


def page(address: str, files: Sequence[File], told: Mapping[str, str]) -> bytes:
    """A project's page that offers these files, with links that hold wherever the folder is served.

    told: file's name → SHA-256 of what it says of itself, where that is beside it.
    """
    up = "../" * path_of(address).count("/")
    lines = ["<!DOCTYPE html>", "<title>Links</title>"]
    for file in sorted(files, key=lambda one: one.name):
        link = html.escape(up + quote(path_of(file.url)) + (f"#sha256={file.sha256}" if file.sha256 else ""))
        python = f' data-requires-python="{html.escape(file.requires_python)}"' if file.requires_python else ""
        if file.name in told:
            python += f' data-core-metadata="sha256={told[file.name]}"'
        lines.append(f'<a href="{link}"{python}>{html.escape(file.name)}</a><br>')
    return "\n".join([*lines, ""]).encode()


def requirements(need: Mapping[str, object]) -> Iterator[str]:
    """What the installer is asked for on the host, as the role tensorflow_pip asks."""
    installer, wanted = need["installer"], need["requirements"]
    if not isinstance(installer, Mapping) or not isinstance(wanted, Sequence):
        raise BundleError("a host's needs have no installer or no requirements")
    for one in wanted:
        yield f"pip=={installer['version']}" if one == "pip" and installer["name"] == "pip" else str(one)
