#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action; plugins/action/plan.py is what runs."""

DOCUMENTATION = r"""
module: plan
short_description: Look at a host, plan, and refuse what is impossible
version_added: 0.2.0
description:
  - Gathers the host facts, holds the request and the facts against the tables, and fails with one sentence for each problem.
  - For a host on which all is right it leaves the closing table's row.
  - Reads the variables of the role P(tensorwright.fleet.tensorflow#role), so it is a task of that role.
author:
  - The Tensorwright developers
options: {}
attributes:
  action:
    description: Runs on the controller; on the host it only looks.
    support: full
  check_mode:
    description: Changes nothing in any mode.
    support: full
  facts:
    description: Returns C(ansible_facts).
    support: full
"""

EXAMPLES = r"""
- name: Look at the host, plan, and refuse what is impossible
  tensorwright.fleet.plan:
"""

RETURN = r"""
ansible_facts:
  description:
    - The host facts, and C(tensorwright_next), what comes next for the host. That is V(right) (nothing), V(due) (some of its roles), or
      V(in_step) (these, in step with other hosts). In check mode also the plans.
  returned: always
  type: dict
msg:
  description: One sentence for each problem.
  returned: when the plan has problems
  type: list
  elements: str
"""
