#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an engine for each of some users in the user's own systemd, without root."""

DOCUMENTATION = r"""
module: docker_rootless
short_description: Engines of users' own, without root
version_added: 0.1.0
description:
  - Lets the systemd of each named user run from boot, and starts the unit of the user's own engine in it.
  - Ends both for users who are no longer named.
  - Refuses before any change where a user does not exist.
author:
  - The Tensorwright developers
options:
  unit:
    description: The unit of the engine, which all users' systemd know.
    type: str
    required: true
  present:
    description: Users whose engine is to run.
    type: list
    elements: str
    default: []
  absent:
    description: Users whose engine is not to run any more.
    type: list
    elements: str
    default: []
  reload:
    description: Whether the unit has changed, so that the users' systemd have to read it again. Engines that run stay as they are.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be changed.
    support: full
"""

EXAMPLES = r"""
- name: Give bob an engine of his own
  tensorwright.fleet.docker_rootless:
    unit: tensorwright-docker.service
    present: [bob]
  become: true
"""

RETURN = r"""
files:
  description: What tells systemd which users' it runs from boot, for the receipt.
  returned: always
  type: list
  elements: str
"""

import os
import pwd
import time
from typing import Any, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import engine as docker_engine
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.engine import EngineError

LINGER = "/var/lib/systemd/linger"
SECONDS = 30


class User:
    """A user's own systemd, and the engine in it."""

    def __init__(self, name: str, unit: str) -> None:
        self.name, self.unit = name, unit
        self.linger = os.path.join(LINGER, name)
        try:
            self.runtime = "/run/user/{0}".format(pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise EngineError("there is no user {0}".format(name)) from None

    def systemctl(self, *arguments: str) -> docker_engine.Outcome:
        """Ask the user's systemd."""
        address = "XDG_RUNTIME_DIR=" + self.runtime
        return docker_engine.run("runuser", "-u", self.name, "--", "env", address, "systemctl", "--user", *arguments)

    def is_active(self) -> bool:
        """Whether the engine runs."""
        return os.path.isdir(self.runtime) and self.systemctl("is-active", "--quiet", self.unit).status == 0

    def is_right(self) -> bool:
        """Whether there is nothing to do."""
        return os.path.exists(self.linger) and self.is_active()

    def start(self, reload: bool) -> None:
        """Let systemd and engine run. Raises EngineError."""
        self._loginctl("enable-linger")
        deadline = time.time() + SECONDS
        while self.systemctl("show-environment").status != 0:
            if time.time() > deadline:
                raise EngineError("the systemd of user {0} did not start".format(self.name))
            time.sleep(0.2)
        if reload:
            self.systemctl("daemon-reload")
        if self.systemctl("start", self.unit).status != 0:
            raise EngineError("the engine of user {0} does not start: {1}".format(self.name, self._why()))

    def stop(self) -> None:
        """End the engine, and what was started for it. Raises EngineError."""
        if self.is_active():
            self.systemctl("stop", self.unit)
        self._loginctl("disable-linger")

    def _why(self) -> str:
        """The engine's own words; its inner half only tells that the outer one has ended."""
        told = docker_engine.run("journalctl", "-q", "_SYSTEMD_USER_UNIT=" + self.unit, "-n", "50", "-o", "cat").output
        lines = [line.strip() for line in told.splitlines() if "error" in line and "child" not in line]
        return (lines or ["its journal tells no error"])[-1]

    def _loginctl(self, verb: str) -> None:
        done = docker_engine.run("loginctl", verb, self.name)
        if done.status != 0:
            raise EngineError("loginctl {0} {1}: {2}".format(verb, self.name, done.output.strip()))


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "present": {"type": "list", "elements": "str", "default": []},
            "absent": {"type": "list", "elements": "str", "default": []},
            "reload": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        users = [User(name, asked["unit"]) for name in asked["present"]]
        starting = [user for user in users if not user.is_right()]
        stopping: List[User] = []
        for name in asked["absent"]:
            if name not in asked["present"] and os.path.exists(os.path.join(LINGER, name)):
                stopping.append(User(name, asked["unit"]))
        if not module.check_mode:
            for user in starting:
                user.start(asked["reload"])
            for user in stopping:
                user.stop()
    except EngineError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(starting or stopping), files=[user.linger for user in users])


if __name__ == "__main__":
    main()
