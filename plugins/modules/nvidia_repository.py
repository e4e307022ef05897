#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up NVIDIA's apt repository, or remove it."""

DOCUMENTATION = r"""
module: nvidia_repository
short_description: NVIDIA's apt repository with its key, and without what older guides left in its way
version_added: 0.1.0
description:
  - Writes the source with C(signed-by), the key after a look at its full fingerprint, and a pin file.
  - Disables other sources of the same repository, which apt would call conflicting, and sources that NVIDIA retired.
  - Takes NVIDIA's keys out of the keyrings with which apt trusts any repository.
  - Fetches apt's lists of this repository where anything changed or they are missing.
author:
  - The Tensorwright developers
options:
  state:
    description: Whether the repository is to be there.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: The repository's address, with distribution and architecture. Its packages and lists lie right there.
    type: str
    required: true
  architecture:
    description: The architecture as dpkg names it.
    type: str
    default: amd64
  fingerprint:
    description: The full fingerprint of the key that signs the repository.
    type: str
    default: ""
  key:
    description: The key's text. Empty means that it is fetched from O(key_url).
    type: str
    default: ""
    no_log: false
  key_url:
    description: Where the key is fetched.
    type: str
    default: ""
    no_log: false
  pins:
    description: The content of the pin file.
    type: str
    default: ""
  label:
    description: The label that the repository calls itself.
    type: str
    default: NVIDIA CUDA
  retired_keys:
    description: Fingerprints of keys that apt is not to trust for any repository, each with its name.
    type: dict
    default: {}
    no_log: false
  retired_files:
    description: Source files that are disabled, each with the reason.
    type: dict
    default: {}
  package_cache:
    description: The site's package cache, as the filter P(tensorwright.fleet.package_cache#filter) gives it. Nothing means none.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Tells what would be changed and repaired.
    support: full
"""

EXAMPLES = r"""
- name: Add NVIDIA's repository
  tensorwright.fleet.nvidia_repository:
    url: https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/
    fingerprint: EB693B3035CD5710E231E123A4B469963BF863CC
    key_url: https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/3bf863cc.pub
  become: true
"""

RETURN = r"""
files:
  description: The files that are ours.
  returned: when O(state=present)
  type: list
  elements: str
repaired:
  description: What stood in the way and was put right, one sentence each.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import nvidia_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "url": {"type": "str", "required": True},
            "architecture": {"type": "str", "default": "amd64"},
            "fingerprint": {"type": "str", "default": ""},
            "key": {"type": "str", "default": "", "no_log": False},
            "key_url": {"type": "str", "default": "", "no_log": False},
            "pins": {"type": "str", "default": ""},
            "label": {"type": "str", "default": "NVIDIA CUDA"},
            "retired_keys": {"type": "dict", "default": {}, "no_log": False},
            "retired_files": {"type": "dict", "default": {}},
            "package_cache": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    asked = module.params
    edit = nvidia_repository.Edit(module.check_mode)
    answer: Any = {}
    try:
        if asked["state"] == "absent":
            nvidia_repository.absent(edit)
            for place in (asked["url"], nvidia_repository.mirror_file("nvidia")):
                for path in nvidia_repository.lists_of(place) if edit.changed else ():
                    edit.remove(path)
        else:
            answer["files"] = sorted(nvidia_repository.present(edit, asked).values())
            place = nvidia_repository.place_of("nvidia", asked["url"], package_cache.Cache(asked["package_cache"]))
            if not nvidia_repository.lists_of(place):
                edit.changed = True
            if edit.changed and not module.check_mode:
                nvidia_repository.update(asked["url"], place)
    except nvidia_repository.RepositoryError as error:
        module.fail_json(msg=str(error), repaired=edit.repaired, changed=edit.changed)
    except OSError as error:
        module.fail_json(
            msg="{0}: {1}".format(error.filename, error.strerror), repaired=edit.repaired, changed=edit.changed
        )
    module.exit_json(changed=edit.changed, repaired=edit.repaired, **answer)


if __name__ == "__main__":
    main()
