# SPDX-License-Identifier: GPL-3.0-or-later
"""A release on the GPUs of a host: the code it carries, CUDA and its libraries, and the driver."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Obstacle, both
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Release, Repository, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import docker_image
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import cuda_source, gpu_support
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import driver as drivers
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import tensorrt_archive as archives
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import Request


@dataclass(slots=True)
class GpuPlan:
    """What a plan says about the GPU part."""

    source: str
    names: str
    driver: drivers.Driver
    capabilities: list[str]
    serving: int = 0  # how many GPUs
    cuda_packages: list[str] = field(default_factory=list)
    cudnn_packages: list[str] = field(default_factory=list)
    nccl_version: str | None = None
    nccl_packages: list[str] = field(default_factory=list)
    tensorrt_version: str | None = None
    tensorrt_packages: list[str] = field(default_factory=list)
    tensorrt_archive: str | None = None
    repository: Repository | None = None
    roles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan(
    asked: Request,
    host: Host,
    release: Release,
    python: str | None,
    tables: Tables,
    wish: docker_image.Wish,
) -> GpuPlan | Obstacle:
    """How this release would use the GPUs of this host, or the first thing that stands in the way."""
    usable = _usable(host, release, tables)
    if isinstance(usable, Obstacle):
        return usable
    services, names, notes = usable
    series = tables.series[release.series]
    toolkit = tables.cuda[series.cuda]
    source = _source(asked, host, release, python, tables, wish)
    if isinstance(source, Obstacle):
        return source
    capabilities = [one.capability for one in services if one.capability]
    needed = drivers.minimum(toolkit, any(one.compiles for one in services))
    driver = drivers.plan(host, asked.driver_branch, needed, capabilities, tables)
    if isinstance(driver, Obstacle):
        return driver
    planned = GpuPlan(source, names, driver, capabilities, len(services), notes=notes)
    if source == "apt":
        planned.cuda_packages = cuda_source.packages(series.cuda, tables)
        planned.cudnn_packages = list(series.cudnn_apt)
    trouble = (
        cuda_source.in_the_way(series.cuda, python in release.cuda_pythons, host) if planned.cuda_packages else None
    )
    trouble = trouble or _nccl(asked, release, planned, len(services), tables)
    trouble = trouble or _tensorrt(asked, release, planned, host, tables)
    if trouble:
        return trouble
    _finish(planned, host, series.cuda, tables)
    return planned


def _usable(
    host: Host, release: Release, tables: Tables
) -> tuple[list[gpu_support.Service], str, list[str]] | Obstacle:
    """The GPUs that the release has code for, what they are called, and a note for each that it has not."""
    wheels = release.wheels.get(host.architecture)
    build = wheels.build("gpu") if wheels else None
    if build is None:
        clause = f"TensorFlow {release.version} has no GPU build for {host.architecture}"
        return Obstacle("device", clause, "auto, cpu")
    if host.gpus is None:
        return [], "", ["Nobody has looked which GPUs this host has."]
    if not host.gpus:
        return Obstacle("device", "this host has no NVIDIA GPU", "auto, cpu")
    series = tables.series[release.series]
    judged = [(gpu, gpu_support.service(gpu, series, tables.cuda.get(series.cuda), tables)) for gpu in host.gpus]
    serving = [service for _, service in judged if service.served]
    names = both(sorted({gpu_support.label(gpu) for gpu, service in judged if service.served}))
    refused = sorted({service.why_not for _, service in judged if not service.served})
    if not serving:
        return Obstacle("device", "; ".join(refused), _other_release(host, tables))
    notes = [f"One GPU is left out: {why}." for why in refused]
    if not series.machine_code:
        notes.append(f"The tables do not say which GPUs TensorFlow {release.version} carries code for.")
    return serving, names, notes


def _other_release(host: Host, tables: Tables) -> str:
    """cpu, and the newest release that has code for a GPU of this host."""
    for release in tables.stable:
        series = tables.series[release.series]
        toolkit = tables.cuda.get(series.cuda)
        if any(gpu_support.service(gpu, series, toolkit, tables).served for gpu in host.gpus or ()):
            return f"cpu, or tensorflow_version: {release.version}, the newest with code for it"
    return "cpu"


def _source(
    asked: Request,
    host: Host,
    release: Release,
    python: str | None,
    tables: Tables,
    wish: docker_image.Wish,
) -> str | Obstacle:
    if asked.method == "docker":
        if wish.image or docker_image.works_on_gpus(release, tables) or docker_image.can_be_built(release):
            return "image"
        clause = f"the GPU image of TensorFlow {release.version} lacks what it needs, and no other can be made of it"
        newest = next(
            (
                one.version
                for one in tables.stable
                if docker_image.works_on_gpus(one, tables) or docker_image.can_be_built(one)
            ),
            None,
        )
        return Obstacle("device", clause, f"cpu, tensorflow_method: virtualenv, or tensorflow_version: {newest}")
    return cuda_source.source(release, python or "", asked.cuda_from, host, tables)


def _nccl(asked: Request, release: Release, planned: GpuPlan, gpus_used: int, tables: Tables) -> Obstacle | None:
    """NCCL is in the wheel, in a wheel beside it, in the image, or has to come from apt as CUDA does."""
    built_with = tables.series[release.series].nccl
    if built_with.source == "wheel" or planned.source != "apt":
        planned.nccl_version = built_with.version
        return None
    if asked.nccl not in (True, "true") and (asked.nccl != "auto" or gpus_used < 2):
        return None
    if built_with.apt:
        planned.nccl_version = built_with.apt[0].partition("=")[2].partition("-")[0]
        planned.nccl_packages = list(built_with.apt)
        return None
    clause = f"no package with the NCCL {built_with.version} of TensorFlow {release.version} is known"
    if asked.nccl == "auto":
        planned.notes.append(f"NCCL is left out, and one program cannot use several GPUs: {clause}.")
        return None
    return Obstacle("nccl", clause, "false, auto, or tensorflow_cuda_from: wheels")


def _tensorrt(asked: Request, release: Release, planned: GpuPlan, host: Host, tables: Tables) -> Obstacle | None:
    if asked.tensorrt in (False, None):
        return None
    built_with = tables.series[release.series].tensorrt
    if built_with and host.tensorrt_archive and planned.source != "image":
        return _archive(built_with.version, release, planned, host.tensorrt_archive)
    inside = planned.source == "image" or (planned.source == "wheels" and _pins_tensorrt(release, tables))
    if built_with and (inside or built_with.apt):
        planned.tensorrt_version = built_with.version
        planned.tensorrt_packages = [] if inside else list(built_with.apt)
        return None
    if built_with:
        clause = f"TensorRT {built_with.version}, which TensorFlow {release.version} needs, is in no repository"
        if asked.tensorrt is True:
            return Obstacle(
                "tensorrt", clause, "false, auto, or tensorrt_archive_file with the archive that NVIDIA offers"
            )
    else:
        clause = f"TensorFlow {release.version} is built without TensorRT"
    if asked.tensorrt == "auto":
        planned.notes.append(f"TensorRT is left out: {clause}.")
        return None
    newest = next((row.version for row in tables.stable if _has_tensorrt(row, tables)), None)
    other = f", or tensorflow_version: {newest}, the newest with it" if newest else ""
    return Obstacle("tensorrt", clause, f"false, auto{other}")


def _archive(version: str, release: Release, planned: GpuPlan, archive: str) -> Obstacle | None:
    """TensorRT from an archive of the site's, if it is of the version that the release was built with."""
    inside = archives.version(archive)
    # The archives of TensorRT 4 count otherwise than its packages, so only the first number tells.
    if inside and versions.major(inside) != versions.major(version):
        clause = (
            f"tensorrt_archive_file holds TensorRT {inside}, and TensorFlow {release.version} was built with {version}"
        )
        return Obstacle("tensorrt", clause, f"false, or an archive of TensorRT {version}", passing=True)
    planned.tensorrt_version = inside or version
    planned.tensorrt_archive = archive
    planned.notes.append(f"TensorRT {planned.tensorrt_version} is unpacked from {archive}.")
    return None


