# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of a host: one for each of its environments, and what a site's variables add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import facts as hostfacts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import trust
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import (
    ca_certificates,
    tensorflow_docker,
    tensorflow_users,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import conda as condasite
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import docker as engine
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import nvidia as nvidia_wishes
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments, role_variables


def plan(
    request: Mapping[str, Any], host: Mapping[str, Any], variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The plan of one environment as plain data.

    host: the host facts as they are for the environment's path, see `environments.at`.
    """
    variables = variables or {}
    facts = nvidia_wishes.facts(ca_certificates.may_become(host, variables), variables)
    wish = {key: value for key, value in request.items() if key not in environments.ADDED_KEYS}
    made = resolve(wish, facts, names=variables)
    made["problems"].extend([*role_variables.problems(variables), *condasite.problems(made, variables)])
    made["problems"].extend([*engine.problems(made, facts, variables), *tensorflow_docker.problems(made, variables)])
    nvidia_wishes.add(made, variables)
    ca_certificates.add(made, facts, variables)
    tensorflow_users.add(made, facts, variables)
    made["problems"].extend(trust.problems(made, facts, hostfacts.read(facts), variables))
    return {**made, **{key: request[key] for key in environments.ADDED_KEYS if key in request}}


def plans(
    request: Mapping[str, Any],
    host: Mapping[str, Any],
    variables: Mapping[str, Any],
    listed: object = (),
    only: object = "",
) -> list[dict[str, Any]]:
    """The plans of all environments of a host, in the order of the list.

    listed: tensorflow_environments, each item over what the host asks for; only: the path of the one that a run is for.
    """
    found = [
        plan(one, environments.at(host, one.get("path")), variables) for one in environments.requests(request, listed)
    ]
    beside_each_other = environments.problems(listed, only, found, host)
    if len(found) > 1:
        found = environments.told_apart(found)
    found[0]["problems"] = [*beside_each_other, *found[0]["problems"]]
    return found
