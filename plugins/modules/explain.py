#!/usr/bin/python
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what an output means, and what to do about it."""

DOCUMENTATION = r"""
module: explain
short_description: What an output means, and what to do about it
version_added: 0.1.0
description:
  - Reads the output of any program, a whole log or three lines, and names the most likely cause first, with a quotation and a remedy.
  - Of a long output both ends are read, and what looks like a failure in between.
  - Changes nothing.
author: The Tensorwright developers (@tensorwright)
options:
  path:
    description: The file that holds the output.
    type: path
  output:
    description: The output itself.
    type: str
"""

EXAMPLES = r"""
- name: Explain a log
  tensorwright.fleet.explain:
    path: ~/train.log
"""

RETURN = r"""
findings:
  description:
    - What is wrong, the most likely cause first; empty where nothing is known to be wrong.
    - C(id) is the row of the table of known troubles, or C(unknown); C(variable) is the variable that mends it, or empty.
  returned: always
  type: list
  elements: dict
  sample: [{id: disk-full, cause: the disk is full, remedy: free space, quote: No space left on device, variable: tensorflow_path}]
text:
  description: The same for people.
  returned: always
  type: str
  sample: The disk is full.
"""

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import report


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={"path": {"type": "path"}, "output": {"type": "str"}},
        required_one_of=[("path", "output")],
        mutually_exclusive=[("path", "output")],
        supports_check_mode=True,
    )
    output = module.params["output"]
    if output is None:
        try:
            with open(module.params["path"], "rb") as stream:
                output = report.read(stream)
        except OSError as error:
            module.fail_json(msg="{0} cannot be read: {1}".format(module.params["path"], error.strerror))
    found = report.explained(output)
    module.exit_json(changed=False, findings=found, text=report.text(found))


if __name__ == "__main__":
    main()
