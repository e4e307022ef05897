# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a bundle, on the control node; the board hears what it is at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.download import DownloadError
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.builder import Filling
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import progress_pipe


class ActionModule(ActionBase):
    """Asks no host anything: what the hosts need is in its arguments."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Fill the folder."""
        answer: dict[str, Any] = super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "hosts": {"type": "dict", "required": True},
                "unasked": {"type": "list", "elements": "str", "default": []},
                "prune": {"type": "bool", "default": False},
                "timeout": {"type": "int", "default": 60},
                "retries": {"type": "int", "default": 3},
            }
        )
        host = str((task_vars or {}).get("inventory_hostname"))
        filling = Filling(
            Path(asked["directory"]).absolute(),
            due.plain(asked["hosts"]),
            asked["unasked"],
            asked["prune"],
            bool(self._task.check_mode),
            asked["timeout"],
            asked["retries"],
            lambda line: progress_pipe.tell(host, line),
        )
        try:
            answer.update(filling.run())
        except (BundleError, DownloadError, OSError) as error:
            answer.update(failed=True, msg=f"The bundle cannot be filled: {error}", changed=filling.changed)
        return answer
