#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which processes use the GPUs, and wait for them if that is asked for."""

DOCUMENTATION = r"""
module: gpu_idle
short_description: Which processes use the GPUs of a host
version_added: 0.1.0
description:
  - Lists what C(nvidia-smi) lists and every process that has a GPU's device file open, but for the driver's own services.
  - Changes nothing.
author:
  - The Tensorwright developers
options:
  wait:
    description: Seconds to wait for these processes to end.
    type: int
    default: 0
  poll:
    description: Seconds between two looks.
    type: int
    default: 5
attributes:
  check_mode:
    description: Looks once and does not wait.
    support: full
"""

EXAMPLES = r"""
- name: Look who uses the GPUs
  tensorwright.fleet.gpu_idle:
    wait: 600
  become: true
  register: gpus
"""

RETURN = r"""
processes:
  description: One line for each process.
  returned: always
  type: list
  elements: str
  sample: ["python3 (alice, process 4711)"]
"""

import time
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import gpu_processes


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={"wait": {"type": "int", "default": 0}, "poll": {"type": "int", "default": 5}},
        supports_check_mode=True,
    )
    deadline = time.time() + (0 if module.check_mode else module.params["wait"])
    found = gpu_processes.running()
    while found and time.time() < deadline:
        time.sleep(max(0, min(module.params["poll"], deadline - time.time())))
        found = gpu_processes.running()
    module.exit_json(changed=False, processes=found)


if __name__ == "__main__":
    main()