def _pins_tensorrt(release: Release, tables: Tables) -> bool:
    return release.cuda_pins in tables.pins_with_tensorrt


def _has_tensorrt(release: Release, tables: Tables) -> bool:
    built_with = tables.series[release.series].tensorrt
    if built_with and built_with.apt:
        return True
    return bool(release.cuda_pythons) and _pins_tensorrt(release, tables)


def _finish(planned: GpuPlan, host: Host, cuda_version: str, tables: Tables) -> None:
    """The repository and the roles that the packages need."""
    apt = {
        "cuda": planned.cuda_packages,
        "cudnn": planned.cudnn_packages,
        "nccl": planned.nccl_packages,
        "tensorrt": planned.tensorrt_packages,
    }
    if any(apt.values()) or planned.driver.repository or planned.driver.needs_repository:
        carrying = cuda_source.repository(cuda_version, host, tables) if planned.cuda_packages else None
        platform = tables.platforms.get(host.platform)
        planned.repository = carrying or (tables.repositories.get(platform.repository) if platform else None)
        planned.roles.append("nvidia_repo")
    driver = planned.driver
    if driver.packages or driver.fabric_manager:
        planned.roles.append(drivers.ROLE)
    planned.notes.extend(drivers.notes(driver, host))
    planned.roles.extend(role for role, packages in apt.items() if packages)
    if planned.tensorrt_archive:
        planned.roles.append("tensorrt")
