# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what each environment of a host asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments

DOCUMENTATION = r"""
name: requests
short_description: What each environment of a host asks for
version_added: 0.2.0
author: The Tensorwright developers
description:
  - The items of a list of environments, each over what the host asks for; without items that alone.
positional: listed
options:
  _input:
    description: The request of the host, the variables of the role P(tensorwright.fleet.tensorflow#role) without their prefix.
    type: dict
    required: true
  listed:
    description: The environments, C(tensorflow_environments).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the environments' paths
  ansible.builtin.debug:
    msg: "{{ {} | tensorwright.fleet.requests([{'path': '/opt/a'}, {'path': '/opt/b', 'version': '2.15'}]) | map(attribute='path') }}"
"""

RETURN = r"""
_value:
  description: The requests, in the order of the list.
  type: list
  elements: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"requests": untrusted_result(environments.requests)}
