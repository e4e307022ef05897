# SPDX-License-Identifier: GPL-3.0-or-later
"""One release tried on one host: what it would be, or everything that stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Obstacle, both, either
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Build, Release, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import docker_image
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import python as pythons
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import gpu as gpuplan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia.gpu import GpuPlan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.python import Python
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import source_options
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import Request


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every release that is tried."""

    asked: Request
    host: Host
    tables: Tables
    pythons: tuple[Python, ...]
    wish: docker_image.Wish = field(default_factory=docker_image.Wish)
    build: source_options.Wish = field(default_factory=source_options.Wish)


@dataclass(slots=True)
class Attempt:
    release: Release
    obstacles: list[Obstacle] = field(default_factory=list)
    # An older release is no way around these: those of device auto, which does not choose the release, and what will pass.
    standing: list[Obstacle] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    device: str = "cpu"
    build: Build | None = None
    python: Python | None = None
    gpu: GpuPlan | None = None


def attempt(release: Release, context: Context) -> Attempt:
    """Try a release as it was asked for."""
    tried = Attempt(release)
    tried.obstacles.extend(_base(tried, context))
    if not any(obstacle.about == "version" and tried.build is None for obstacle in tried.obstacles):
        _device(tried, context)
    return tried


def _base(tried: Attempt, context: Context) -> Iterator[Obstacle]:
    """Architecture, C library, processor and Python."""
    release, host, method = tried.release, context.host, context.asked.method
    if method == "source":
        yield from _source_python(tried, context)
        return
    wheels = release.wheels.get(host.architecture)
    if wheels is None or (method == "docker" and host.architecture != "x86_64"):
        kind = "image" if method == "docker" else "wheel"
        names = ("x86_64",) if method == "docker" else tuple(release.wheels)
        clause = f"TensorFlow {release.version} has no {kind} for {host.architecture}"
        yield Obstacle("version", clause, f"a host with {either(names)}")
        return
    tried.build = wheels.build("cpu")
    series = context.tables.series[release.series]
    lacking = [flag for flag in series.cpu_flags if host.cpu_flags is not None and flag not in host.cpu_flags]
    if lacking and host.architecture == "x86_64" and not context.asked.wheel_url:
        flags = ", ".join(lacking).upper()
        clause = f"the official builds of TensorFlow {release.version} need {flags}, which this processor lacks"
        yield Obstacle("version", clause, "a wheel built without it, by tensorflow_wheel_url")
    if method == "docker":
        if not docker_image.has_python(context.tables.images[series.images], context.asked.python):
            clause = f"the images of TensorFlow {release.version} bring a Python of their own"
            yield Obstacle("python", clause, "auto")
        return
    if not versions.at_least(host.glibc, wheels.glibc):
        clause = f"the wheels of TensorFlow {release.version} need glibc {wheels.glibc}, and this host has {host.glibc}"
        yield Obstacle("version", clause, f"a host with glibc {wheels.glibc} or newer")
    tried.python = pythons.choose(context.pythons, context.asked.python, wheels.pythons)
    if tried.python is None:
        yield _no_python(release, wheels.pythons, context)


def _source_python(tried: Attempt, context: Context) -> Iterator[Obstacle]:
    """A build from source wants what the official build was tested with: its Pythons are those that have wheels."""
    release = tried.release
    wheels = release.wheels.get("x86_64")
    if wheels is None or context.tables.series[release.series].build is None:
        clause = f"no tested build of TensorFlow {release.version} from source is known"
        yield Obstacle("version", clause, "a stable release")
        return
    tried.build = wheels.build("cpu")
    tried.python = pythons.choose(context.pythons, context.asked.python, wheels.pythons)
    if tried.python is None:
        yield _no_python(release, wheels.pythons, context)


def _no_python(release: Release, usable: tuple[str, ...], context: Context) -> Obstacle:
    """Which Python was looked for, which there are, and which would do."""
    asked = context.asked
    name = f"TensorFlow {release.version}"
    there = versions.ascending(python.version for python in context.pythons)
    if asked.python not in (None, "auto"):
        if asked.python not in usable:
            fitting = [version for version in usable if version in there] or list(usable)
            return Obstacle("python", f"{name} has no wheel for it", either(["auto", *fitting]))
        fitting = [version for version in there if version in usable]
        if asked.method == "native":
            clause = "method native uses the distribution's own python3, which is another"
        else:
            clause = "neither this host nor its distribution has it"
        return Obstacle("python", clause, either(["auto", *fitting]) if fitting else "a host that has it")
    if not there:
        clause = "this host has no Python that an environment can be made of"
    else:
        only = f"Python {there[0]}, the only one" if len(there) == 1 else f"Python {both(there)}, the ones"
        kind = "that method native can use" if asked.method == "native" else "to be had on this host"
        clause = f"{name} has no wheel for {only} {kind}"
    accepted = f"a host with Python {either(usable)}"
    needing_none = [method for method in ("docker", "conda") if _brings_python(method, usable, context)]
    if needing_none:
        accepted = f"tensorflow_method: {either(needing_none)}, or {accepted}"
    brought = [one.version for one in pythons.foreign(context.host, context.tables) if one.version in usable]
    if brought and asked.method == "virtualenv":
        accepted = f"tensorflow_python: {brought[0]}, or {accepted}"
    return Obstacle("version", clause, accepted)


def _brings_python(method: str, usable: tuple[str, ...], context: Context) -> bool:
    """Whether a method brings its own Python for this release to this host."""
    conda = context.tables.providers.get("conda")
    if method == "docker":
        return context.host.become and context.host.architecture == "x86_64" and not context.asked.wheel_url
    return bool(conda and set(conda.pythons) & set(usable))


def _device(tried: Attempt, context: Context) -> None:
    """The device, and for a GPU all that it needs."""
    asked = context.asked
    if asked.device not in ("gpu", "auto"):
        return
    if asked.device == "auto" and not context.host.gpus:
        if context.host.gpus is not None:
            tried.notes.append("The CPU is used: this host has no NVIDIA GPU.")
        return
    python = tried.python.version if tried.python else None
    planned = gpuplan.plan(asked, context.host, tried.release, python, context.tables, context.wish)
    if isinstance(planned, GpuPlan):
        fitting = _cuda_for_builds(tried.release, planned, context)
        if fitting:
            tried.obstacles.append(fitting)
            return
        tried.gpu, tried.device = planned, "gpu"
        wheels = tried.release.wheels.get(context.host.architecture)
        tried.build = (wheels.build("gpu") if wheels else None) or tried.build
        if asked.device == "auto":
            tried.notes.append(f"The GPU is used: {planned.names}.")
        tried.notes.extend(planned.notes)
    elif asked.device == "gpu" and not planned.passing:
        tried.obstacles.append(planned)
    elif planned.passing or planned.about != "device":
        tried.standing.append(planned)
    else:
        tried.notes.append(f"The CPU is used: {planned.clause}.")


def _cuda_for_builds(release: Release, planned: GpuPlan, context: Context) -> Obstacle | None:
    """A build that does not fetch its CUDA itself needs it from packages, with its compiler and headers."""
    build = context.tables.series[release.series].build
    if context.asked.method != "source" or build is None or build.own_cuda or planned.source == "apt":
        return None
    clause = (
        f"TensorFlow {release.version} is built with the CUDA that it finds on the host, and wheels have no compiler"
    )
    return Obstacle("cuda_from", clause, "apt, or tensorflow_device: cpu")
