# SPDX-License-Identifier: GPL-3.0-or-later
"""The NVIDIA driver: what is needed, whether the one on the host will do, and which branch to install where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.tensorwright.fleet.plugins.plugin_utils import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.hostfacts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.problems import Obstacle
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.table_rows import Branch, Cuda, Tables

# A branch that is cared for longest is the one a server should have.
_KINDS = ("long", "production", "legacy", "feature")
_AFTER_REBOOT = "the same after a reboot of the host"
ROLE = "nvidia_driver"


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver of a plan: packages where one is to be installed or was by us, repository if it comes from NVIDIA's."""

    minimum: str | None
    branch: str | None
    packages: tuple[str, ...] = ()
    repository: bool = False
    changes: bool = False  # whether that driver is yet to come


def minimum(cuda: Cuda, compiles: bool) -> str:
    """The oldest driver that runs a build; one that also has to compile its PTX must be as new as the toolkit."""
    needed = [cuda.minimum_driver, cuda.shipped_driver] if compiles else [cuda.minimum_driver]
    # CUDA 11.0 came with a driver that is older than what its programs were later found to need.
    return max((version for version in needed if version), key=versions.order)


def branch_of(version: str) -> str:
    return version.split(".", 1)[0]


def plan(
    host: Host, asked: str | None, needed: str, capabilities: Sequence[str], tables: Tables, installs: bool
) -> Driver | Obstacle:
    """The driver on the host if it is new enough, else the branch to install."""
    installed, loaded = host.driver_installed, host.driver_loaded
    wanted = asked if asked not in (None, "auto") else None
    if installed and loaded and installed != loaded:
        clause = f"the driver in use, {loaded}, is not the installed one, {installed}"
        return Obstacle("device", clause, _AFTER_REBOOT, passing=True)
    present = loaded or installed
    if present and versions.at_least(present, needed) and wanted in (None, branch_of(present)):
        if loaded is None:
            clause = f"the installed driver {installed} is not loaded"
            return Obstacle("device", clause, _AFTER_REBOOT, passing=True)
        kept = _install(host, branch_of(present), needed, capabilities, tables) if ROLE in host.managed else None
        return replace(kept, changes=False) if isinstance(kept, Driver) else Driver(needed, branch_of(present))
    have = f"the driver {present} is older than {needed}" if present else "there is no NVIDIA driver"
    if wanted and present and versions.at_least(present, needed):
        have = f"the driver {present} is of another branch"
    if not installs:
        return Obstacle(
            "device",
            f"{have}, and installing a driver is not built yet",
            f"cpu, or a host with driver {needed} or newer",
        )
    if not host.become:
        return Obstacle(
            "device",
            f"{have}, and this run may not become root to install one",
            f"cpu, a host with driver {needed} or newer, or a run that may become root",
        )
    return _install(host, wanted, needed, capabilities, tables)


def _install(
    host: Host, wanted: str | None, needed: str, capabilities: Sequence[str], tables: Tables
) -> Driver | Obstacle:
    fitting = [branch for branch in tables.drivers.values() if _serves(branch, needed, capabilities)]
    sources = {branch.name: source for branch in fitting if (source := _source(branch, host, tables))}
    offered = sorted((branch for branch in fitting if branch.name in sources), key=_preference)
    chosen = next((branch for branch in offered if wanted in (None, branch.name)), None)
    if chosen is None:
        names = ", ".join(branch.name for branch in offered)
        if wanted:
            return Obstacle(
                "driver_branch", _why_not(wanted, needed, capabilities, tables), f"auto, {names}".rstrip(", ")
            )
        serving = ", ".join(branch.name for branch in fitting) or "none"
        clause = f"no driver branch that would do ({serving}) can be had on {host.platform}"
        return Obstacle("device", clause, "cpu")
    source = sources[chosen.name]
    return Driver(needed, chosen.name, _packages(chosen, source, capabilities, tables), source == "repository", True)


def _serves(branch: Branch, needed: str, capabilities: Sequence[str]) -> bool:
    if int(branch.name) < versions.major(needed):
        return False
    low, high = versions.order(branch.lowest), versions.order(branch.highest)
    return all(low <= versions.order(capability) <= high for capability in capabilities)


def _why_not(wanted: str, needed: str, capabilities: Sequence[str], tables: Tables) -> str:
    branch = tables.drivers[wanted]
    if int(branch.name) < versions.major(needed):
        return f"branch {wanted} is older than the driver {needed} that the plan needs"
    for capability in capabilities:
        if versions.order(capability) < versions.order(branch.lowest):
            return f"branch {wanted} no longer serves compute capability {capability}"
        if versions.order(capability) > versions.order(branch.highest):
            return f"branch {wanted} does not know compute capability {capability} yet"
    return f"this distribution has no packages of branch {wanted}"


def _source(branch: Branch, host: Host, tables: Tables) -> str | None:
    if host.distribution == "Ubuntu" and host.release in branch.ubuntu:
        return "ubuntu"
    platform = tables.platforms.get(host.platform)
    return "repository" if branch.repository and platform and platform.repository in tables.repositories else None


def _preference(branch: Branch) -> tuple[int, int]:
    return _KINDS.index(branch.kind), -int(branch.name)


def _packages(branch: Branch, source: str, capabilities: Sequence[str], tables: Tables) -> tuple[str, ...]:
    is_open = branch.open_from is not None and all(versions.at_least(one, branch.open_from) for one in capabilities)
    for row in tables.driver_packages[source]:
        if versions.within(branch.name, row.branches):
            names = row.open if is_open else row.closed
            flavoured = (name.replace("-BF", f"-{branch.name}{branch.flavour}") for name in names)
            return tuple(name.replace("-B", f"-{branch.name}") for name in flavoured)
    return ()
