# SPDX-License-Identifier: GPL-3.0-or-later
"""An explicit wheel: what its file name says about the release, the Python and the machine that it is for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import unquote

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import (
    Build,
    Release,
    Tables,
    Wheels,
)

_NAME = re.compile(r"([A-Za-z0-9_.]+)-([^-]+)(?:-\d[^-]*)?-([a-z0-9.]+)-([a-z0-9_.]+)-([A-Za-z0-9_.]+)\.whl")
_PYTHON = re.compile(r"cp(\d)(\d+)")


@dataclass(frozen=True, slots=True)
class WheelName:
    package: str
    version: str
    pythons: tuple[str, ...]
    architecture: str | None
    device: str


def parse(url: str) -> WheelName | None:
    """The parts of a wheel's name; None where the URL does not end in one."""
    match = _NAME.fullmatch(unquote(url.split("#")[0].split("?")[0]).rsplit("/", 1)[-1])
    if match is None or versions.key(match.group(2)) is None:
        return None
    package, version, python, _, platform = match.groups()
    package = package.replace("_", "-").lower()
    pythons = tuple(f"{major}.{minor}" for major, minor in _PYTHON.findall(python))
    architecture = next((name for name in ("x86_64", "aarch64") if platform.endswith(name)), None)
    return WheelName(package, version, pythons, architecture, "cpu" if package.endswith("-cpu") else "gpu")


def release(wheel: WheelName, tables: Tables) -> Release | None:
    """The release that a wheel is: its row, or its nearest relative's where the index never had it."""
    minor = versions.series(wheel.version)
    relatives = [row for row in tables.newest_first if row.series == minor]
    if not relatives:
        return None
    nearest = versions.nearest(wheel.version, (row.version for row in relatives))
    row = next(row for row in relatives if row.version == nearest)
    wheels = {
        name: Wheels(wheel.pythons or theirs.pythons, theirs.glibc, _builds(wheel, theirs))
        for name, theirs in row.wheels.items()
        if wheel.architecture in (None, name)
    }
    return replace(row, version=wheel.version, wheels=MappingProxyType(wheels))


def of_guides(version: str, python: str, device: str, tables: Tables) -> str | None:
    """Where the guides of its day fetched the wheel of a release from."""
    row = next((row for row in tables.wheel_urls if versions.within(version, row.releases)), None)
    if row is None:
        return None
    tag = "cp" + python.replace(".", "")
    # Python 2.7 has two kinds of text, and the guides' wheels were for both; until 3.7 the ABI had a letter for its allocator.
    abi = "none" if python == "2.7" else f"{tag}m" if versions.order(python) < versions.order("3.8") else tag
    url = row.cpu if device == "cpu" else row.gpu
    for place, text in (
        ("-V-", f"-{version}-"),
        ("/V/", f"/{version}/"),
        ("%22V%22", f"%22{version}%22"),
        ("-P-A-", f"-{tag}-{abi}-"),
    ):
        url = url.replace(place, text)
    return url


def _builds(wheel: WheelName, theirs: Wheels) -> tuple[Build, ...]:
    known = next((build for build in theirs.builds if build.package == wheel.package), None)
    device = known.device if known else wheel.device
    mb = known.mb if known else max((build.mb for build in theirs.builds), default=0)
    return (Build(wheel.package, device, mb),)
