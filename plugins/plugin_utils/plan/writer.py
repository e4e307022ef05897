# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that can be had, written into the plan."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import dirname

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import METHODS
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import docker_image, source_build
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import location as place
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.candidate import Attempt, Context
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, PlanToolkit
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.python import Python
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import wheel_url
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import Request

_ORIGINS = {
    "system": "the distribution's packages",
    "standalone": "python-build-standalone",
    "conda": "conda-forge",
    "deadsnakes": "the PPA deadsnakes",
}


def fill(plan: Plan, tried: Attempt, context: Context) -> None:
    """Write a release that can be had into the plan."""
    asked, host, tables = context.asked, context.host, context.tables
    release = tried.release
    package = tried.build.package if tried.build and asked.method != "source" else "tensorflow"
    plan["device"] = tried.device
    plan["tensorflow"] = {
        "version": _version(tried, context),
        "package": package,
        "requirement": _requirement(tried, package, context),
        "channel": release.channel,
        "wheel_url": asked.wheel_url or None,
        "wheel_sha256": (asked.wheel_url and asked.wheel_sha256) or None,
        "guide_url": _guide_url(tried, context),
        "moves": release.channel == "nightly" and asked.nightly == "newest",
        "cuda_build": _cuda_build(tried, asked),
    }
    if tried.python:
        _python(plan, tried.python, context)
        _installer(plan, tried.python.version, context)
    roles = list(METHODS[asked.method]) if asked.method else []
    if tried.gpu:
        _fill_gpu(plan, tried, context)
        if asked.method == "docker":
            roles.insert(roles.index("docker") + 1, "nvidia_docker")
            plan["toolkit"] = _toolkit(context)
        roles = [*tried.gpu.roles, *roles]
    plan["roles"] = [role for role in roles if role != "python" or _needs_python(tried, context)]
    if asked.method == "docker":
        plan["cuda"]["from"] = "image" if tried.device == "gpu" else "none"
        _fill_image(plan, tried, context)
    if asked.method == "source":
        source_build.add(plan, tried, context)
    if asked.method != "docker":
        plan["constraints"] = _constraints(tried, context)
    plan["space"] = {"needed_mb": place.needed_mb(tried, asked.method, tables)}
    plan["notes"].extend([*_choices(tried, context), *tried.notes])
    if not _is_there(plan, host.sealed):
        full = place.too_full(asked, host, plan["space"]["needed_mb"])
        plan["problems"].extend([full] if full else [])


def _python(plan: Plan, python: Python, context: Context) -> None:
    """The interpreter; a standalone build lies beside the environment, and a prefix of conda's brings its own."""
    tables, architecture = context.tables, context.host.architecture
    plan["python"] = {"version": python.version, "path": python.path, "provider": python.provider}
    place = plan["path"]["absolute"]
    if python.provider == "standalone":
        build = tables.standalone[python.version].builds.get(architecture)
        if build:
            plan["standalone"] = {"url": tables.standalone_url, "file": build.file, "sha256": build.sha256}
        if place:
            name = f"python{python.version}"
            plan["python"]["path"] = f"{dirname(place)}/.tensorwright/runtimes/{name}/bin/{name}"
    if python.provider == "deadsnakes":
        ppa = tables.deadsnakes
        suite = tables.platforms[context.host.platform].codename
        plan["deadsnakes"] = {"url": ppa.url, "suite": suite, "key": ppa.key, "key_url": ppa.key_url}
    miniforge = tables.miniforge.installers.get(architecture)
    if python.provider == "conda" and miniforge:
        plan["conda"] = {
            "version": tables.miniforge.version,
            "url": f"{tables.miniforge.url}/{miniforge.file}",
            "sha256": miniforge.sha256,
        }


def _cuda_build(tried: Attempt, asked: Request) -> bool | None:
    """Whether the session has to find a build with GPU support; what a wheel or a CPU image of anybody's is, nobody knows."""
    if asked.wheel_url or not tried.build:
        return None
    if asked.method == "docker":
        return True if tried.device == "gpu" else None
    if asked.method == "source":
        return tried.device == "gpu"
    return tried.build.device == "gpu"


