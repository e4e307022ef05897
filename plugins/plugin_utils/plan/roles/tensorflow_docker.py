# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jupyters and TensorBoards that a site asks for, looked at before any change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, one_line, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan

NAME: Final = "tensorflow_docker_services"
PORTS: Final = {"jupyter": 8888, "tensorboard": 6006}
KEYS: Final = ("service", "user", "port", "address", "directory", "token", "open_to_all")
_NO: Final = ("false", "no", "off", "0")


def problems(plan: Plan, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """What no unit could be made of, and two that want the same port."""
    rows = variables.get(NAME)
    if plan["method"] != "docker" or not isinstance(rows, (list, tuple)):
        return
    taken: dict[tuple[object, int], str] = {}
    named: set[tuple[str, str]] = set()
    for row in rows:
        if not isinstance(row, Mapping):
            continue  # of another type than its specification says, which is told from there
        kind, user, port = row.get("service"), row.get("user"), row.get("port")
        strange = sorted(str(key) for key in row if key not in KEYS)
        if strange:
            yield _problem(f"has the key '{one_line(strange[0])}'", f"the keys {', '.join(KEYS)}")
            continue
        if kind not in PORTS:
            yield _problem(f"has the service {show(kind)}", ", ".join(PORTS))
            continue
        if not isinstance(user, str) or not user:
            yield _problem(f"names no user for a {kind}", "the name of a user of the host")
            continue
        number = _port(PORTS[kind] if port is None else port)
        if number is None:
            yield _problem(f"has the port {show(port)} for {one_line(user)}", "a whole number from 1 to 65535")
            continue
        if (kind, user) in named:
            yield _problem(f"names {one_line(user)} twice for {kind}", "one of each service for a user")
        named.add((kind, user))
        if kind == "jupyter" and _is_no(row.get("token", True)) and _is_no(row.get("open_to_all", False)):
            yield _problem(
                f"has a jupyter for {one_line(user)} with token: false, by which every user of the host, and whoever else reaches "
                f"its port, may do all that {one_line(user)} may",
                "a token, or open_to_all: true beside it where that is meant",
            )
        place = (row.get("address") or "127.0.0.1", number)
        if place in taken:
            yield _problem(f"gives port {number} to {taken[place]} and to {one_line(user)}", "a port for each of them")
        taken[place] = one_line(user)
        image = plan["image"]
        if image["reference"] and kind not in image["programs"]:
            remedy = "jupyter: true" if kind == "jupyter" else "extra_packages: [tensorboard]"
            yield _problem(
                f"has a {kind} for {one_line(user)}, and the image {image['reference']} is without it",
                f"the same with tensorflow_docker_{remedy}",
            )


def _is_no(value: object) -> bool:
    return str(value).strip().lower() in _NO


def _port(value: object) -> int | None:
    text = str(value).strip()
    return (
        int(text)
        if not isinstance(value, bool) and text.isascii() and text.isdigit() and 0 < int(text) < 65536
        else None
    )


def _problem(what: str, accepted: str) -> Problem:
    return {"about": "docker_services", "message": f"{NAME} {what}", "accepted": accepted}
