# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles' work on a host goes with an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

DOCUMENTATION = r"""
name: unneeded
short_description: Which roles' work on a host goes with an environment
version_added: 0.2.0
description:
  - Of the roles that serve several environments of a host, those that serve no other one than the given ones.
  - A role whose receipt does not tell whom it serves is not among them.
positional: names
options:
  _input:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
  names:
    description: The environments that are removed, as their paths; images have none and are called C(docker).
    type: list
    elements: str
    required: true
  gone:
    description: Roles whose work has been removed since the host facts were gathered.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what goes with the environment
  ansible.builtin.debug:
    msg: "{{ tensorflow_host | tensorwright.fleet.unneeded(['/opt/tensorflow']) }}"
"""

RETURN = r"""
_value:
  description: Names of roles, in the order of their removal.
  type: list
  elements: str
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"unneeded": untrusted_result(due.unneeded)}
