# SPDX-License-Identifier: GPL-3.0-or-later
"""What the package index says of a project: its files, and the metadata inside its wheels, without downloading them."""

from __future__ import annotations

import html
import io
import json
import os
import re
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cache
from typing import Any

DEFAULT = "https://pypi.org/simple"
ARCHITECTURES = ("x86_64", "aarch64")
_LINK = re.compile(r"<a\s([^>]*)>([^<]*)</a>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_JSON = "application/vnd.pypi.simple.v1+json"
_TIMEOUT = 60


@dataclass(frozen=True)
class File:
    """A file of a project."""

    name: str
    url: str
    sha256: str
    requires_python: str
    uploaded: str
    yanked: bool

    @property
    def version(self) -> str:
        return self.name.split("-")[1] if self.name.endswith(".whl") else ""

    @property
    def pythons(self) -> list[str]:
        """The CPython versions that a wheel is for."""
        tags = self.name.split("-")[-3].split(".") if self.name.endswith(".whl") else []
        return [f"{major}.{minor}" for tag in tags for major, minor in re.findall(r"^cp(\d)(\d+)$", tag)]

    @property
    def platform(self) -> str:
        """A wheel's platform tag."""
        return self.name.removesuffix(".whl").split("-")[-1] if self.name.endswith(".whl") else ""

    @property
    def architecture(self) -> str | None:
        """Which machine a Linux wheel is for."""
        return next((name for name in ARCHITECTURES if "linux" in self.platform and self.platform.endswith(name)), None)


def address() -> str:
    """The index to ask: the one that pip is told to use, or the public one."""
    return os.environ.get("PIP_INDEX_URL", DEFAULT).rstrip("/")


@cache
def files(project: str) -> tuple[File, ...]:
    """Every file of a project."""
    request = urllib.request.Request(f"{address()}/{project}/", headers={"Accept": f"{_JSON}, text/html;q=0.5"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        page = response.read().decode()
        is_json = response.headers.get_content_type() == _JSON
    return tuple(_from_json(page) if is_json else _from_html(page))


def _from_json(page: str) -> Iterator[File]:
    for found in json.loads(page)["files"]:
        yield File(
            name=found["filename"],
            url=found["url"],
            sha256=found["hashes"].get("sha256", ""),
            requires_python=found.get("requires-python") or "",
            uploaded=found.get("upload-time", "")[:10],
            yanked=bool(found.get("yanked")),
        )


def _from_html(page: str) -> Iterator[File]:
    for attributes, name in _LINK.findall(page):
        found = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
        url, _, fragment = found.get("href", "").partition("#")
        yield File(
            name=html.unescape(name).strip(),
            url=url,
            sha256=fragment.removeprefix("sha256="),
            requires_python=found.get("data-requires-python", ""),
            uploaded=found.get("data-upload-time", "")[:10],
            yanked="data-yanked" in found,
        )


def linux_wheels(project: str) -> list[File]:
    """The wheels of a project for Linux on a machine that the tables know."""
    return [file for file in files(project) if file.architecture]


def size(file: File) -> int:
    """The size of a file in bytes."""
    request = urllib.request.Request(file.url, method="HEAD")
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        return int(response.headers["Content-Length"])


class UnservedError(RuntimeError):
    """A server has a file and does not give what was asked of it. No OSError: readers of archives swallow those."""


class _Remote(io.RawIOBase):
    """A file on a server, read in the pieces that are asked for."""

    def __init__(self, file: File) -> None:
        self._url = file.url
        self._size = size(file)
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        last = min(self._position + len(buffer), self._size) - 1
        if last < self._position:
            return 0
        request = urllib.request.Request(self._url, headers={"Range": f"bytes={self._position}-{last}"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            if response.status != 206:
                raise UnservedError(f"{self._url}: the server does not serve parts of files")
            data = response.read()
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


@cache
def requirements(file: File) -> tuple[str, ...]:
    """The Requires-Dist lines of a wheel."""
    with zipfile.ZipFile(io.BufferedReader(_Remote(file), 1 << 20)) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(name).decode())
    return tuple(metadata.get_all("Requires-Dist") or ())


def of_extra(lines: Iterable[str], extra: str) -> list[str]:
    """The requirements of an extra, as 'name==1.0', sorted."""
    found = []
    for line in lines:
        requirement, _, marker = line.partition(";")
        if re.search(rf"extra == ['\"]{extra}['\"]", marker):
            found.append(normal(requirement))
    return sorted(found)


def normal(requirement: str) -> str:
    """A requirement without blanks and brackets, its bounds in order: 'name<2,>=1'."""
    match = re.fullmatch(r"\s*([A-Za-z0-9._-]+)\s*\(?([^)]*)\)?\s*", requirement)
    if match is None:
        return requirement.strip()
    bounds = sorted(part.strip().replace(" ", "") for part in match.group(2).split(",") if part.strip())
    return match.group(1).lower().replace("_", "-") + ",".join(bounds)
