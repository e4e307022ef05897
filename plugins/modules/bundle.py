# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action `bundle`, which works on the control node."""

DOCUMENTATION = r"""
module: bundle
short_description: Fill a folder with what the plans of hosts need
version_added: 0.3.0
description:
  - Works on the control node. Asks the package index, apt and the tables what the hosts would fetch, and fetches each object once,
    checked by its hash, into a folder that has it below its origin's host and path.
  - What is there and whole is not fetched again; a download that broke off goes on where it was.
  - The folder's C(bundle.json) names each object with its origin, SHA-256, size and hosts.
author: The Tensorwright developers (@tensorwright)
options:
  directory:
    description: The folder.
    type: path
    required: true
  hosts:
    description: Host → what it needs, as the role P(tensorwright.fleet.bundle#role) tells it.
    type: dict
    required: true
  unasked:
    description: Hosts of the inventory that this run knows nothing of; what earlier runs fetched for them stays.
    type: list
    elements: str
    default: []
  prune:
    description: Whether objects are removed that no plan needs any more.
    type: bool
    default: false
  timeout:
    description: Seconds that the network may stay silent.
    type: int
    default: 60
  retries:
    description: How often a broken download is tried again.
    type: int
    default: 3
attributes:
  check_mode:
    description: Tells what would be fetched, and fetches only lists.
    support: full
"""

EXAMPLES = r"""
- name: Fill the folder
  tensorwright.fleet.bundle:
    directory: /srv/bundle
    hosts: "{{ {inventory_hostname: bundle_need} }}"
  run_once: true
"""

RETURN = r"""
lines:
  description: What was found and done, one sentence each.
  type: list
  elements: str
  returned: success
lacking:
  description: What the plans need and the folder does not hold.
  type: list
  elements: str
  returned: success
valid_until:
  description: Until when apt takes the lists in the folder.
  type: str
  returned: success
"""
