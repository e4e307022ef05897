# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the plan of a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils import (
    condasite,
    engine,
    nvidia_wishes,
    services,
    site,
    specs,
    users,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.resolver import resolve

DOCUMENTATION = r"""
name: plan
short_description: The plan for one host
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


def plan(
    request: Mapping[str, Any], host: Mapping[str, Any], variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The plan as plain data."""
    variables = variables or {}
    facts = nvidia_wishes.facts(site.may_become(host, variables), variables)
    made = resolve(request, facts, names=variables)
    made["problems"].extend([*specs.problems(variables), *condasite.problems(made, variables)])
    made["problems"].extend([*engine.problems(made, facts, variables), *services.problems(made, variables)])
    nvidia_wishes.add(made, variables)
    site.add(made, facts, variables)
    users.add(made, facts, variables)
    return {**made}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan": plan}
