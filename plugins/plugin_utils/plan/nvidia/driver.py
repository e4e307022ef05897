# SPDX-License-Identifier: GPL-3.0-or-later
"""The NVIDIA driver: what is needed, whether the one on the host will do, and which branch to install where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Obstacle
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import (
    Branch,
    Cuda,
    DriverPackages,
    Tables,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host

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
    fabric_manager: str | None = None
    version: str | None = None  # of somebody else's driver, to which only Fabric Manager is added
    needs_repository: bool = False
    reboot: bool = False  # whether the installed driver waits for one, which this run may make


def minimum(cuda: Cuda, compiles: bool) -> str:
    """The oldest driver that runs a build; one that also has to compile its PTX must be as new as the toolkit."""
    needed = [cuda.minimum_driver, cuda.shipped_driver] if compiles else [cuda.minimum_driver]
    # CUDA 11.0 came with a driver that is older than what its programs were later found to need.
    return max((version for version in needed if version), key=versions.order)


def branch_of(version: str) -> str:
    return version.split(".", 1)[0]


def plan(host: Host, asked: str | None, needed: str, capabilities: Sequence[str], tables: Tables) -> Driver | Obstacle:
    """The driver on the host if it is new enough, else the branch to install."""
    installed, loaded = host.driver_installed, host.driver_loaded
    wanted = asked if asked not in (None, "auto") else None
    reboots = bool(installed) and installed != loaded and host.driver_is_ours and host.may_reboot
    if installed and loaded and installed != loaded and not reboots:
        clause = f"the driver in use, {loaded}, is not the installed one, {installed}"
        return Obstacle("device", clause, _AFTER_REBOOT, passing=True)
    present = installed if reboots else loaded or installed
    good = present is not None and versions.at_least(present, needed)
    if present and good and wanted in (None, branch_of(present)):
        if loaded is None and not reboots:
            clause = f"the installed driver {installed} is not loaded"
            return Obstacle("device", clause, _AFTER_REBOOT, passing=True)
        return _kept(host, present, needed, capabilities, tables, reboots)
    have = f"the driver {present} is older than {needed}" if present else "there is no NVIDIA driver"
    if good:
        have = f"the driver {present} is of another branch"
    if not host.become:
        return Obstacle(
            "device",
            f"{have}, and this run may not become root to install one",
            f"cpu, a host with driver {needed} or newer, or a run that may become root",
        )
    chosen = _install(host, wanted, needed, capabilities, tables)
    if isinstance(chosen, Driver) and present and not wanted:
        # Others may rely on it: a driver that somebody has chosen is not replaced because TensorFlow could be newer.
        clause = f"{have}, and a driver that is there is replaced only where a branch is asked for"
        return Obstacle("driver_branch", clause, f"{chosen.branch}, or tensorflow_device: cpu")
    return _refused_by_firmware(host) or chosen if isinstance(chosen, Driver) else chosen


def _kept(
    host: Host, present: str, needed: str, capabilities: Sequence[str], tables: Tables, reboots: bool
) -> Driver | Obstacle:
    """The driver that is there, with the packages that keep it there if it is ours."""
    branch = branch_of(present)
    if host.driver_is_ours:
        ours = _install(host, branch, needed, capabilities, tables)
        if isinstance(ours, Driver):
            return replace(ours, changes=False, reboot=reboots)
    kept = Driver(needed, branch)
    if not host.nvswitches or host.fabric_manager == present:
        return kept
    missing = f"this machine has NVSwitches, and no Fabric Manager of its driver's version {present}"
    accepted = f"cpu, or a host with Fabric Manager {present}"
    if not host.become:
        clause = f"{missing}; this run may not become root to install it"
        return Obstacle("device", clause, f"{accepted}, or a run that may become root")
    known = tables.drivers.get(branch)
    source = _source(known, host, tables) if known else None
    name = _fabric_manager(known, source, tables) if known and source else None
    if name is None:
        return Obstacle("device", f"{missing}; no repository for {host.platform} is known to have it", accepted)
    return replace(kept, fabric_manager=name, version=present, needs_repository=source == "repository")


def _refused_by_firmware(host: Host) -> Obstacle | None:
    """Why the kernel would not load the modules of a driver that is yet to come."""
    if not host.secure_boot or host.key_enrolled:
        return None
    others = "Secure Boot off, or nvidia_driver_key_enrolled: true where another enrolled key signs the modules"
    if host.signing_key is None:
        clause = "Secure Boot is on, and this host has no key yet that signs the driver's modules"
        return Obstacle(
            "device",
            clause,
            "the same after `update-secureboot-policy --new-key` (Ubuntu) or `dkms generate_mok` (Debian) has made one, and "
            f"`mokutil --import` and a reboot have enrolled it, {others}",
            passing=True,
        )
    known = "is not enrolled" if host.key_enrolled is False else "may be enrolled or not, which this user cannot see"
    clause = f"Secure Boot is on, and the key that signs the driver's modules, {host.signing_key}, {known}"
    remedy = f"the same after `mokutil --import {host.signing_key}` and a reboot, at whose console the key is confirmed"
    return Obstacle("device", clause, f"{remedy}, {others}", passing=True)


def notes(driver: Driver, host: Host) -> list[str]:
    """What the plan says about its driver."""
    said = []
    if driver.changes:
        said.append(f"The driver branch {driver.branch} is installed; the host has to be rebooted for it.")
        if host.secure_boot:
            said.append("Secure Boot is on, and the key that signs the driver's modules is enrolled.")
    if driver.reboot:
        said.append("The host is rebooted into the installed driver.")
    if driver.version:
        said.append(
            f"Fabric Manager {driver.version} is installed for the NVSwitches; the driver, which is not ours, stays."
        )
    return said


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
    fabric_manager = _fabric_manager(chosen, source, tables) if host.nvswitches else None
    packages = _packages(chosen, source, capabilities, tables)
    return Driver(needed, chosen.name, packages, source == "repository", True, fabric_manager)


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
    row = tables.repositories.get(platform.repository) if platform else None
    return "repository" if row and branch.repository and versions.within(branch.name, row.drivers) else None


def _preference(branch: Branch) -> tuple[int, int]:
    return _KINDS.index(branch.kind), -int(branch.name)


def _packages(branch: Branch, source: str, capabilities: Sequence[str], tables: Tables) -> tuple[str, ...]:
    is_open = branch.open_from is not None and all(versions.at_least(one, branch.open_from) for one in capabilities)
    row = _names(branch, source, tables)
    names = (row.open if is_open else row.closed) if row else ()
    return tuple(_name(name, branch) for name in names)


def _fabric_manager(branch: Branch, source: str, tables: Tables) -> str | None:
    row = _names(branch, source, tables)
    return _name(row.fabric_manager, branch) if row else None


def _names(branch: Branch, source: str, tables: Tables) -> DriverPackages | None:
    return next((row for row in tables.driver_packages[source] if versions.within(branch.name, row.branches)), None)


def _name(pattern: str, branch: Branch) -> str:
    return pattern.replace("-BF", f"-{branch.name}{branch.flavour}").replace("-B", f"-{branch.name}")
