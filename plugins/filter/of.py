# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the variables of one host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.host_variables import HostVariables

DOCUMENTATION = r"""
name: of
short_description: The variables of one host
version_added: 0.2.0
author: The Tensorwright developers
description:
  - As C(hostvars[host]), whose templates cannot read C(hostvars). In these they can.
  - For filters that read variables; no value to keep.
positional: host
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what modules that fetch are told of the package cache
  ansible.builtin.debug:
    msg: "{{ hostvars | tensorwright.fleet.of(inventory_hostname) | tensorwright.fleet.package_cache }}"
"""

RETURN = r"""
_value:
  description: The variables by name. A template is resolved when it is read.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"of": HostVariables}
