# SPDX-License-Identifier: GPL-3.0-or-later
"""Several environments on one host: each item of tensorflow_environments is a request of its own over that of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, both, problem, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import ROLES, part
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import near_one

NAME = "environments"
# What each environment may have of its own; the rest is one for the host: its driver, its NVIDIA packages, how runs work.
KEYS = (
    *("version", "device", "method", "python", "cuda_from", "tensorrt", "nccl"),
    *("path", "wheel_url", "wheel_sha256", "nightly", "extra_packages"),
)
# What resolves to nothing, and is told to the role that installs as it is.
ADDED_KEYS = ("extra_packages",)
# Of these methods a host has one environment: the system's Python sees one, a command starts one image, one wheel is built at a time.
SINGLE = ("native", "docker", "source")
# What of NVIDIA's a host has in one version, and how several environments come to share it.
_HOST_WIDE = {
    "nvidia_repo": ("NVIDIA repository", "one"),
    "nvidia_driver": ("driver", "one tensorflow_driver_branch that serves all"),
    "cuda": ("CUDA", "cuda_from: wheels, or method docker, for all but one"),
    "cudnn": ("cuDNN", "cuda_from: wheels, or method docker, for all but one"),
    "nccl": ("NCCL", "nccl: false for all but one, or cuda_from: wheels"),
    "tensorrt": ("TensorRT", "tensorrt: false for all but one"),
}

Request = Mapping[str, Any]
Plan = Mapping[str, Any]


def requests(request: Request, listed: object) -> list[dict[str, Any]]:
    """A request for each environment of the host: the list's items over what the host asks for, or that alone.

    What is no request at all is left out; `problems` tells of it.
    """
    items = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, (list, tuple)) else []
    path = request.get("path")
    wishes = [
        {**request, **{key: item[key] for key in KEYS if key in item}, "path": location.asked(item, str(path))}
        for item in items
    ]
    return wishes or [{**request, "path": path.strip() if isinstance(path, str) else path}]


def at(host: Mapping[str, Any], place: object) -> dict[str, Any]:
    """The host facts as they are for the environment at a place."""
    there = (host.get("places") or {}).get(str(place).strip())
    if not there:
        return {**host}
    source = {**(host.get("source") or {}), "builds": there["builds"]}
    return {**host, **{key: there[key] for key in ("path", "free_mb", "environment")}, "source": source}


def told_apart(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """The plans of several environments, whose problems say of which one they are; what is true of all is said once."""
    common = [trouble for trouble in plans[0]["problems"] if all(trouble in plan["problems"] for plan in plans)]
    found: list[dict[str, Any]] = []
    for plan in plans:
        own = [trouble for trouble in plan["problems"] if trouble not in common]
        named = [{**trouble, "message": f"{plan['path']['given']}: {trouble['message']}"} for trouble in own]
        found.append({**plan, "problems": ([] if found else common) + named})
    return found


def problems(listed: object, only: object, plans: Sequence[Plan], host: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the list itself, and with its environments beside each other."""
    if listed in (None, "", []) and not only:
        return []
    if not isinstance(listed, (list, tuple)):
        accepted = "a list of mappings such as {path: /opt/tensorflow-2.15, version: '2.15'}"
        return [problem(NAME, listed, "which is not a list", accepted)]
    found = [*_items(listed)]
    if len(plans) > 1:
        found.extend([*_same_places(plans), *_same_methods(plans), *_differences(plans), *_too_full(plans, host)])
    paths = [str(plan["path"]["given"]) for plan in plans]
    if only and only not in paths:
        found.append(problem("only", only, "where no environment of this host is", both(paths)))
    return found


def _items(listed: Sequence[object]) -> Iterator[Problem]:
    for number, item in enumerate(listed, 1):
        if not isinstance(item, Mapping):
            why = f"whose item {number} is {show(item)}"
            yield problem(NAME, listed, why, "a mapping such as {path: /opt/tensorflow-2.15, version: '2.15'}")
            continue
        for key in sorted(str(key) for key in item if key not in KEYS):
            why = f"whose item {number} has {show(key)}"
            yield problem(NAME, listed, why, ", ".join(KEYS) + near_one(key, KEYS))
        extra = item.get("extra_packages", [])
        if not isinstance(extra, (list, tuple)) or not all(isinstance(name, str) and name.strip() for name in extra):
            why = f"whose item {number} has the extra_packages {show(extra)}"
            yield problem(NAME, listed, why, "a list of packages, such as ['keras-cv']")


def _same_places(plans: Sequence[Plan]) -> Iterator[Problem]:
    for place in _repeated(plan["path"]["absolute"] for plan in plans if plan["path"]["absolute"]):
        yield _clash(f"two of them are at {place}", "a path of its own for each")


def _same_methods(plans: Sequence[Plan]) -> Iterator[Problem]:
    for method in _repeated(plan["method"] for plan in plans if plan["method"] in SINGLE):
        yield _clash(f"two of them are of method {method}, of which a host has one", "another method for all but one")


def _differences(plans: Sequence[Plan]) -> Iterator[Problem]:
    """What a host has in one version, and its environments want in several."""
    for role, (what, accepted) in _HOST_WIDE.items():
        wanted: dict[str, list[str]] = {}
        for plan in plans:
            if role in plan["roles"] and not plan["problems"]:
                told = ", ".join(_told(plan, role)) or "none"
                wanted.setdefault(told, []).append(str(plan["path"]["given"]))
        if len(wanted) > 1:
            needs = [f"{told} for {both(paths)}" for told, paths in wanted.items()]
            yield _clash(f"they need more than one {what} of NVIDIA's packages: {'; '.join(needs)}", accepted)


def _told(plan: Plan, role: str) -> Iterator[str]:
    for key in ROLES[role].plan_keys or ():
        value = part(plan, key)
        yield from map(str, value) if isinstance(value, (list, tuple)) else [str(value)] if value else []


def _too_full(plans: Sequence[Plan], host: Mapping[str, Any]) -> Iterator[Problem]:
    """New environments that fit alone and not together. Those of the same TensorFlow beside each other share its files."""
    needed: dict[object, dict[tuple[object, ...], int]] = {}
    free: dict[object, int] = {}
    for plan in plans:
        facts = at(host, plan["path"]["given"])
        filesystem = (facts.get("path") or {}).get("filesystem")
        if plan["problems"] or plan["method"] == "docker" or facts.get("environment") or filesystem is None:
            continue
        beside = str(plan["path"]["absolute"]).rpartition("/")[0]
        kind = (beside, plan["tensorflow"]["requirement"], plan["python"]["version"])
        needed.setdefault(filesystem, {})[kind] = plan["space"]["needed_mb"]
        free[filesystem] = facts["free_mb"]
    for filesystem, sizes in needed.items():
        total = sum(sizes.values())
        if len(sizes) > 1 and free[filesystem] is not None and total > free[filesystem]:
            why = f"together they need {total} MB, and their filesystem has {free[filesystem]} MB free"
            yield _clash(why, "fewer of them, or paths on several filesystems")


def _clash(why: str, accepted: str) -> Problem:
    return {"about": NAME, "message": f"tensorflow_{NAME}: {why}", "accepted": accepted}


def _repeated(values: Iterable[Any]) -> list[Any]:
    seen = list(values)
    return [value for value in dict.fromkeys(seen) if seen.count(value) > 1]
