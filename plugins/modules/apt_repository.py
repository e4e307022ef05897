#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up an apt repository with its key, or remove it."""

DOCUMENTATION = r"""
module: apt_repository
short_description: An apt repository with its key, and without what older guides left in its way
version_added: 0.1.0
description:
  - Writes the source with C(signed-by), and the key after a look at its full fingerprint.
  - Disables other sources of the same repository, which apt would call conflicting, and retired ones. Their lines stay as comments.
  - Fetches apt's lists where anything changed or those of this repository are missing.
author:
  - The Tensorwright developers
options:
  name:
    description: What the files are named after.
    type: str
    required: true
  role:
    description: The role whose variables decide where the repository lies; they are named where its key cannot be fetched.
    type: str
    required: true
  state:
    description: Whether the repository is to be there.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: The repository's address.
    type: str
    required: true
  suite:
    description: The suite below it, such as V(bookworm); V(/) where its packages lie right there.
    type: str
    default: /
  components:
    description: The suite's components.
    type: list
    elements: str
    default: []
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
  retired:
    description: Regular expressions of addresses, without their scheme, that are disabled, each with the reason.
    type: dict
    default: {}
  retired_keys:
    description: Fingerprints of keys that apt is not to trust for any repository, each with its name.
    type: dict
    default: {}
    no_log: false
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
- name: Add Docker's repository
  tensorwright.fleet.apt_repository:
    name: docker
    role: docker
    url: https://download.docker.com/linux/debian
    suite: bookworm
    components: [stable]
    fingerprint: 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
    key_url: https://download.docker.com/linux/debian/gpg
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
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import repository as apt_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "role": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "url": {"type": "str", "required": True},
            "suite": {"type": "str", "default": "/"},
            "components": {"type": "list", "elements": "str", "default": []},
            "architecture": {"type": "str", "default": "amd64"},
            "fingerprint": {"type": "str", "default": ""},
            "key": {"type": "str", "default": "", "no_log": False},
            "key_url": {"type": "str", "default": "", "no_log": False},
            "retired": {"type": "dict", "default": {}},
            "retired_keys": {"type": "dict", "default": {}, "no_log": False},
            "package_cache": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    asked = module.params
    edit = apt_repository.Edit(module.check_mode)
    answer: Any = {}
    try:
        if asked["state"] == "absent":
            apt_repository.absent(edit, asked["name"], asked["url"])
        else:
            answer["files"] = apt_repository.present(edit, asked)
            place = nvidia_repository.place_of(asked["name"], asked["url"], package_cache.Cache(asked["package_cache"]))
            if not nvidia_repository.lists_of(place):
                edit.changed = True
            if edit.changed and not module.check_mode:
                nvidia_repository.update(asked["url"], place)
    except apt_repository.RepositoryError as error:
        module.fail_json(msg=str(error), repaired=edit.repaired, changed=edit.changed)
    except OSError as error:
        module.fail_json(
            msg="{0}: {1}".format(error.filename, error.strerror), repaired=edit.repaired, changed=edit.changed
        )
    module.exit_json(changed=edit.changed, repaired=edit.repaired, **answer)


if __name__ == "__main__":
    main()
