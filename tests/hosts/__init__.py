"""Test hosts: real systemd machines in podman containers, reached over real SSH.

`python -m tests.hosts up NAME…` starts some, `down` ends them; molecule's shared create and destroy do the same for a scenario.
"""

from tests.hosts import links, state
from tests.hosts.containers import Host, Platform, cut_off, differences, down, inside, reconnect, up
from tests.hosts.keys import ssh_arguments
from tests.hosts.scenario import scenario_hosts

__all__ = [
    "Host",
    "Platform",
    "cut_off",
    "differences",
    "down",
    "inside",
    "links",
    "reconnect",
    "scenario_hosts",
    "ssh_arguments",
    "state",
    "up",
]
