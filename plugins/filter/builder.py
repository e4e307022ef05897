# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: which host builds the wheel that hosts of method source share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import build_host

DOCUMENTATION = r"""
name: builder
short_description: A plan with the host that builds its wheel from source
version_added: 0.2.0
author: The Tensorwright developers
description:
  - Hosts of the same plan share one wheel, which is built with the oldest C library among them.
  - From the offers of all hosts of the run, each host comes to the same choice.
  - Plans of other methods stay as they are.
positional: host, offers, order
options:
  _input:
    description: The plan.
    type: dict
    required: true
  host:
    description: The name of the host in the inventory.
    type: str
    required: true
  offers:
    description: What hosts have offered with P(tensorwright.fleet.build_offer#filter), by their names.
    type: dict
    required: true
  order:
    description: The hosts of the run, in its order.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show who builds
  ansible.builtin.debug:
    msg: "{{ (tensorflow_plan | tensorwright.fleet.builder(inventory_hostname, offers, ansible_play_hosts_all)).build.host }}"
"""

RETURN = r"""
_value:
  description: The plan, with a problem where nobody can build it.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"builder": untrusted_result(build_host.elect)}
