# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: hosts by what comes next for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result

DOCUMENTATION = r"""
name: by_next
short_description: Hosts by what comes next for them
version_added: 0.2.0
author: The Tensorwright developers
description:
  - Sorts hosts by what M(tensorwright.fleet.plan) has found out in this run. Hosts that it did not come to are in no list.
positional: variables
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  variables:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the hosts on which all is right
  ansible.builtin.debug:
    msg: "{{ (groups['all'] | tensorwright.fleet.by_next(hostvars)).right | default([]) }}"
"""

RETURN = r"""
_value:
  description: V(right), V(due) and V(in_step), each with its hosts in the order in which they were given; without those that have none.
  type: dict
"""


def by_next(names: Iterable[str], variables: Mapping[str, Any]) -> dict[str, list[str]]:
    """What comes next -> the hosts."""
    found: dict[str, list[str]] = {}
    for name in names:
        known = variables[name].get("ansible_facts", {}).get("tensorwright_next") if name in variables else None
        if known:
            found.setdefault(str(known), []).append(str(name))
    return found


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"by_next": untrusted_result(by_next)}
