# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed after a given task of a role: for tests alone."""

from __future__ import annotations

import os
import signal
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: cut
type: notification
short_description: Kills the run after a given task of a role
description:
  - Kills the run's processes when the task numbered C(CUT_AFTER) of the roles C(CUT_ROLES) has ended on a host. For tests alone.
requirements:
  - named in C(ANSIBLE_CALLBACKS_ENABLED)
"""


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible tells no types
    """Counts the tasks of some roles, and kills the run after one of them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "cut"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._left = int(os.environ["CUT_AFTER"])
        self._roles = os.environ["CUT_ROLES"].split()

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task has ended well: the work is done, and the next one has not begun."""
        role = result._task._role
        if role is None or role.get_name().rpartition(".")[2] not in self._roles:
            return
        self._left -= 1
        if self._left == 0:
            os.killpg(os.getpgid(0), signal.SIGKILL)
