# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules that fetch are told of the package cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache

DOCUMENTATION = r"""
name: package_cache
short_description: What modules that fetch are told of the package cache
version_added: 0.1.0
description:
  - Maps nothing by itself. Whoever fetches asks the cache first, and the origin where the cache fails.
options:
  _input:
    description: All variables of the host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ hostvars | tensorwright.fleet.of(inventory_hostname) | tensorwright.fleet.package_cache }}"
"""

RETURN = r"""
_value:
  description: Address, hosts and timeout of the cache; nothing where there is none.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"package_cache": untrusted_result(package_cache.settings)}
