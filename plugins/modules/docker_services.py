#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the units of users' Jupyters and TensorBoards."""

DOCUMENTATION = r"""
module: docker_services
short_description: Jupyter and TensorBoard as units, each running as its user
version_added: 0.1.0
description:
  - Writes the units, makes a token for each on the host, and starts them. Units of ours that are no longer named go.
  - Only a unit that has changed is restarted.
  - Tokens are in C(/var/lib/tensorwright/tensorflow_docker/tokens), where only their user can read them. None is returned.
author:
  - The Tensorwright developers
options:
  services:
    description: What is to run.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Which one.
        type: str
        choices: [jupyter, tensorboard]
        required: true
      user:
        description: As whom it runs, and who may read its token.
        type: str
        required: true
      port:
        description: On which port of the host; the default is the service's own.
        type: int
      address:
        description: On which address of the host.
        type: str
        default: 127.0.0.1
      directory:
        description: Where notebooks or event files are.
        type: str
        default: "~"
      token:
        description: Whether a token is asked for.
        type: bool
        default: true
      open_to_all:
        description:
          - That a Jupyter without a token is meant, by which whoever reaches its port may do all that its user may.
          - The plan refuses one without it; the unit is the same.
        type: bool
        default: false
attributes:
  check_mode:
    description: Tells whether a unit would change.
    support: full
"""

EXAMPLES = r"""
- name: Provide Alice's Jupyter
  tensorwright.fleet.docker_services:
    services: [{service: jupyter, user: alice, port: 8888}]
  become: true
"""

RETURN = r"""
units:
  description: The units that are there now.
  returned: always
  type: list
  elements: str
restarted:
  description: Those that were started or restarted.
  returned: always
  type: list
  elements: str
removed:
  description: Those that have gone.
  returned: always
  type: list
  elements: str
"""

import os
from typing import Any, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import replace, text
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import services

SERVICE = {
    "service": {"type": "str", "choices": ["jupyter", "tensorboard"], "required": True},
    "user": {"type": "str", "required": True},
    "port": {"type": "int"},
    "address": {"type": "str", "default": "127.0.0.1"},
    "directory": {"type": "str", "default": "~"},
    "token": {"type": "bool", "default": True, "no_log": False},
    "open_to_all": {"type": "bool", "default": False},
}


def main() -> None:
    """Do as asked."""
    module: Any = FleetModule(
        argument_spec={"services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE}},
        supports_check_mode=True,
    )
    try:
        wanted = services.read(module.params["services"])
        outcome = provide(module, wanted)
    except services.ServiceError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="{0}: {1}".format(error.filename, error.strerror))
    module.exit_json(**outcome)


def provide(module: Any, wanted: List[services.Service]) -> Any:
    """Bring units and tokens in line with what is wanted."""
    texts = {services.unit(service): services.render(service) for service in wanted}
    gone = [name for name in services.installed() if name not in texts]
    altered = [name for name, content in texts.items() if text(_file(name)) != content]
    outcome = {"changed": bool(gone or altered), "units": sorted(texts), "restarted": altered, "removed": gone}
    if module.check_mode:
        return outcome
    if gone:
        systemctl(module, "disable --now", *gone)
    for name in gone:
        safe_tree.unlink(_file(name))
    for name, file in services.tokens().items():
        if name not in texts:
            safe_tree.unlink(file)
    fresh = [services.unit(service) for service in wanted if services.write_token(service)]
    for name in altered:
        replace(_file(name), texts[name])
    restarted = sorted({*altered, *fresh})
    if gone or altered:
        systemctl(module, "daemon-reload")
    stopped = [name for name in texts if name not in restarted and not _runs(module, name)]
    restarted = sorted([*restarted, *stopped])
    if restarted:
        systemctl(module, "enable", *restarted)
        systemctl(module, "restart", *restarted)
    return dict(outcome, changed=bool(gone or restarted), restarted=restarted)


def _file(name: str) -> str:
    return os.path.join(services.UNITS, name + ".service")


def _runs(module: Any, name: str) -> bool:
    return bool(module.run_command(["systemctl", "is-active", "--quiet", name])[0] == 0)


def systemctl(module: Any, verb: str, *names: str) -> None:
    """Ask systemd for something; ends the module where it does not do it."""
    command = ["systemctl", "--quiet"] + verb.split() + [name + ".service" for name in names]
    status, out, err = module.run_command(command)
    if status:
        reason = (err or out).strip().splitlines() or ["no reason given"]
        module.fail_json(
            msg="'{0}' failed: {1}; 'journalctl -u <unit>' says more".format(" ".join(command), reason[-1])
        )


if __name__ == "__main__":
    main()
