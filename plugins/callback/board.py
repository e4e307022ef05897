# SPDX-License-Identifier: GPL-3.0-or-later
"""A live board on a terminal; elsewhere the lines of the callback `fleet`."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from ansible import context
from ansible_collections.tensorwright.fleet.plugins.callback.fleet import CallbackModule as Lines
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures, progress_pipe
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.board import Board, Screen, clock

DOCUMENTATION = r"""
name: board
type: stdout
short_description: A live board on a terminal; elsewhere lines
version_added: 0.1.0
description:
  - On a terminal shows how many hosts are done, running, waiting or lost, and of running hosts the role, the step and for how long.
  - Above it stay failures, warnings, differences and what a play has to show. Steps that went well leave no line.
  - Where the output is no terminal, under ansible-runner, with C(-v) and with C(--step), prints what
    P(tensorwright.fleet.fleet#callback) prints.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout_callback in ansible.cfg
"""

PAUSE = 0.25  # seconds between two looks
DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")


class Live:
    """The board on the terminal, drawn anew as time goes by, below whatever else is displayed."""

    def __init__(self, display: Any, screen: Screen) -> None:
        self.board = Board(time.monotonic())
        self._display, self._screen, self._process = display, screen, os.getpid()
        # Ansible holds this lock while it forks, so that no worker is born while something is half written.
        self._lock = getattr(display, "_lock", None) or threading.RLock()
        self._over = threading.Event()
        self._print = display.display  # which prints printable text only
        display.display = self.above
        progress_pipe.listen()
        atexit.register(self.stop)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(PAUSE):
            with suppress(OSError):  # the terminal is gone, and the run may go on
                self.draw()

    def draw(self) -> None:
        """Show how far the run is by now."""
        with self._lock:
            if not self._over.is_set():
                for host, said in progress_pipe.told():
                    self.board.tell(host, said)
                self._screen.show(self.board.lines(time.monotonic(), *self._screen.size()))

    def above(self, *arguments: Any, **options: Any) -> None:
        """Display something as ever, above the board."""
        if os.getpid() != self._process:  # a worker: it hands over to this process, and has no board
            self._print(*arguments, **options)
            return
        with self._lock:
            self._screen.clear()
            self._print(*arguments, **options)
            self.draw()

    def stop(self) -> None:
        """Leave the board as it is, as the end of an interrupted run."""
        if not self._over.is_set() and os.getpid() == self._process:
            self.draw()
            self._over.set()
            self._display.display = self._print

    def finish(self) -> None:
        """Replace the board by its last count."""
        self.board.finish()
        with self._lock:
            self._screen.clear()
            self._over.set()
            self._display.display = self._print
        self._display.display(f"{self.board.headline()}; {clock(time.monotonic() - self.board.begin)}")


class CallbackModule(Lines):
    """The board where there is a terminal, else lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tensorwright.fleet.board"

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None

    def _wanted(self) -> bool:
        terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        recorded = "AWX_ISOLATED_DATA_DIR" in os.environ  # by ansible-runner, whose terminal nobody looks at
        return terminal and not recorded and not self._display.verbosity and not context.CLIARGS.get("step")

    # --- the run ---

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """The board begins."""
        if self._wanted():
            self._live = Live(self._display, Screen(sys.stdout))
        else:
            super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play brings its hosts; with `serial`, those of a batch."""
        if self._live is None:
            super().v2_playbook_on_play_start(play)
            return
        self._play = play
        inventory = play.get_variable_manager()._inventory
        self._live.board.expect(host.get_name() for host in inventory.get_hosts(play.hosts))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The board ends; the closing table says the rest."""
        if self._live is None:
            super().v2_playbook_on_stats(stats)
            return
        self._live.finish()
        self._live = None

    # --- hosts ---

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host begins with a step."""
        if self._live is None:
            super().v2_runner_on_start(host, task)
            return
        role = str(task._role.get_name()).rpartition(".")[2] if task._role else ""
        self._live.board.start(str(host.get_name()), role, str(task.name or task.action), time.monotonic())

    def v2_runner_on_ok(self, result: Any) -> None:
        """A step went well. The one that tells the result is a host's last."""
        if self._live is None:
            super().v2_runner_on_ok(result)
            return
        said = result._result
        told = [(one.get("ansible_stats") or {}).get("data") or {} for one in said.get("results") or [said]]
        last = any("tensorflow_results" in data for data in told)
        self._live.board.end(str(result._host.get_name()), "done" if last else "waiting")
        if result._task.action in DEBUG:
            super().v2_runner_on_ok(result)
        else:
            self._handle_warnings(result._result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A step that a host does not need."""
        if self._live is None:
            super().v2_runner_on_skipped(result)
        else:
            self._live.board.end(str(result._host.get_name()))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A failure stays above the board."""
        super().v2_runner_on_failed(result, ignore_errors)
        if self._live is not None:
            task = result._task
            refused = failures.is_refusal(task.action, task._role.get_name() if task._role else "", result._result)
            state = "waiting" if ignore_errors else "refused" if refused else "failed"
            self._live.board.end(str(result._host.get_name()), state)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that does not answer stays above the board."""
        super().v2_runner_on_unreachable(result)
        if self._live is not None:
            self._live.board.end(str(result._host.get_name()), "unreachable")

    # --- what lines tell and the board does not ---

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """The board names the steps."""
        if self._live is None:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """The board names the steps."""
        if self._live is None:
            super().v2_playbook_on_handler_task_start(task)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """What is included, the steps tell."""
        if self._live is None:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """A play that no host needs."""
        if self._live is None:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """The count tells it."""
        if self._live is None:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """An item is no step."""
        if self._live is None:
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """An item is no step."""
        if self._live is None:
            super().v2_runner_item_on_skipped(result)
