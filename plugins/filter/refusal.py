# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the problems of a plan, one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result

DOCUMENTATION = r"""
name: refusal
short_description: The problems of a plan, one sentence each
version_added: 0.1.0
author: The Tensorwright developers
description: Names the host, the variable, what was given and what would be accepted.
positional: host
options:
  _input:
    description: A plan.
    type: dict
    required: true
  host:
    description: The name of the host in the inventory.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse what cannot be done
  ansible.builtin.assert:
    that: not tensorflow_plan.problems
    fail_msg: "{{ tensorflow_plan | tensorwright.fleet.refusal(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty for a plan that holds.
  type: list
  elements: str
"""


def refusal(plan: Mapping[str, Any], host: str) -> list[str]:
    """One sentence for each problem."""
    return [sentence(host, problem) for problem in plan.get("problems", [])]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"refusal": untrusted_result(refusal)}
