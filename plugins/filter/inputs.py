# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash of all that decides what a role does on a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

DOCUMENTATION = r"""
name: inputs
short_description: The hash of all that decides what a role does on a host
version_added: 0.1.0
description:
  - The role's code, the plan without its notes, and the variables that are named after the role.
  - Of variables whose names end in C(_files) the content of the named files of the controller counts.
  - The same wherever the collection and those files lie.
positional: role, variables
options:
  _input:
    description: The plan.
    type: dict
    required: true
  role:
    description: The role, without the collection's name.
    type: str
    required: true
  variables:
    description: The variables of the host, C(hostvars | tensorwright.fleet.of(inventory_hostname)).
    type: dict
    required: true
  plans:
    description: The plans of all environments of the host, for a role that serves all of them at once.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Write the receipt
  tensorwright.fleet.receipt:
    role: cuda
    inputs: "{{ tensorflow_plan | tensorwright.fleet.inputs('cuda', hostvars | tensorwright.fleet.of(inventory_hostname)) }}"
  become: true
"""

RETURN = r"""
_value:
  description: A SHA-256 in hexadecimal digits.
  type: str
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"inputs": untrusted_result(due.inputs)}
