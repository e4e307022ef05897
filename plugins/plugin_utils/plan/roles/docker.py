# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a host from method docker: its engine's settings, packages and space, and users who cannot have an engine of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, both, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import facts as hostfacts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import DockerFacts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan

OTHER = {"docker": "distribution", "distribution": "docker"}


def problems(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Problem]:
    """What has to be put right before the engine can be as asked."""
    facts = hostfacts.read(host)
    if plan["method"] != "docker" or facts.docker is None:
        return
    docker = facts.docker
    if docker.settings_error:
        accepted = "that file once it is put right, or none"
        yield problem("method", "docker", f"but {docker.settings_error}", accepted)
    yield from _other_engines(docker, variables)
    yield from _rootless(docker, variables)
    needed, is_there = plan["space"]["needed_mb"], plan["image"]["reference"] in docker.images
    if docker.free_mb is not None and docker.free_mb < needed and not is_there:
        message = f"docker_data_root is {docker.data_root}, whose filesystem has {docker.free_mb} MB free"
        accepted = f"a path with at least {needed} MB free"
        yield {"about": "docker_data_root", "message": message, "accepted": accepted}


def _other_engines(docker: DockerFacts, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """Packages of another engine, which cannot stay beside the one that is asked for."""
    source = str(variables.get("docker_package_source", "docker"))
    if source not in OTHER or str(variables.get("docker_conflicting_packages", "refuse")) != "refuse":
        return
    others = [name for maker in (OTHER[source], "retired") for name in docker.engines.get(maker, ())]
    if not others:
        return
    message = f"docker_package_source is '{source}', and {both(others)} of another origin {_are(others)} installed"
    other = f"docker_package_source: {OTHER[source]}, or " if docker.engines.get(OTHER[source]) else ""
    accepted = f"{other}docker_conflicting_packages: remove, which keeps images and containers"
    yield {"about": "docker_package_source", "message": message, "accepted": accepted}


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _rootless(docker: DockerFacts, variables: Mapping[str, Any]) -> Iterator[Problem]:
    users = variables.get("docker_rootless_users")
    if docker.subids is None or not isinstance(users, (list, tuple)):
        return
    lacking = [str(user) for user in users if str(user) not in docker.subids]
    if not lacking:
        return
    has = "has" if len(lacking) == 1 else "have"
    message = f"docker_rootless_users names {both(lacking)}, who {has} no 65536 ids in /etc/subuid and /etc/subgid"
    accepted = "users who have them; usermod --add-subuids and --add-subgids give them"
    yield {"about": "docker_rootless_users", "message": message, "accepted": accepted}
