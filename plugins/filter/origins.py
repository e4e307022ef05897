# SPDX-License-Identifier: GPL-3.0-or-later
"""Which origins the package cache fetches from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache

DOCUMENTATION = r"""
name: origins
short_description: Which origins the package cache fetches from
version_added: 0.1.0
description:
  - The origins that every package cache has, with a site's own rows over them.
options:
  _input:
    description: Host to address, the rows of P(tensorwright.fleet.package_cache#role).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ package_cache_origins | tensorwright.fleet.origins }}"
"""

RETURN = r"""
_value:
  description: Host to the address that stands for it.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"origins": untrusted_result(package_cache.origins)}
