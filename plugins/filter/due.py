# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the plans' roles have something to do on a host, and for which of its environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

DOCUMENTATION = r"""
name: due
short_description: Which of the plans' roles have something to do on a host, and for which of its environments
version_added: 0.1.0
description:
  - Compares the receipts among the host facts with the plans and the variables of the host.
  - A role that does once what all environments of the host need is named with the first of them.
  - A role is left out where its receipt was written from the same inputs and nothing has drifted since.
positional: host, variables
options:
  _input:
    description: The plans of the host's environments.
    type: list
    elements: dict
    required: true
  host:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
  variables:
    description: The variables of the host, C(hostvars | tensorwright.fleet.of(inventory_hostname)).
    type: dict
    required: true
  trust:
    description: Whether receipts count at all. If not, every role of the plans is due.
    type: bool
    default: true
  places:
    description: The paths of the environments that the run is for; without them all.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show what is to be done
  ansible.builtin.debug:
    msg: "{{ tensorflow_plans | tensorwright.fleet.due(tensorflow_host, hostvars | tensorwright.fleet.of(inventory_hostname)) }}"
"""

RETURN = r"""
_value:
  description: Names of roles, each with the paths of the environments for which it has something to do.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"due": untrusted_result(due.due_at)}
