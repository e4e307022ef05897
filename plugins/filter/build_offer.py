# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what other hosts have to know of one that may build from source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted_result
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import build_host

DOCUMENTATION = r"""
name: build_offer
short_description: What other hosts have to know of one that may build from source
version_added: 0.2.0
author: The Tensorwright developers
description: Says what the host would build, with which C library, which wheels it has, and why it could not build.
positional: host
options:
  _input:
    description: The plan.
    type: dict
    required: true
  host:
    description: The host facts, from M(tensorwright.fleet.tensorflow_host).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Offer to build
  ansible.builtin.set_fact:
    offered: "{{ tensorflow_plan | tensorwright.fleet.build_offer(tensorflow_host) }}"
"""

RETURN = r"""
_value:
  description: The offer; empty where the plan has problems or another method.
  type: dict
"""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What this plugin offers."""
        return {"build_offer": untrusted_result(build_host.offer)}
