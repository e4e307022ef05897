# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the plans of all environments of a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import planner as planning

DOCUMENTATION = r"""
name: plans
short_description: The plans of all environments of a host
version_added: 0.2.0
author: The Tensorwright developers
description:
  - A plan for each item of a list of environments, whose keys take the place of those of the host's request; without items one plan.
  - What environments of one host cannot have beside each other is a problem of the first plan.
positional: host, variables, listed, only
options:
  _input:
    description: The request of the host, the variables of the role P(tensorwright.fleet.tensorflow#role) without their prefix.
    type: dict
    required: true
  host:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
  variables:
    description: All variables of the host.
    type: dict
    required: true
  listed:
    description: The environments, C(tensorflow_environments).
    type: list
    elements: dict
    default: []
  only:
    description: The path of the environment that the run is for; empty for all.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what two environments would be
  ansible.builtin.debug:
    msg: "{{ {} | tensorwright.fleet.plans(tensorflow_host, {}, [{'path': '/opt/a'}, {'path': '/opt/b', 'version': '2.15'}]) }}"
"""

RETURN = r"""
_value:
  description: The plans, in the order of the list.
  type: list
  elements: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"plans": untrusted_result(planning.plans)}
