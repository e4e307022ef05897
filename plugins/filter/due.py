# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a plan's roles have something to do on a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils import receipts

DOCUMENTATION = r"""
name: due
short_description: Which of a plan's roles have something to do on a host
version_added: 0.1.0
description:
  - Compares the receipts among the host facts with the plan and the variables of the host.
  - A role is left out where its receipt was written from the same inputs and nothing has drifted since.
positional: host, variables
options:
  _input:
    description: The plan.
    type: dict
    required: true
  host:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
  variables:
    description: The variables of the host, C(hostvars[inventory_hostname]).
    type: dict
    required: true
  trust:
    description: Whether receipts count at all. If not, every role of the plan is due.
    type: bool
    default: true
  plans:
    description: The plans of all environments of the host, for roles that serve all of them at once.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show what is to be done
  ansible.builtin.debug:
    msg: "{{ tensorflow_plan | tensorwright.fleet.due(tensorflow_host, hostvars[inventory_hostname]) }}"
"""

RETURN = r"""
_value:
  description: Names of roles, in the plan's order.
  type: list
  elements: str
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"due": receipts.due}
