# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's settings for its users (tensorflow_users_…) add to a plan, and what of them no host could have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, one_line, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import trust
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan

ROLE: Final = "tensorflow_users"
PREFIX: Final = f"{ROLE}_"
# They say how, and alone ask for nothing.
SILENT: Final = (f"{PREFIX}environments", f"{PREFIX}discard", f"{PREFIX}result")
BUILT: Final = ("virtualenv", "conda", "source")
GROUP_KEYS: Final = ("name", "path", "environment", "members", "private")
GPU_KEYS: Final = ("group", "user", "gpus")
# As useradd takes it, and names of a directory service; all others could mean something else in PAM's files.
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
_GPU: Final = re.compile(r"(GPU|MIG)-[A-Za-z0-9/-]+")
_NO: Final = ("", "false", "no", "off", "0")


def _asks(value: Any) -> bool:
    return bool(value) and str(value).strip().lower() not in _NO


def add(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Let the role come last where any setting asks for something, and the releases have what users' notebooks need."""
    names = (str(name) for name in variables if str(name).startswith(PREFIX) and name not in SILENT)
    wanted = sorted(name for name in names if _asks(variables[name]))
    if not wanted:
        return
    plan["roles"].append(ROLE)
    if _asks(variables.get(f"{PREFIX}kernels")) and plan["method"] not in ("docker", None):
        plan["packages"] = ["ipykernel"]
    plan["problems"].extend(_refused(plan, host, variables, wanted[0]))


def _refused(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any], first: str) -> Iterator[Problem]:
    path = plan["path"]["absolute"]
    home = (host.get("user") or {}).get("home")
    if host.get("become") is False:
        why = "which needs root, and this run may not become root"
        yield _problem(first, f"is set, {why}", "a run that may become root, or no such variable")
    if path and home and plan["method"] != "docker" and str(path).startswith(f"{str(home).rstrip('/')}/"):
        yield _problem(
            first, f"is set, but {path} is in a home, which others cannot reach", "tensorflow_path: /opt/tensorflow"
        )
    yield from _groups(plan, host, variables)
    yield from _gpus(host, variables)
    modules = variables.get(f"{PREFIX}modules", "auto")
    places = modules if isinstance(modules, (list, tuple)) else [modules]
    if not all(str(place).startswith("/") for place in places) and str(modules).strip().lower() not in ("auto", *_NO):
        yield _problem(
            f"{PREFIX}modules", f"is {show(modules)}", "auto, false, or directories such as /etc/lmod/modules"
        )


def paths(plan: Plan, variables: Mapping[str, Any]) -> list[str]:
    """The paths of the host's environments, as far as a plan knows them: its own, and those that the request lists."""
    listed = variables.get("tensorflow_environments")
    rows = listed if isinstance(listed, (list, tuple)) else ()
    named = [str(row["path"]) for row in rows if isinstance(row, Mapping) and row.get("path")]
    own = [plan["path"]["absolute"]] if plan["path"]["absolute"] else []
    return [normpath(path) for path in dict.fromkeys([*own, *named])]


