# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the groups and users that a host is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import tensorflow_users

DOCUMENTATION = r"""
name: accounts
short_description: The groups and users that a host is asked about
version_added: 0.1.0
author: The Tensorwright developers
description:
  - Those that the settings of the role P(tensorwright.fleet.tensorflow_users#role) name.
  - The look at the host finds out whether they exist.
options:
  _input:
    description: All variables of the host.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Gather the host facts, and whether the named groups and users exist
  tensorwright.fleet.tensorflow_host:
    accounts: "{{ hostvars | tensorwright.fleet.of(inventory_hostname) | tensorwright.fleet.accounts }}"
"""

RETURN = r"""
_value:
  description: Lists of C(groups), C(users) and C(paths).
  type: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"accounts": untrusted_result(tensorflow_users.accounts)}