def _needs_python(tried: Attempt, context: Context) -> bool:
    """Whether role python has anything to do: users of a shared host get the tools; alone, an interpreter that is there will do."""
    missing = tried.python is not None and tried.python.path is None
    return missing or (context.host.become and (context.host.shared or context.asked.method == "native"))


def _version(tried: Attempt, context: Context) -> str:
    """The release; of nightly builds the one that was asked for, else the one in use, else "nightly": the host will find it."""
    if tried.release.channel != "nightly":
        return tried.release.version
    if context.asked.method == "docker":
        return "nightly"
    asked = context.asked.nightly
    return (context.host.nightly or "nightly") if asked in (None, "keep", "newest") else asked


def _requirement(tried: Attempt, package: str, context: Context) -> str:
    extra = "[and-cuda]" if tried.gpu and tried.gpu.source == "wheels" else ""
    if context.asked.wheel_url:
        return f"{package}{extra} @ {context.asked.wheel_url}"
    if tried.release.channel == "nightly" and context.asked.nightly in (None, "keep", "newest"):
        return f"{package}{extra}"  # the host pins it
    return f"{package}{extra}=={_version(tried, context)}"


def _guide_url(tried: Attempt, context: Context) -> str | None:
    """Where the guides of its day fetched this wheel from, if the index may be asked for it at all."""
    asked, host = context.asked, context.host
    if asked.wheel_url or asked.method in ("docker", "source") or host.architecture != "x86_64" or not tried.python:
        return None
    device = tried.build.device if tried.build else "cpu"
    return wheel_url.of_guides(tried.release.version, tried.python.version, device, context.tables)


def _installer(plan: Plan, python: str, context: Context) -> None:
    tables = context.tables
    pip = tables.pip.get(python)
    uv = tables.uv
    wheel = uv.wheels.get(context.host.architecture)
    if wheel and versions.at_least(python, uv.floor):
        plan["installer"] = {
            "name": "uv",
            "version": uv.version,
            "file": wheel.file,
            "sha256": wheel.sha256,
            "pip": pip,
            "virtualenv": {"file": None, "sha256": None},
        }
    else:
        own, virtualenv = tables.pip_wheels.get(pip or ""), tables.virtualenv if python == "2.7" else None
        plan["installer"] = {
            "name": "pip",
            "version": pip,
            "file": own.file if own else None,
            "sha256": own.sha256 if own else None,
            "pip": pip,
            "virtualenv": {
                "file": virtualenv.file if virtualenv else None,
                "sha256": virtualenv.sha256 if virtualenv else None,
            },
        }


def _fill_gpu(plan: Plan, tried: Attempt, context: Context) -> None:
    gpu = tried.gpu
    if gpu is None:
        return
    series = context.tables.series[tried.release.series]
    toolkit = context.tables.cuda[series.cuda]
    plan["cuda"] = {
        "from": gpu.source,
        "version": series.cuda,
        "packages": gpu.cuda_packages,
        "libraries": [toolkit.library],
    }
    plan["cudnn"] = {"version": series.cudnn, "packages": gpu.cudnn_packages}
    plan["nccl"] = {"version": gpu.nccl_version, "packages": gpu.nccl_packages}
    plan["tensorrt"] = {
        "version": gpu.tensorrt_version,
        "packages": gpu.tensorrt_packages,
        "archive": gpu.tensorrt_archive,
    }
    plan["driver"] = {
        "minimum": gpu.driver.minimum,
        "branch": gpu.driver.branch,
        "packages": list(gpu.driver.packages),
        "fabric_manager": gpu.driver.fabric_manager,
        "version": gpu.driver.version,
        "reboot": gpu.driver.reboot,
    }
    if gpu.repository:
        plan["repository"] = {
            "distro": gpu.repository.name,
            "architecture": context.host.architecture,
            "key": context.tables.keys[gpu.repository.key].fingerprint,
            "drivers": gpu.driver.repository,
            "retired_keys": [
                {"fingerprint": key.fingerprint, "name": name} for name, key in context.tables.keys.items()
            ],
            "retired_files": [{"file": row.file, "why": row.why} for row in context.tables.retired],
        }


