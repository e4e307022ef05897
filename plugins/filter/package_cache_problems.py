# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of the package cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache

DOCUMENTATION = r"""
name: package_cache_problems
short_description: What is wrong with the variables of the package cache
version_added: 0.1.0
description:
  - Looks at the variables of those who use it, and at the server's where the host is one.
options:
  _input:
    description: All variables of the host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ hostvars | tensorwright.fleet.of(inventory_hostname) | tensorwright.fleet.package_cache_problems }}"
"""

RETURN = r"""
_value:
  description: Problems, each with C(about), C(message) and C(accepted).
  type: list
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"package_cache_problems": untrusted_result(package_cache.problems)}
