# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's own variables add to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache

CERTIFICATES = "ca_certificates"


def add(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Let the site's certificates and proxies lead the plan's roles where any of them is set, and its package cache follow."""
    package_cache.add(plan, host, variables)
    wanted = sorted(str(name) for name in variables if str(name).startswith(CERTIFICATES + "_") and variables[name])
    if not wanted:
        return
    plan["roles"].insert(0, CERTIFICATES)
    if host.get("become") is False:
        message = f"{wanted[0]} is set, which needs root, and this run may not become root"
        accepted = "a run that may become root, or tensorflow_pip_ca_file with a bundle that is on the host"
        plan["problems"].append({"about": wanted[0], "message": message, "accepted": accepted})


def may_become(host: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the host's facts, with root where the inventory has the password that the host's own look could not use."""
    password = any(variables.get(name) for name in ("ansible_become_password", "ansible_become_pass"))
    return {**host, "become": True} if password else {**host}