def _toolkit(context: Context) -> PlanToolkit:
    toolkit = context.tables.toolkit
    fingerprint = context.tables.keys[toolkit.key].fingerprint
    packages = [f"{name}={toolkit.version}" for name in toolkit.packages]
    return {"packages": packages, "key": fingerprint}


def _fill_image(plan: Plan, tried: Attempt, context: Context) -> None:
    wish, tables = context.wish, context.tables
    requirement = f"{plan['tensorflow']['package']}[and-cuda]=={tried.release.version}"
    chosen, notes = docker_image.plan(wish, tried.release, tried.device, context.asked.python, requirement, tables)
    plan["image"] = {
        "reference": chosen.reference,
        "name": chosen.name,
        "tag": chosen.tag,
        "digest": chosen.digest,
        "base": chosen.base,
        "requirements": list(chosen.requirements),
        "programs": list(chosen.programs),
        "gpus": tried.gpu.serving if tried.gpu else 0,
    }
    plan["notes"].extend(notes)
    wrong = docker_image.trouble(wish, tried.release, tried.device, tables)
    plan["problems"].extend([wrong] if wrong else [])


def _constraints(tried: Attempt, context: Context) -> list[str]:
    """The pins that keep later uploads of the release's dependencies away."""
    python = tried.python.version if tried.python else ""
    pins: list[str] = []
    for row in context.tables.constraints:
        if not versions.within(tried.release.version, row.releases) or not versions.within(python, row.python):
            continue
        if row.cuda and (tried.gpu is None or tried.gpu.source != row.cuda):
            continue
        lowest = row.below_capability
        if lowest and not (
            tried.gpu and any(versions.order(one) < versions.order(lowest) for one in tried.gpu.capabilities)
        ):
            continue
        pins.extend(pin for pin in row.pins if pin not in pins)
    return pins


def _choices(tried: Attempt, context: Context) -> list[str]:
    """What was chosen in the user's name."""
    notes = []
    python, asked = tried.python, context.asked
    if python and python.path is None:
        origin = _ORIGINS.get(python.provider, python.provider)
        notes.append(f"Python {python.version} is installed from {origin}.")
    elif python and asked.python == "auto" and asked.method != "native":
        there = [one for one in context.pythons if one.path]
        newer = [one for one in there if versions.order(one.version) > versions.order(python.version)]
        first = there[0]
        if first in newer:
            name = tried.release.version
            notes.append(f"Python {python.version} is used: TensorFlow {name} has no wheel for {first.version}.")
        elif newer:
            newest = max(newer, key=lambda one: versions.order(one.version))
            notes.append(
                f"The system's Python {python.version} is used, not the newer {newest.version} that this host has as well."
            )
    if asked.wheel_url and not asked.wheel_sha256:
        notes.append("The wheel is taken as it comes: tensorflow_wheel_sha256 would have it checked.")
    if tried.release.channel == "nightly":
        notes.extend(_which_nightly(context))
    return notes


def _which_nightly(context: Context) -> list[str]:
    asked, there = context.asked.nightly, context.host.nightly
    if context.wish.image:
        return []
    if context.asked.method == "docker":
        again = "tensorflow_docker_refresh asks for it again"
        return [f"The image that the tag nightly leads to is pulled once, and stays until {again}."]
    if asked == "newest":
        return ["Each run installs the newest nightly build: tensorflow_nightly is newest."]
    if asked != "keep":
        return []
    if there:
        return [f"The nightly build stays at {there}; tensorflow_nightly: newest moves it."]
    return [
        "The newest nightly build of the package index is installed, and stays until tensorflow_nightly asks for another."
    ]


def _is_there(plan: Plan, sealed: Mapping[str, object]) -> bool:
    """Whether the environment in use was made from this plan, so that no space is needed for another."""
    requirements, python = sealed.get("requirements"), sealed.get("python")
    return (
        isinstance(requirements, (list, tuple))
        and isinstance(python, (list, tuple))
        and any(plan["tensorflow"]["requirement"] in (one, str(one).partition("==")[0]) for one in requirements)
        and plan["python"]["version"] in python
        and sealed.get("constraints") == sorted(plan["constraints"])
    )
