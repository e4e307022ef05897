#!/usr/bin/python
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what is wrong on a host, whoever installed it."""

DOCUMENTATION = r"""
module: diagnose
short_description: What is wrong on a host, whoever installed it
version_added: 0.1.0
description:
  - Looks for Pythons with TensorFlow and runs the session test in each, as an ordinary user.
  - Looks at the NVIDIA driver where there is a GPU, at Docker where it is installed, at apt's sources and dpkg's packages.
  - What is wrong is told with cause and remedy by the table of known troubles, or with its last words and that it is unknown.
  - Changes nothing.
author: The Tensorwright developers (@tensorwright)
options:
  paths:
    description: Environments to look at beside the system's Pythons and conda's in their usual places.
    type: list
    elements: str
    default: []
  user:
    description: Who tries it where the module runs as root; empty means C(nobody) where that user can reach it.
    type: str
    default: ""
  pci_devices:
    description: Where the kernel lists the PCI devices.
    type: path
    default: /sys/bus/pci/devices
"""

EXAMPLES = r"""
- name: Look at the host
  tensorwright.fleet.diagnose:
    paths: [/opt/tensorflow, ~/venv]
    user: alice
"""

RETURN = r"""
sessions:
  description: What the sessions found that ran.
  returned: always
  type: list
  elements: dict
  sample: [{interpreter: /opt/tensorflow/bin/python, tensorflow: 2.21.0, python: 3.11.2, greeting: "Hello, TensorFlow!", user: nobody}]
host:
  description:
    - What the host is; C(cgroup) is the version of the control groups, C(inside) is C(container), C(WSL) or empty.
    - C(login) is what the login shell of O(user) sets that changes which libraries and packages are found.
  returned: always
  type: dict
  sample: {cgroup: "2", inside: "", kernel: 6.1.0-18-amd64}
findings:
  description: What is wrong; C(id) is the row of the table of known troubles, or null; C(sentence) has all of it but the output.
  returned: always
  type: list
  elements: dict
  sample: [{about: apt, id: dpkg-interrupted, cause: an earlier installation was cut off, remedy: "`dpkg --configure -a`"}]
"""

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import health as findings
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import pci


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "paths": {"type": "list", "elements": "str", "default": []},
            "user": {"type": "str", "default": ""},
            "pci_devices": {"type": "path", "default": pci.DEVICES},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        module.exit_json(changed=False, **findings.look(asked["paths"], asked["user"], asked["pci_devices"]))
    except KeyError:
        module.fail_json(msg="the user '{}' does not exist on this host".format(asked["user"]))


if __name__ == "__main__":
    main()
