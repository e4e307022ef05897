# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's own variables add to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import Plan

CERTIFICATES = "ca_certificates"


def roles(plan: Plan, variables: Mapping[str, Any]) -> list[str]:
    """Return the plan's roles, led by the site's certificates and proxies where any of them is set."""
    wanted = any(str(name).startswith(CERTIFICATES + "_") and variables[name] for name in variables)
    return [CERTIFICATES] * wanted + plan["roles"]
