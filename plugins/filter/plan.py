# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the plan of an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import planner as planning

DOCUMENTATION = r"""
name: plan
short_description: The plan of an environment
version_added: 0.1.0
author: The Tensorwright developers
description:
  - Holds what the host variables ask for and what the host is against the compatibility tables.
  - The result is exact versions, packages and paths, or problems that say what would be accepted.
positional: host, variables
options:
  _input:
    description: The request, the variables of the role P(tensorwright.fleet.tensorflow#role) without their prefix.
    type: dict
    required: true
  host:
    description: The host facts.
    type: dict
    required: true
  variables:
    description: All variables of the host. Misspelt names are looked for among them, and those of the other roles are checked.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ {'version': '2.21.0'} | tensorwright.fleet.plan(ansible_facts['tensorflow_host']) }}"
"""

RETURN = r"""
_value:
  description: The plan; with an empty list of problems it holds.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"plan": untrusted_result(planning.plan)}
