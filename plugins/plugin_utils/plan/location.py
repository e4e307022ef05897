# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an environment goes: whether it may be there, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import trust
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.candidate import Attempt
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.docker_image import works_on_gpus
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import Request

_IN_A_PATH = ("virtualenv", "native", "conda", "source")


def troubles(asked: Request, host: Host) -> Iterator[Problem]:
    """What keeps the environment from being at its path, and the run from what the method needs."""
    if asked.method in ("native", "docker") and not host.become:
        yield problem(
            "method",
            asked.method,
            "which needs root, and this run may not become root",
            "virtualenv, or a run that may become root",
        )
    place = host.path
    if asked.path is None or place is None or asked.method not in _IN_A_PATH:
        return
    if place.blocked_by:
        why = f"but {place.blocked_by} is not a directory"
        yield problem("path", asked.path, why, "a path whose parents are directories, such as ~/tensorflow")
    elif place.occupied:
        why = "where something is that Tensorwright did not put there"
        yield problem("path", asked.path, why, "a path where nothing is, or this one once that has been moved away")
    elif not place.writable and not host.become:
        why = "which the connecting user may not write, and this run may not become root"
        yield problem(
            "path",
            asked.path,
            why,
            "a path that the user may write, such as ~/tensorflow, or a run that may become root",
        )
    else:
        as_root = trust.acts_as_root(asked.method, host)
        wrong = trust.fault(place.untrusted, as_root, host.user, "/opt/tensorflow" if as_root else "~/tensorflow")
        if wrong:
            yield problem("path", asked.path, *wrong)


def absolute(asked: Request, host: Host) -> str | None:
    """The path without a home directory left to expand, where it is known."""
    if host.path and host.path.absolute:
        return host.path.absolute
    return asked.path if asked.path and asked.path.startswith("/") else None


def needed_mb(tried: Attempt, method: str | None, tables: Tables) -> int:
    """Disk that the environment takes, rounded up to what a person would write."""
    space = tables.space
    sizes = tables.series[tried.release.series].mb
    if method == "docker":
        if tried.device == "gpu" and not works_on_gpus(tried.release, tables):
            return space.image_mb + ceil(sizes.cuda * space.headroom / 50) * 50  # it is built
        return space.image_gpu_mb if tried.device == "gpu" else space.image_mb
    if tried.gpu and tried.gpu.source == "wheels":
        measured = sizes.cuda
    else:
        measured = sizes.gpu if tried.build and tried.build.device == "gpu" else sizes.cpu
    return ceil(measured * space.headroom / 50) * 50


def too_full(asked: Request, host: Host, needed: int) -> Problem | None:
    """The problem that the environment does not fit, if so."""
    if asked.method not in _IN_A_PATH or asked.path is None or host.free_mb is None or host.free_mb >= needed:
        return None
    why = f"whose filesystem has {host.free_mb} MB free"
    return problem("path", asked.path, why, f"a path with at least {needed} MB free")
