# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the host facts as they are for one of several environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments

DOCUMENTATION = r"""
name: facts_at
short_description: The host facts as they are for one of several environments
version_added: 0.2.0
author: The Tensorwright developers
description:
  - Free space, what is at the path and beside it are those of the given path, all else is the host's.
positional: place
options:
  _input:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
  place:
    description: The path of the environment, as the list of environments has it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ ansible_facts['tensorflow_host'] | tensorwright.fleet.facts_at('/opt/b') }}"
"""

RETURN = r"""
_value:
  description: The host facts.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"facts_at": untrusted_result(environments.at)}
