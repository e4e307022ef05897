# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own output, but for failures: these are sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.color import ANSIBLE_COLOR
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable, printable_line
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures, terminal

DOCUMENTATION = r"""
name: fleet
type: stdout
short_description: Ansible's own output, with failures in sentences
version_added: 0.1.0
description:
  - Prints as P(ansible.builtin.default#callback) does, except for failures.
  - A refusal, or a failure of a module of this collection, is one line for each sentence.
  - A failure whose output the table of known troubles knows, whichever module it is of, is told by its cause and remedy.
  - Of other failures the result is shown, without the excerpt of the source that newer releases of Ansible add.
  - With C(-v) all is printed as Ansible prints it.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout_callback in ansible.cfg
"""


class CallbackModule(Default):
    """The default callback with failures in sentences."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tensorwright.fleet.fleet"

    def __init__(self) -> None:
        super().__init__()
        terminal.guard(self._display, ANSIBLE_COLOR)

    def _dump_results(self, *arguments: Any, **options: Any) -> str:
        """A result as text, without colours of its own."""
        return printable(super()._dump_results(*arguments, **options))

    def _get_diff(self, difflist: Any) -> Any:
        """Differences, coloured by Ansible alone."""
        return super()._get_diff(_printable(difflist))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A refusal, or what our own module says, in its own words."""
        task, host = result._task, result._host.get_name()
        refused = failures.is_refusal(task.action, task._role.get_name() if task._role else "", result._result)
        asserted = task.action.rpartition(".")[2] in failures.REFUSING
        ours = task.action.startswith(failures.OURS)
        known = asserted or ours or failures.diagnose(result._result) is not None
        if self._display.verbosity or ignore_errors or task.loop or not known:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        if self._last_task_banner != task._uuid:
            self._print_task_banner(task)
        self._handle_warnings(result._result)
        said = failures.problems(result._result) if asserted else list(failures.told(result._result, ours))
        for line in said:
            text = printable(f"{'refused' if refused else 'failed'}: [{host}]: {failures.without_host(line, host)}")
            self._display.display(text, color=constants.COLOR_ERROR, stderr=self.get_option("display_failed_stderr"))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """After a play that has looked at hosts, none of them needs the next."""
        if self._last_task_banner is None:
            super().v2_playbook_on_no_hosts_matched()
        else:
            self._display.display("nothing to do: all is right on the hosts that can go on")

    def v2_runner_retry(self, result: Any) -> None:
        """What takes hours says how far it is, instead of how often it was looked at."""
        progress = result._result.get("progress")
        if progress is None or self._display.verbosity:
            super().v2_runner_retry(result)
            return
        self._display.display(
            printable_line(f"waiting: [{result._host.get_name()}]: {progress}"), color=constants.COLOR_DEBUG
        )

    def _handle_exception(self, result: Any, use_stderr: bool = False) -> None:
        """The message says it; the place in the source is for those who ask for more. A crash has no other message."""
        if self._display.verbosity or "MODULE FAILURE" in str(result.get("msg")):
            super()._handle_exception(result, use_stderr)
        else:
            result.pop("exception", None)


def _printable(value: Any) -> Any:
    """Differences: texts, in mappings and lists."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, (list, tuple)) else value
