#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather the host facts."""

DOCUMENTATION = r"""
module: tensorflow_host
short_description: Gather what a plan has to know of a host
version_added: 0.1.0
description:
  - Gathers the host facts that a plan is made from, in one process, and mostly by reading files.
  - In the same trip the receipts of the host are read and held against the host.
  - Needs no root. GPUs are found on the PCI bus, so there need not be a driver.
author:
  - The Tensorwright developers
options:
  path:
    description: Where the environment is, or is to be. It may begin with C(~), the connecting user's home.
    type: str
    default: ~/tensorflow
  environments:
    description:
      - The environments of a host that has several, each a mapping with its C(path), which take the place of O(path).
      - What is no such mapping is left out, for a plan tells what is wrong with it.
    type: raw
    default: []
  receipts_dir:
    description: The directory of the receipts of those roles that concern the whole host.
    type: path
    default: /var/lib/tensorwright/receipts
  pci_devices:
    description: The directory that shows the devices of the PCI bus.
    type: path
    default: /sys/bus/pci/devices
  driver_proc:
    description: The directory in which a loaded NVIDIA driver tells of itself.
    type: path
    default: /proc/driver/nvidia
  docker_data_root:
    description:
      - The directory that is to hold Docker's data; empty for what its settings say.
      - Without it nothing is gathered about Docker.
    type: str
  accounts:
    description:
      - Names of C(groups) and of C(users) that the host is asked about.
      - And the C(paths) beside the environments' that are to be written, which have to be trusted with all directories above them.
    type: dict
    default: {}
  package_cache:
    description: The address of the package cache, which is asked whether it answers. Empty means none.
    type: str
    default: ""
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
  facts:
    description: Returns C(ansible_facts).
    support: full
"""

EXAMPLES = r"""
- name: Gather the host facts
  tensorwright.fleet.tensorflow_host:
    path: /opt/tensorflow

- name: Let the play gather them in place of setup
  hosts: all
  gather_facts: true
  vars:
    ansible_facts_modules: [tensorwright.fleet.tensorflow_host]
  tasks: []
"""

RETURN = r"""
ansible_facts:
  description: The host facts.
  returned: always
  type: dict
  contains:
    tensorflow_host:
      description: What the machine is and what earlier runs left on it.
      returned: always
      type: dict
      sample:
        distribution: Debian
        release: "12"
        codename: bookworm
        architecture: x86_64
        kernel: 6.1.0-40-amd64
        glibc: "2.36"
        cpu_flags: [avx, avx2, fma, sse4_2]
        pythons: [{path: /usr/bin/python3.11, version: 3.11.2}]
        gpus: [{pci_id: "10de:20b2", name: NVIDIA A100-SXM4-80GB, compute_capability: "8.0", memory_mb: 81920}]
        nvswitches: 0
        driver: {installed: 550.54.15, loaded: 550.54.15, fabric_manager: null}
        cuda: {directory: false, uninstallers: []}
        secure_boot: false
        secure_boot_key: {file: null, enrolled: null}
        free_mb: 50000
        become: true
        user: {name: alice, uid: 1000, home: /home/alice}
        accounts: {groups: {vision: true}, users: {}, paths: {}}
        path:
          given: ~/tensorflow
          absolute: /home/alice/tensorflow
          blocked_by: null
          writable: true
          occupied: false
          filesystem: 64769
          untrusted: {root: {path: /home/alice, why: belongs to user alice}}
        environment: null
        places: {}
        docker:
          engines: {docker: [], distribution: [docker.io], retired: []}
          settings_error: null
          data_root: /var/lib/docker
          free_mb: 50000
          subids: [alice]
          mtu: 1500
          images: []
        source:
          cpus: 16
          cpu_model: AMD EPYC 7313 16-Core Processor
          memory_mb: 128000
          programs: [git, unzip, zip]
          builds: []
        package_cache: {url: "http://cache.example.org:8180", answers: true}
        receipts: []
"""

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import gather
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import driver as nvidia
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import pci
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift


def main() -> None:
    """Gather and answer."""
    module: Any = FleetModule(
        argument_spec={
            # Not of the type path, which would expand $VARIABLES and hide what was given.
            "path": {"type": "str", "default": "~/tensorflow"},
            "environments": {"type": "raw", "default": []},
            "receipts_dir": {"type": "path", "default": drift.DIRECTORY},
            "pci_devices": {"type": "path", "default": pci.DEVICES},
            "driver_proc": {"type": "path", "default": nvidia.PROC},
            "docker_data_root": {"type": "str"},
            "accounts": {"type": "dict", "default": {}},
            "package_cache": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    facts = gather.gather(
        location.paths(asked["path"], asked["environments"]),
        asked["receipts_dir"],
        asked["pci_devices"],
        asked["driver_proc"],
        asked["docker_data_root"],
        asked["accounts"],
        asked["package_cache"],
    )
    module.exit_json(changed=False, ansible_facts={"tensorflow_host": facts})


if __name__ == "__main__":
    main()
