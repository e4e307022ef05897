# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python: the interpreters a host has, and those that a provider may bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Provider, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host

DEADSNAKES = "deadsnakes"
_SYSTEM = "/usr/bin/"


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that a plan may name; without a path it has yet to be installed by its provider."""

    version: str
    path: str | None
    provider: str


def available(host: Host, method: str | None, tables: Tables, wanted: str | None = None) -> list[Python]:
    """The interpreters that a method may use on a host, the preferred ones first.

    What is there goes before what would have to be installed, the distribution's own before others, newer before older. Others'
    builds come into it only where a Python is asked for by its version: nobody gets a foreign one unasked.
    """
    if method == "docker":
        return []
    if method == "conda":
        return list(_provided(tables.providers.get("conda"), host, tables))
    own = [_from_deadsnakes(python, wanted, host, tables) for python in _on_host(host)]
    packaged = [python for python in _packaged(host, tables) if python.version not in {one.version for one in own}]
    if method == "native":
        fitting = _system_versions(host, tables)
        return [python for python in (*own, *packaged) if _is_native(python, fitting)]
    others = [] if wanted in (None, "auto") else foreign(host, tables)
    return [*own, *packaged, *others] or _unknown(host, tables)


def foreign(host: Host, tables: Tables) -> list[Python]:
    """The interpreters that neither the host nor its distribution has, and a provider would bring."""
    return [
        python
        for provider in tables.providers.values()
        if provider.name not in ("system", "conda") and provider.implemented
        for python in _provided(provider, host, tables)
    ]


def _on_host(host: Host) -> Iterator[Python]:
    interpreters = sorted(
        (one for one in host.pythons or () if not (host.shared and _is_private(one.path, host.home))),
        key=lambda one: (one.path.startswith(_SYSTEM), versions.order(one.version), one.path),
        reverse=True,
    )
    for one in interpreters:
        yield Python(one.series, one.path, "system")


def _from_deadsnakes(python: Python, wanted: str | None, host: Host, tables: Tables) -> Python:
    """What came from there before is theirs still: the plan stays the same once it is installed."""
    theirs = python.version == wanted and (python.path or "").startswith(_SYSTEM) and host.become
    provider = tables.providers.get(DEADSNAKES)
    if theirs and provider and provider.implemented and _is_in_deadsnakes(python.version, host, tables):
        return Python(python.version, python.path, DEADSNAKES)
    return python


def _is_private(path: str, home: str | None) -> bool:
    """Whether an interpreter lies in somebody's home, where the other users of a shared environment cannot reach it."""
    return path.startswith(("/home/", "/root/")) or bool(home and path.startswith(home.rstrip("/") + "/"))


def _packaged(host: Host, tables: Tables) -> Iterator[Python]:
    platform = tables.platforms.get(host.platform)
    system = tables.providers.get("system")
    if platform and system and system.implemented and (host.become or host.pythons is None):
        for version in reversed(versions.ascending(platform.pythons)):
            yield Python(version, None, "system")


def _provided(provider: Provider | None, host: Host, tables: Tables) -> Iterator[Python]:
    if provider is None or (provider.needs_root and not host.become):
        return
    if provider.distributions and host.distribution not in (None, *provider.distributions):
        return
    if not versions.at_least(host.glibc, provider.glibc):
        return
    for version in reversed(versions.ascending(provider.pythons)):
        if provider.name != DEADSNAKES or _is_in_deadsnakes(version, host, tables):
            yield Python(version, None, provider.name)


def _is_in_deadsnakes(version: str, host: Host, tables: Tables) -> bool:
    platform = tables.platforms.get(host.platform)
    return bool(platform and version in platform.deadsnakes)


def _system_versions(host: Host, tables: Tables) -> tuple[str, ...]:
    """What `python3` is on a host's distribution, and `python2` where it has one; nothing where nobody knows."""
    platform = tables.platforms.get(host.platform)
    known = platform.pythons if platform else ()
    return known[:1] + tuple(version for version in known[1:] if version.startswith("2."))


def _is_native(python: Python, fitting: tuple[str, ...]) -> bool:
    at_home = python.path is None or python.path.startswith(_SYSTEM)
    return at_home and (not fitting or python.version in fitting)


def _unknown(host: Host, tables: Tables) -> list[Python]:
    """A host whose interpreters nobody has looked at may have any."""
    if host.pythons is not None:
        return []
    return [Python(version, None, "system") for version in reversed(versions.ascending(tables.every_python))]


def choose(pythons: Iterable[Python], wanted: str | None, wheels: Iterable[str]) -> Python | None:
    """The preferred interpreter that there is a wheel for, of the wanted version if one is wanted."""
    usable = set(wheels)
    for python in pythons:
        if python.version in usable and wanted in (None, "auto", python.version):
            return python
    return None
