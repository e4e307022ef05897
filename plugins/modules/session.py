#!/usr/bin/python
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the session test in an environment, as an ordinary user."""

DOCUMENTATION = r"""
module: session
short_description: The session test in an environment, as an ordinary user
version_added: 0.1.0
description:
  - Prints C(Hello, TensorFlow!) from a session, computes a product whose answer is known, and holds version and device support of the
    build against the plan. Of a release with CUDA libraries of its own, each must have been loaded, from there. Changes nothing.
author: The Tensorwright developers (@tensorwright)
options:
  python:
    description: The Python that users of the environment start.
    type: path
    required: true
  version:
    description: The planned TensorFlow version.
    type: str
    required: true
  cuda_build:
    description: Whether the build is to have GPU support; unset accepts either.
    type: bool
  release:
    description:
      - An environment whose files are held against the hashes that came with their wheels. Empty means none.
      - Reading them takes some seconds.
    type: path
    default: ""
  user:
    description: Who runs the session where the module runs as root; empty means a user without rights that exists only meanwhile.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Run the session test
  tensorwright.fleet.session:
    python: /opt/tensorflow/bin/python
    version: 2.21.0
    cuda_build: false
"""

RETURN = r"""
session:
  description: What the session found.
  type: dict
  returned: always
  sample: {greeting: "Hello, TensorFlow!", tensorflow: 2.21.0, python: 3.11.2, cuda_build: false, gpus: 0, user: '61184', seconds: 3.1}
"""

import os
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import (
    release_files,
    session_test,
    wheel_records,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "cuda_build": {"type": "bool"},
            "release": {"type": "path", "default": ""},
            "user": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    python, release = module.params["python"], os.path.realpath(module.params["release"])
    places = releases.site_packages(release) if module.params["release"] else []
    damaged = [path for place in places for path in wheel_records.damaged(place, thoroughly=True)]
    if damaged:
        remedy = "site.yml with -e tensorflow_rebuild=true builds it anew beside this one"
        module.fail_json(msg="{} {}; {}".format(release, release_files.words(release, damaged), remedy))
    try:
        found = session_test.run(python, module.params["user"])
    except (session_test.SessionError, OSError) as error:
        output = getattr(error, "output", "")
        module.fail_json(msg="{}: {}".format(python, error), output=output[-4000:])
    wrong = session_test.faults(found, module.params["version"], module.params["cuda_build"])
    if wrong:
        module.fail_json(msg="{}: {}".format(python, "; ".join(wrong)), session=found)
    module.exit_json(changed=False, session=found)


if __name__ == "__main__":
    main()
