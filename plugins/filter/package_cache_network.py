# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the package cache listens, and whom it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache_network

DOCUMENTATION = r"""
name: package_cache_network
short_description: Where the package cache listens, and whom it answers
version_added: 0.1.0
description:
  - What is asked for; otherwise the addresses that hosts are told, and the networks that these are in.
options:
  _input:
    description: Facts of the cache host, its interfaces among them.
    type: dict
    required: true
  url:
    description: The cache's address, as hosts are told.
    type: str
    default: ""
  listen:
    description: Addresses that are asked for.
    type: list
    elements: str
    default: []
  clients:
    description: Networks that are asked for.
    type: list
    elements: str
    default: []
  names:
    description: Addresses to which the name in O(url) resolves on the cache host, then the inventory's of that host.
    type: list
    elements: str
    default: []
  hosts:
    description: Addresses of the inventory's hosts. Names among them are passed over.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ ansible_facts | tensorwright.fleet.package_cache_network(url=package_cache_url) }}"
"""

RETURN = r"""
_value:
  description: C(listen), a list of addresses, and C(clients), a list of networks.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"package_cache_network": untrusted_result(package_cache_network.network)}
