#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a Python or a conda that is not the distribution's into the store of an environment."""

DOCUMENTATION = r"""
module: runtime
short_description: A Python or a conda in the store of an environment
version_added: 0.2.0
description:
  - Fetches a standalone build of Python, or a conda installer, checks its hash, and puts it beside the environments that stand on it.
  - Needs no root where the environment needs none. Removing the last environment that uses it removes it as well.
author: The Tensorwright developers (@tensorwright)
options:
  path:
    description: The path of the environment; its store gets the runtime.
    type: path
    required: true
  name:
    description: What it is, V(conda), or a Python such as V(python3.12). The program of that name in its C(bin) is what it is for.
    type: str
    required: true
  url:
    description: Where it is fetched from; an installer in sh for V(conda), else a tar archive with one directory.
    type: str
    required: true
  login:
    description: User and password for that URL, as C(user:password).
    type: str
    default: ""
  sha256:
    description: The SHA-256 of what is fetched.
    type: str
    required: true
  ca_file:
    description: A bundle of CA certificates to trust instead of the system's.
    type: str
    default: ""
  timeout:
    description: Seconds that the network may stay silent.
    type: int
    default: 60
  retries:
    description: How often a broken download is tried again.
    type: int
    default: 3
  package_cache:
    description: The site's package cache, as the filter P(tensorwright.fleet.package_cache#filter) gives it. Nothing means none.
    type: dict
    default: {}
  lock_timeout:
    description: Seconds to wait for another run that works on the same environment.
    type: int
    default: 600
  role:
    description: The role that writes the receipt.
    type: str
    required: true
  inputs:
    description: Hash of the role's inputs for the receipt; without it no receipt is written.
    type: str
attributes:
  check_mode:
    description: Tells whether something would be fetched, and fetches nothing.
    support: full
"""

EXAMPLES = r"""
- name: Provide conda
  tensorwright.fleet.runtime:
    path: /opt/tensorflow
    name: conda
    url: https://mirror.example.org/Miniforge3-26.3.2-3-Linux-x86_64.sh
    sha256: 848194851a98903134187fbb4ab50efe87b003e0c0f808f97644b7524a62bf2c
    role: conda
"""

RETURN = r"""
directory:
  description: The path by which it is used.
  type: str
  returned: always
removed:
  description: Earlier ones that were removed.
  type: list
  elements: str
  returned: always
"""

import os
from typing import Any, Dict

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import runtimes
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints


def provide(module: Any, store: runtimes.Runtimes, answer: Dict[str, Any]) -> None:
    """Do as asked."""
    asked = module.params
    name, sha256, check_mode = asked["name"], asked["sha256"].lower(), module.check_mode
    if not store.current(name, sha256):
        answer["changed"] = True
        if not check_mode:
            url = asked["url"].replace("://", "://" + asked["login"] + "@", 1) if asked["login"] else asked["url"]
            safe_tree.make_directories(store.directory)
            store.install(name, url, sha256, asked)
    answer["removed"] = store.surplus(name) if not answer["changed"] or not check_mode else []
    if not check_mode:
        for place in answer["removed"]:
            releases.remove_tree(place)
        answer["changed"] = bool(answer["changed"] or answer["removed"])
        write_receipt(store, asked, sha256, answer)


def write_receipt(store: runtimes.Runtimes, asked: Dict[str, Any], sha256: str, answer: Dict[str, Any]) -> None:
    """Write down what is there and from which inputs."""
    if not asked["inputs"]:
        return
    name = asked["name"]
    footprint = {
        "files": [store.seal(name, sha256), os.path.realpath(store.program(name, sha256))],
        "links": [store.link(name)],
    }
    if drift.write(store.receipt(name), asked["role"], asked["inputs"], footprints.record(footprint)):
        answer["changed"] = True


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "login": {"type": "str", "default": "", "no_log": True},
            "sha256": {"type": "str", "required": True},
            "ca_file": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 60},
            "retries": {"type": "int", "default": 3},
            "lock_timeout": {"type": "int", "default": 600},
            "package_cache": {"type": "dict", "default": {}},
            "role": {"type": "str", "required": True},
            "inputs": {"type": "str"},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)  # a shared environment stands on it
    asked = module.params
    answer: Dict[str, Any] = {"changed": False, "removed": []}
    try:
        environment = releases.Environment(asked["path"])
        store = runtimes.Runtimes(environment)
        answer["directory"] = store.link(asked["name"])
        if module.check_mode:
            environment.refuse_foreign()
            provide(module, store, answer)
        else:
            with environment.locked(asked["lock_timeout"]), store.locked(asked["lock_timeout"]):
                provide(module, store, answer)
    except (installers.InstallError, releases.StoreError, OSError) as error:
        msg = "{} cannot be provided for {}: {}".format(asked["name"], asked["path"], error)
        output = getattr(error, "output", "")[-4000:]
        module.fail_json(msg=matcher.without_logins(msg), output=matcher.without_logins(output))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
