# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of one host, as its templates see them, and which of them cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import PREFIX, Problem, one_line, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments, role_variables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import DEFAULTS

ACCEPTED = "a template of variables that this host has"


class HostVariables(Mapping[str, Any]):
    """What `hostvars` has of a host, but with `hostvars` itself in templates, as everywhere else.

    hostvars: Ansible's, of all hosts. Reading a value whose template fails raises AnsibleError.
    """

    def __init__(self, hostvars: Any, host: str) -> None:
        self.raw: Mapping[str, Any] = hostvars.raw_get(host)
        self._templar: Any = Templar(loader=hostvars._loader, variables={**self.raw, "hostvars": hostvars})

    def __getitem__(self, name: str) -> Any:
        return self._templar.template(self.raw[name])

    def __contains__(self, name: object) -> bool:
        return name in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def unreadable(variables: HostVariables) -> list[Problem]:
    """Return which of the variables that a plan reads are templates that fail, and why they do."""
    known = {*(PREFIX + key for key in (*DEFAULTS, environments.NAME, "only")), *role_variables.options()}
    return [problem for name in sorted(known & set(variables)) for problem in _unreadable(name, variables)]


def _unreadable(name: str, variables: HostVariables) -> Iterator[Problem]:
    try:
        variables[name]
    except AnsibleError as error:
        message = f"{name} is {show(variables.raw[name])}, a template that fails: {one_line(str(error))}"
        yield {"about": name, "message": message, "accepted": ACCEPTED}
