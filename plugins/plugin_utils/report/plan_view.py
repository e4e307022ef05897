# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as a person reads them: the problems first, then each distinct plan once with the hosts that share it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable, printable_line
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence

_NAMED_HOSTS = 6
_LABEL = 11

Pair = tuple[str, Mapping[str, Any]]
Row = tuple[str, str]


def view(pairs: Iterable[Sequence[Any]], form: str = "text") -> str:
    """The plans of many hosts as text, YAML or JSON."""
    found = [(str(pair[0]), *labelled) for pair in pairs for labelled in _labelled(str(pair[0]), pair[1])]
    plans = [(label, _plain(plan)) for _, label, plan in found]
    hosts = {label: host for host, label, _ in found}
    if form == "json":
        return json.dumps(dict(plans), indent=2)
    if form == "yaml":
        return str(yaml.safe_dump(dict(plans), sort_keys=False, allow_unicode=True, width=120))
    return printable("\n".join(_text(plans, hosts)))


def _labelled(host: str, found: Any) -> Iterator[Pair]:
    """A host's plan, or its plans by environment."""
    several = [plan for plan in found if isinstance(plan, Mapping)] if isinstance(found, (list, tuple)) else []
    if len(several) > 1:
        yield from ((f"{host}:{plan['path']['given']}", plan) for plan in several)
    elif isinstance(found, Mapping) or several:
        yield host, several[0] if several else found


def _plain(value: Any) -> Any:
    """Plain data of what may be a template engine's own kinds of text and mapping."""
    return json.loads(json.dumps(value))


def _text(plans: Sequence[Pair], hosts: Mapping[str, str]) -> Iterator[str]:
    refused = sorted(sentence(hosts[label], problem) for label, plan in plans for problem in plan.get("problems", ()))
    if refused:
        yield _count(len(refused), "problem") + ":"
        yield from (f"  {line}" for line in refused)
        yield ""
    distinct = groups(plans)
    planned = {hosts[label] for group in distinct for label, _ in group}
    yield f"{_count(len(distinct), 'plan')} for {_count(len(planned), 'host')}"
    for group in distinct:
        yield ""
        yield _hosts([host for host, _ in group])
        yield from (f"  {label:<{_LABEL}} {text}" for label, text in rows(group[0][1]))


def groups(plans: Iterable[Pair]) -> list[list[Pair]]:
    """The hosts whose plans hold, those of equal plans together, the most common plan first."""
    equal: dict[str, list[Pair]] = {}
    for host, plan in plans:
        if not plan.get("problems"):
            equal.setdefault(json.dumps(plan, sort_keys=True), []).append((host, plan))
    return sorted(equal.values(), key=lambda group: (-len(group), group[0][0]))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _hosts(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_NAMED_HOSTS])
    more = len(names) - _NAMED_HOSTS
    return f"{listed} and {more} more:" if more > 0 else f"{listed}:"


def rows(plan: Mapping[str, Any]) -> Iterator[Row]:
    """A plan as a person reads it: labels and what they stand for."""
    tensorflow, space, python = plan["tensorflow"], plan["space"], plan["python"]
    yield _line("TensorFlow", f"{tensorflow['version']} ({tensorflow['requirement']})")
    where = f" at {plan['path']['absolute']}" if plan["path"]["absolute"] and plan["method"] != "docker" else ""
    root = ", as root" if plan["path"]["become"] else ""
    yield _line("method", f"{plan['method']}{where}{root}, about {space['needed_mb']} MB")
    yield _line("device", plan["device"])
    if python["version"]:
        provider = {
            "system": python["path"] or "to be installed, system",
            "standalone": "a standalone build beside it",
            "deadsnakes": python["path"] or "to be installed, from the PPA deadsnakes",
        }
        yield _line(
            "Python", f"{python['version']} ({provider.get(python['provider'], 'from ' + str(python['provider']))})"
        )
    if plan["installer"]["name"]:
        yield _line("installer", f"{plan['installer']['name']} {plan['installer']['version']}")
    if plan["image"]["reference"]:
        yield _line("image", plan["image"]["reference"])
        if plan["image"]["base"]:
            yield _line("built from", f"{plan['image']['base']} and {', '.join(plan['image']['requirements'])}")
    yield from _gpu(plan)
    if plan["build"]["bazel"]:
        yield _line("source", f"{plan['build']['tag']} of {plan['build']['url']}")
        yield _line("build", f"Bazel {plan['build']['bazel']}, {plan['build']['compiler']}")
    if plan["constraints"]:
        yield _line("pins", ", ".join(plan["constraints"]))
    yield _line("roles", ", ".join(plan["roles"]))
    for note in plan["notes"]:
        yield _line("note", note)


def _gpu(plan: Mapping[str, Any]) -> Iterator[Row]:
    if plan["device"] != "gpu":
        return
    cuda, driver, repository = plan["cuda"], plan["driver"], plan["repository"]
    libraries = [f"CUDA {cuda['version']}", f"cuDNN {plan['cudnn']['version']}"]
    others = (("NCCL", plan["nccl"]), ("TensorRT", plan["tensorrt"]))
    libraries.extend(f"{name} {part['version']}" for name, part in others if part["version"])
    yield _line("libraries", f"{', '.join(libraries)}, from {cuda['from']}")
    action = f"branch {driver['branch']} is {'installed' if driver['packages'] else 'there'}"
    yield _line("driver", f"{driver['minimum']} or newer is needed, {action}")
    parts = (cuda, plan["cudnn"], plan["nccl"], plan["tensorrt"], driver)
    packages = [package for part in parts for package in part["packages"]]
    if driver["fabric_manager"]:
        packages.append("=".join(filter(None, (driver["fabric_manager"], driver["version"]))))
    if packages:
        yield _line("packages", ", ".join(packages))
    if plan["tensorrt"]["archive"]:
        yield _line("archive", plan["tensorrt"]["archive"])
    if repository["distro"]:
        yield _line("repository", f"{repository['distro']}/{repository['architecture']}, key {repository['key']}")


def _line(label: str, text: object) -> Row:
    return label, printable_line(str(text))
