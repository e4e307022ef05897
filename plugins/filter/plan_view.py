# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the plans of many hosts as a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.plan_view import view

DOCUMENTATION = r"""
name: plan_view
short_description: The plans of many hosts as a person reads them
version_added: 0.1.0
author: The Tensorwright developers
description:
  - The problems of all hosts come first, one line each.
  - Then comes each distinct plan once, with the hosts that share it; one of several of a host is called V(host:path).
positional: form
options:
  _input:
    description: Pairs of a host's name and its plan, or the plans of its environments.
    type: list
    elements: list
    required: true
  form:
    description: How to show them. V(yaml) and V(json) show every plan in full, by host.
    type: str
    choices: [text, yaml, json]
    default: text
"""

EXAMPLES = r"""
- name: Show the plan of this host
  ansible.builtin.debug:
    msg: "{{ [[inventory_hostname, tensorflow_plan]] | tensorwright.fleet.plan_view }}"
"""

RETURN = r"""
_value:
  description: The plans as text.
  type: str
"""


def plan_view(pairs: Iterable[Sequence[Any]], form: str = "text") -> str:
    """The plans as text."""
    return view(pairs, form)


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"plan_view": untrusted_result(plan_view)}
