# SPDX-License-Identifier: GPL-3.0-or-later
"""Where CUDA, cuDNN, NCCL and TensorRT come from: wheels of the package index, or NVIDIA's apt repository."""

from __future__ import annotations

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Obstacle, either
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Release, Repository, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host


def source(release: Release, python: str, asked: str | None, host: Host, tables: Tables) -> str | Obstacle:
    """'wheels' or 'apt', or why neither will do."""
    has_wheels = release.cuda_pins is not None and python in release.cuda_pythons
    if asked == "wheels" and not has_wheels:
        since = _first_with_wheels(tables, python)
        if release.cuda_pins is None:
            clause = f"TensorFlow {release.version} has no CUDA wheels"
        else:
            clause = f"the CUDA wheels of TensorFlow {release.version} cannot be installed on Python {python}"
        return Obstacle("cuda_from", clause, f"auto, apt, or tensorflow_version: {since}" if since else "auto, apt")
    if has_wheels and asked != "apt":
        return "wheels"
    needed = tables.series[release.series].cuda
    if repository(needed, host, tables):
        return "apt"
    carrying = [name for name, row in tables.repositories.items() if versions.within(needed, row.cuda)]
    clause = f"no apt repository for {host.platform} carries CUDA {needed}, which TensorFlow {release.version} needs"
    choices = (["wheels"] if has_wheels else []) + [_where(carrying, tables)]
    return Obstacle("cuda_from" if asked == "apt" else "device", clause, ", or ".join(choices))


def _where(repositories: list[str], tables: Tables) -> str:
    names = [row.name for row in tables.platforms.values() if row.repository in repositories]
    return f"a host with {either(names)}" if names else "another release"


def _first_with_wheels(tables: Tables, python: str) -> str | None:
    return next((release.version for release in tables.stable if python in release.cuda_pythons), None)


def repository(cuda: str, host: Host, tables: Tables) -> Repository | None:
    """The repository that carries a CUDA version for this host: its own, or an older one that its row declares usable."""
    platform = tables.platforms.get(host.platform)
    own = tables.repositories.get(platform.repository) if platform else None
    if own is None:
        return None
    usable = [own, *(tables.repositories[name] for name in own.also if name in tables.repositories)]
    return next((row for row in usable if versions.within(cuda, row.cuda)), None)


def packages(cuda: str, tables: Tables) -> list[str]:
    """The packages that TensorFlow loads, by the names of the CUDA version's era."""
    dashed = cuda.replace(".", "-")
    for row in tables.packages:
        if versions.within(cuda, row.cuda):
            return [name.removesuffix("-D") + f"-{dashed}" if name.endswith("-D") else name for name in row.names]
    return []


def in_the_way(version: str, has_wheels: bool, host: Host) -> Obstacle | None:
    """What an administrator has put where the packages of this CUDA go."""
    other = ", or tensorflow_cuda_from: wheels" if has_wheels else ""
    home = f"/usr/local/cuda-{version}"
    uninstaller = next((path for path in host.cuda_uninstallers if path.startswith(f"{home}/")), None)
    if uninstaller:
        clause = f"CUDA {version} was installed by a run file in {home}, and packages would be mixed into it"
        return Obstacle("device", clause, f"the same after {uninstaller} has removed it{other}", passing=True)
    if host.cuda_is_directory:
        clause = "/usr/local/cuda is a directory that was made by hand, and CUDA's packages need a link there"
        moved = "the same after it has been moved to /usr/local/cuda-<its version>"
        return Obstacle("device", clause, f"{moved}{other}", passing=True)
    return None