def _rows(variables: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The rows of a list; what is of another type is told from its specification."""
    rows = variables.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, (list, tuple)) else []


def _strange(row: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> Iterator[Problem]:
    for key in sorted(str(key) for key in row if key not in keys):
        yield _problem(name, f"has the key '{one_line(key)}'", f"the keys {', '.join(keys)}")


def _groups(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Problem]:
    name = f"{PREFIX}groups"
    taken: dict[str, str] = {}
    environments = paths(plan, variables)
    for row in _rows(variables, name):
        yield from _strange(row, name, GROUP_KEYS)
        group, path = row.get("name"), row.get("path")
        yield from _account(name, "group", group, host)
        if not isinstance(path, str) or not path.startswith("/") or ".." in path.split("/") or not path.strip("/"):
            yield _problem(name, f"gives {show(group)} the path {show(path)}", "an absolute path, such as /opt/vision")
            continue
        if ":" in path or not path.isprintable():
            yield _problem(
                name, f"gives {show(group)} the path {show(path)}", "a path without colons and control characters"
            )
            continue
        path = normpath(path)
        near = next((one for one in (*environments, *taken) if _overlap(path, one)), None)
        if near or "/.tensorwright" in path:
            what = f"group {taken[near]} has {near}" if near in taken else f"{near or 'what'} is Tensorwright's own"
            yield _problem(
                name, f"gives {show(group)} the path {path}, but {what}", "a path of its own, such as /opt/vision"
            )
        taken[path] = one_line(str(group))
        base = row.get("environment") or plan["path"]["absolute"]
        if base and normpath(str(base)) not in environments:
            yield _problem(name, f"puts {path} on {show(base)}, and no environment is there", ", ".join(environments))
        elif plan["method"] not in (*BUILT, None) and normpath(str(base)) == plan["path"]["absolute"]:
            why = f"puts {path} on {base}, which is of method {plan['method']}"
            yield _problem(name, why, f"an environment of method {', '.join(BUILT)}")
        members = row.get("members") or []
        for user in members if isinstance(members, (list, tuple)) else [members]:
            yield from _account(name, "user", user, host)


def _overlap(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _gpus(host: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Problem]:
    name = f"{PREFIX}gpus"
    there = host.get("gpus")
    count = len(there) if isinstance(there, (list, tuple)) else None
    named: set[tuple[str, str]] = set()
    for row in _rows(variables, name):
        yield from _strange(row, name, GPU_KEYS)
        kinds = [kind for kind in ("group", "user") if row.get(kind)]
        if len(kinds) != 1 or not isinstance(row.get("gpus"), (list, tuple)):
            yield _problem(name, "has a row of another shape", "rows such as {group: vision, gpus: [0, 1]}")
            continue
        who = row[kinds[0]]
        yield from _account(name, kinds[0], who, host)
        if (kinds[0], str(who)) in named:
            yield _problem(name, f"names {kinds[0]} {show(who)} twice", "one row for each")
        named.add((kinds[0], str(who)))
        for gpu in row["gpus"]:
            if isinstance(gpu, int) and not isinstance(gpu, bool):
                if gpu < 0 or (count is not None and gpu >= count):
                    has = f"numbers from 0 to {count - 1}" if count else "no number, as this host has no NVIDIA GPU"
                    yield _problem(name, f"gives {show(who)} GPU {gpu}, which this host does not have", has)
            elif not _GPU.fullmatch(str(gpu)):
                yield _problem(
                    name, f"gives {show(who)} the GPU {show(gpu)}", "numbers, or ids that begin with GPU- or MIG-"
                )


def _account(name: str, kind: str, given: Any, host: Mapping[str, Any]) -> Iterator[Problem]:
    """A problem with the name of a group or a user: one that could not be one, or that the host does not know."""
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        yield _problem(name, f"names {show(given)}, which is no name of a {kind}", f"the name of a {kind} of the host")
        return
    known = (host.get("accounts") or {}).get(f"{kind}s") or {}
    if known.get(given, True) is False:
        yield _problem(name, f"names the {kind} '{given}', which this host does not have", f"a {kind} of the host")


def _problem(name: str, what: str, accepted: str) -> Problem:
    return {"about": name.removeprefix("tensorflow_"), "message": f"{name} {what}", "accepted": accepted}


def accounts(variables: Mapping[str, Any]) -> dict[str, list[str]]:
    """The groups, users and paths that the settings name, for the look at the host to find out whether it knows, and trusts, them."""
    groups: set[Any] = set()
    users: set[Any] = set()
    for row in _rows(variables, f"{PREFIX}groups"):
        groups.add(row.get("name"))
        members = row.get("members")
        users.update(member for member in (members if isinstance(members, list) else []) if isinstance(member, str))
    for row in _rows(variables, f"{PREFIX}gpus"):
        groups.add(row.get("group"))
        users.add(row.get("user"))
    named = {
        kind: sorted(str(name) for name in names if name) for kind, names in (("groups", groups), ("users", users))
    }
    return {**named, "paths": trust.paths(variables)}
