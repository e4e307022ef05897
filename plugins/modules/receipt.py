#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write or remove a role's receipt."""

DOCUMENTATION = r"""
module: receipt
short_description: Write or remove a role's receipt
version_added: 0.1.0
description:
  - A receipt says what a role put on a host and from which inputs. It is written by a role's last task.
  - The role names its footprint. The module looks at the host and adds the hashes, link targets and versions.
  - A receipt is only a shortcut. Where it is missing, the role runs.
author:
  - The Tensorwright developers
options:
  role:
    description: The role that writes it.
    type: str
    required: true
  state:
    description:
      - Whether there is to be a receipt.
      - V(intended) writes down what the role is about to make, before it does. The receipt takes over what of it is on the host
        then, and a run that is cut off before leaves it for the next one and for uninstalling.
    type: str
    choices: [present, absent, intended]
    default: present
  inputs:
    description: The hash of the role's inputs, from the filter P(tensorwright.fleet.inputs#filter).
    type: str
  file:
    description: The receipt, by default the role's own below C(/var/lib/tensorwright/receipts).
    type: path
  environments:
    description:
      - The environments that rely on what the role put there, as their paths. They are added to those that do so already.
      - A role that serves several environments of a host names them, so that its work stays until the last of them is removed.
    type: list
    elements: str
    default: []
  footprint:
    description: What the role put on the host.
    type: dict
    default: {}
    suboptions:
      packages:
        description: Names of packages, or a mapping of names to whether exactly the version of now is right.
        type: raw
        default: []
      held:
        description: Packages that are held.
        type: list
        elements: str
        default: []
      asked:
        description: Those of the packages that the role asked for; the others came along.
        type: list
        elements: str
        default: []
      files:
        description: Files whose content matters. Not directories.
        type: list
        elements: path
        default: []
      links:
        description: Symbolic links whose target matters.
        type: list
        elements: path
        default: []
      distributions:
        description: Directories of Python packages, each with the names of distributions whose versions matter.
        type: dict
        default: {}
      units:
        description: Units of systemd that are to stay enabled and active, as far as they are now.
        type: list
        elements: str
        default: []
      users:
        description: Users that the role made.
        type: list
        elements: str
        default: []
      members:
        description: Groups, each with the users that the role has put into it.
        type: dict
        default: {}
      settings:
        description: Files in the form of Docker's C(daemon.json), each with those of its settings that are the role's.
        type: dict
        default: {}
      images:
        description: Ids of images that Docker is to have, each with its name.
        type: dict
        default: {}
      trees:
        description:
          - Directories whose permissions matter, with all that is in them. All users may read them and their owner alone may write.
          - Those that name a C(group) may be written by its members, and read by nobody else where they are C(private).
        type: dict
        default: {}
attributes:
  check_mode:
    description: Tells whether a receipt would be written, and writes none.
    support: full
"""

EXAMPLES = r"""
- name: Write the receipt
  tensorwright.fleet.receipt:
    role: cuda
    inputs: "{{ tensorflow_plan | tensorwright.fleet.inputs('cuda', hostvars | tensorwright.fleet.of(inventory_hostname)) }}"
    footprint:
      packages: {cuda-libraries-12-5: true, pciutils: false}
      held: [cuda-libraries-12-5]
      files: [/etc/profile.d/cuda.sh]
      links: [/usr/local/cuda]
  become: true

- name: Write down what is about to be made
  tensorwright.fleet.receipt:
    role: cuda
    state: intended
    footprint:
      files: [/etc/profile.d/cuda.sh]
  become: true

- name: Remove the receipt
  tensorwright.fleet.receipt:
    role: cuda
    state: absent
  become: true
"""

RETURN = r"""
file:
  description: Where the receipt is, or was.
  returned: always
  type: str
  sample: /var/lib/tensorwright/receipts/cuda.json
footprint:
  description: What the role put on the host, with hashes, targets and versions.
  returned: when O(state=present)
  type: dict
  sample:
    packages: {cuda-libraries-12-5: 12.5.1-1, pciutils: null}
    held: [cuda-libraries-12-5]
    asked: [pciutils]
    files: {/etc/profile.d/cuda.sh: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
    links: {/usr/local/cuda: /etc/alternatives/cuda}
    distributions: {}
    units: {}
    users: {}
    members: {}
    settings: {}
    images: {}
    trees: {}
"""

import os
from typing import Any, Dict

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import host_lock
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints

FOOTPRINT: Dict[str, Any] = {
    "packages": {"type": "raw", "default": []},
    "held": {"type": "list", "elements": "str", "default": []},
    "asked": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "links": {"type": "list", "elements": "path", "default": []},
    "distributions": {"type": "dict", "default": {}},
    "units": {"type": "list", "elements": "str", "default": []},
    "users": {"type": "list", "elements": "str", "default": []},
    "members": {"type": "dict", "default": {}},
    "settings": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "trees": {"type": "dict", "default": {}},
}


def fail(module: Any, answer: Dict[str, Any], reason: str) -> None:
    """End with one sentence."""
    outcome = "removed" if module.params["state"] == "absent" else "written"
    module.fail_json(msg="The receipt {0} was not {1}: {2}".format(answer["file"], outcome, reason), **answer)


def main() -> None:
    """Do as asked."""
    module: Any = FleetModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "intended"], "default": "present"},
            "inputs": {"type": "str"},
            "file": {"type": "path"},
            "environments": {"type": "list", "elements": "str", "default": []},
            "footprint": {"type": "dict", "default": {}, "options": FOOTPRINT},
        },
        required_if=[("state", "present", ["inputs"])],
        supports_check_mode=True,
    )
    asked = module.params
    answer: Dict[str, Any] = {"file": asked["file"] or os.path.join(drift.DIRECTORY, asked["role"] + ".json")}
    try:
        if asked["state"] == "absent":
            answer["changed"] = drift.remove(answer["file"], module.check_mode)
        elif asked["state"] == "intended":
            # No change of the host: a role that refuses right after it has changed nothing.
            drift.intend(asked["role"], asked["footprint"], asked["environments"], module.check_mode)
        else:
            answer["footprint"] = footprints.record(asked["footprint"])
            answer["changed"] = drift.write(
                *(answer["file"], asked["role"], asked["inputs"], answer["footprint"]),
                check_mode=module.check_mode,
                environments=asked["environments"],
            )
    except (ValueError, host_lock.LockedError) as error:
        fail(module, answer, str(error))
    except OSError as error:
        fail(module, answer, "{0}: {1}".format(error.filename or answer["file"], error.strerror or error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
