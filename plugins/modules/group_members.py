#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put users into a group, and take others out of it."""

DOCUMENTATION = r"""
module: group_members
short_description: Who of the named users is in a group
version_added: 0.1.0
description:
  - Puts users into a group and takes others out; users who are named in neither list stay as they are.
  - Refuses before any change where a user to be put in does not exist.
author:
  - The Tensorwright developers
options:
  group:
    description: The group.
    type: str
    required: true
  present:
    description: Users who are to be in it.
    type: list
    elements: str
    default: []
  absent:
    description: Users who are not to be in it.
    type: list
    elements: str
    default: []
  with_group:
    description: Whether the group itself goes where nobody is left in it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be changed.
    support: full
"""

EXAMPLES = r"""
- name: Let alice use Docker
  tensorwright.fleet.group_members:
    group: docker
    present: [alice]
  become: true
"""

RETURN = r"""
others:
  description: Members who are named in neither list.
  returned: always
  type: list
  elements: str
"""

import grp
import pwd
from typing import Any, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule


def members(group: str) -> Optional[List[str]]:
    """Who is in the group; None where there is no such group."""
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:
        return None


def exists(user: str) -> bool:
    """Whether there is such a user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "group": {"type": "str", "required": True},
            "present": {"type": "list", "elements": "str", "default": []},
            "absent": {"type": "list", "elements": "str", "default": []},
            "with_group": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    found = members(asked["group"])
    there = found or []
    unknown = [user for user in asked["present"] if not exists(user)]
    if unknown:
        module.fail_json(msg="there is no user {0} to be put into group {1}".format(", ".join(unknown), asked["group"]))
    coming = [user for user in asked["present"] if user not in there]
    going = [user for user in asked["absent"] if user in there and user not in asked["present"]]
    if not module.check_mode:
        for flag, users in (("--add", coming), ("--delete", going)):
            for user in users:
                module.run_command(["gpasswd", flag, user, asked["group"]], check_rc=True)
    useless = asked["with_group"] and found is not None and not set(there).difference(going) and not coming
    if useless and not module.check_mode:
        module.run_command(["groupdel", asked["group"]], check_rc=True)
    named = asked["present"] + asked["absent"]
    module.exit_json(changed=bool(coming or going or useless), others=[user for user in there if user not in named])


if __name__ == "__main__":
    main()
