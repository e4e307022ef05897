# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that are not to be believed: those below a directory that somebody else than who acts there can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import dirname, normpath
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, one_line, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan

GROUPS: Final = "tensorflow_users_groups"
# Variables that name one directory each: which roles write there, whether as root whoever owns the environment, and a good value.
DIRECTORIES: Final = {
    "tensorflow_pip_cache": (("tensorflow_pip",), False, "/var/cache/tensorwright"),
    "docker_data_root": (("docker",), True, "/var/lib/docker"),
}


def acts_as_root(method: str | None, host: Host) -> bool:
    """Whether the environment's files are written by root: by the connecting user only where that user may write its path."""
    return host.is_root or method in ("native", "docker") or bool(host.path and not host.path.writable)


def fault(untrusted: object, as_root: bool, user: str | None, good: str) -> tuple[str, str] | None:
    """Why a path must not be believed, as a clause, and what would be accepted; None where it may be, or nobody knows.

    untrusted: what the host says of the path, see `location.untrusted` of module_utils. good: a value that would be right.
    """
    found = untrusted.get("root" if as_root else "user") if isinstance(untrusted, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    place, why = one_line(str(found.get("path"))), one_line(str(found.get("why")))
    who = "root" if as_root else f"root or {one_line(user or 'the connecting user')}"
    accepted = f"a path of which every directory belongs to {who} and can be written by nobody else, such as {good}"
    owner = why.removeprefix("belongs to user ")
    if owner != why:
        accepted += f", or a run that connects as {owner}"
    elif not why.startswith("is a link"):
        accepted += f", or this one after chmod go-w {place}"
    return f"but {place} {why}", accepted


def paths(variables: Mapping[str, Any]) -> list[str]:
    """The paths beside the environments' that the look at the host is to tell of."""
    named = [variables.get(name) for name in DIRECTORIES]
    rows = variables.get(GROUPS)
    named += [dirname(path) for path in _group_paths(rows)]
    return sorted({normpath(path) for path in named if isinstance(path, str) and path.startswith("/")})


def _group_paths(rows: object) -> list[str]:
    listed = rows if isinstance(rows, (list, tuple)) else ()
    found = [row.get("path") for row in listed if isinstance(row, Mapping)]
    return [normpath(path) for path in found if isinstance(path, str) and path.startswith("/")]


def problems(plan: Plan, host: Mapping[str, Any], facts: Host, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """What the other paths of a host's variables lack; that of the environment is the resolver's matter."""
    known = (host.get("accounts") or {}).get("paths") or {}
    for name, (roles, always_root, good) in DIRECTORIES.items():
        given = variables.get(name)
        if not isinstance(given, str) or not given.startswith("/") or not set(roles) & set(plan["roles"]):
            continue
        as_root = always_root or acts_as_root(plan["method"], facts)
        wrong = fault(known.get(normpath(given)), as_root, facts.user, good)
        if wrong:
            yield _problem(name, f"is {show(given)}, {wrong[0]}", wrong[1])
    for path in _group_paths(variables.get(GROUPS)) if "tensorflow_users" in plan["roles"] else ():
        wrong = fault(known.get(dirname(path)), True, facts.user, "/opt/vision")
        if wrong:
            yield _problem(GROUPS, f"has the path {show(path)}, {wrong[0]}", wrong[1])


def _problem(name: str, what: str, accepted: str) -> Problem:
    return {"about": name.removeprefix("tensorflow_"), "message": f"{name} {what}", "accepted": accepted}
