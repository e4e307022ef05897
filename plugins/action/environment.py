# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module `environment`; while it works, the board hears what its installer is at."""

from __future__ import annotations

import copy
import os
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible.plugins.action.normal import ActionModule as Normal
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import progress_pipe

PAUSE = 2.0  # seconds between two looks; what is over sooner costs none
LINES = 60


class ActionModule(Normal):
    """The module as ever, and a look into its log now and then where there is a board."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> Any:
        """Run the module."""
        with self._watched(str(self._task.args.get("path") or ""), str((task_vars or {}).get("inventory_hostname"))):
            return super().run(tmp, task_vars)

    @contextmanager
    def _watched(self, path: str, host: str) -> Iterator[None]:
        if not (path and progress_pipe.heard()):
            yield
            return
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(path, host, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(PAUSE)

    def _watch(self, path: str, host: str, over: threading.Event) -> None:
        begin = time.monotonic()
        # A connection's options are read and never written while it runs a command; over SSH both share one master.
        connection = copy.copy(self._connection)
        while not over.wait(PAUSE):
            with suppress(Exception):  # whatever is wrong with the connection, the module itself will say
                command = look(path, time.monotonic() - begin)
                status, output, _ = connection.exec_command(command, in_data=None, sudoable=False)
                if status == 0:
                    progress_pipe.tell(host, progress_pipe.last(output.decode("utf-8", "replace").splitlines()))


def look(path: str, seconds: float) -> str:
    """The command that prints the end of an environment's log, if it was written in the last so many seconds."""
    parent, name = os.path.split(path.rstrip("/"))
    log = shlex.quote(os.path.join(parent, ".tensorwright", "log", f"{name}.log"))
    return f"find {log} -newermt '{int(seconds) + 1} seconds ago' -exec tail -n {LINES} {{}} +"
