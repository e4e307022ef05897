# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tables know and no role does yet: refused before any change, and not found out in the middle of a run."""

from __future__ import annotations

from ansible_collections.tensorwright.fleet.plugins.plugin_utils import tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.problems import Problem, problem


def problems(plan: Plan) -> list[Problem]:
    """Return the problem that no role installs on the planned Python, if so."""
    installer, python, version = plan["installer"], plan["python"]["version"], plan["tensorflow"]["version"]
    if installer["name"] is None or installer["file"] is not None:
        return []
    floor = tables.load().uv.floor
    why = f"for which Python {python} would be used, and environments are built for Python {floor} and newer so far"
    return [problem("version", version, why, f"a release that this host's Python {floor} or newer has a wheel for")]
