#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set what a role wants of the Docker daemon, beside what others have set."""

DOCUMENTATION = r"""
module: docker_daemon
short_description: Settings of the Docker daemon, merged into what is there
version_added: 0.1.0
description:
  - Merges settings into C(daemon.json). What others have set stays; a link is followed, and stays a link.
  - Remembers what the role has set, so that this, and only this, can be changed and taken out again.
  - Lets the running daemon take the settings over by a reload where that is enough, and restarts it where it is not.
  - Refuses before any change where the restart would end containers that run.
  - Puts everything back where the daemon does not start with the new settings.
  - On a host without an engine it only writes the files.
author:
  - The Tensorwright developers
options:
  role:
    description: The role whose settings these are.
    type: str
    required: true
  state:
    description: Whether the settings are to be there.
    type: str
    choices: [present, absent]
    default: present
  file:
    description: The daemon's settings file.
    type: path
    default: /etc/docker/daemon.json
  settings:
    description: Settings that have to hold. Another value that somebody else has set is a conflict.
    type: dict
    default: {}
  defaults:
    description: Groups of settings. Each group gives way to anything that somebody else has set for one of its keys.
    type: list
    elements: dict
    default: []
  replace:
    description: Whether conflicting values are replaced. They come back with O(state=absent).
    type: bool
    default: false
  files:
    description: The content of files beside it that the daemon reads when it starts, by path; no content means no file.
    type: dict
    default: {}
  interrupt:
    description: Whether the daemon may be restarted though that ends containers.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be done, and refuses what would be refused.
    support: full
"""

EXAMPLES = r"""
- name: Register a runtime
  tensorwright.fleet.docker_daemon:
    role: nvidia_docker
    settings:
      runtimes: {nvidia: {path: nvidia-container-runtime}}
  become: true
"""

RETURN = r"""
action:
  description: What the daemon had to do, or would have to in check mode.
  returned: always
  type: str
  sample: reload
told:
  description: Sentences about what others have set and what became of it.
  returned: always
  type: list
  elements: str
settings:
  description: What of the file is the role's, for its receipt.
  returned: when O(state=present)
  type: dict
files:
  description: The files beside it that are there, for the receipt.
  returned: when O(state=present)
  type: list
  elements: str
"""

import contextlib
import os
from typing import Any, Dict, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import daemon_config
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import engine as docker_engine
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.daemon_config import DaemonJsonError
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.engine import EngineError


class RefusedError(Exception):
    """Nothing was changed; the text is one sentence."""


class Work:
    """One run of the module."""

    def __init__(self, asked: Dict[str, Any], rehearse: bool) -> None:
        self.asked = asked
        self.rehearse = rehearse
        self.file: str = asked["file"]
        self.record = daemon_config.read_record(asked["role"])
        self.before, self.current = daemon_config.load(self.file)
        self.made = bool(self.record.get("made")) or not os.path.lexists(self.file)
        present = asked["state"] == "present"
        self.beside: Dict[str, str] = {
            path: (content or "") if present else "" for path, content in sorted(asked["files"].items())
        }
        self.merged = daemon_config.merge(
            self.current,
            asked["settings"] if present else {},
            asked["defaults"] if present else [],
            self.record.get("ours"),
            self.record.get("was"),
            asked["replace"],
        )
        self.wanted = self.merged.settings
        # What the daemon may not know yet: the changes of this run, and those of one that was cut off before it told the daemon.
        self.known = self.record.get("known", self.current)
        self.stale = [path for path, content in self.beside.items() if files.text(path) != content]
        self.restart_keys = daemon_config.needs_restart(self.known, self.wanted)
        self.beside_changed = bool(self.stale) or bool(self.record.get("beside"))

    def do(self) -> Dict[str, Any]:
        """Do what was asked for, and return the answer."""
        if self.merged.conflicts:
            raise RefusedError(
                "{0} has values of somebody else: {1}; accepted: the same values, or docker_replace_settings: true, which "
                "keeps them for the day when these settings are removed".format(
                    self.file, "; ".join(self.merged.conflicts)
                )
            )
        action = self._action()
        writes = self.wanted != self.current or bool(self.stale)
        if action != "none":
            self._look_ahead(action)
        if (writes or action != "none") and not self.rehearse:
            self._apply(action)
        elif not self.rehearse:
            self._remember()
        return {
            "changed": writes or action != "none",
            "action": action,
            "told": self.merged.told,
            "settings": self.merged.ours,
            "files": [path for path, content in self.beside.items() if content],
        }

    def _action(self) -> str:
        if not docker_engine.is_installed() or not docker_engine.is_running():
            return "none"
        if self.restart_keys or self.beside_changed:
            return "restart"
        return "reload" if self.known != self.wanted else "none"

    def _look_ahead(self, action: str) -> None:
        """Refuse settings that the engine does not understand, and a restart that would end containers."""
        objection = docker_engine.objections(self.wanted)
        if objection:
            raise RefusedError("the engine does not accept the settings: {0}".format(objection))
        if action != "restart" or self.asked["interrupt"]:
            return
        running = docker_engine.containers()
        fatal = daemon_config.ends_containers(self.restart_keys)
        if running and (fatal or self.wanted.get("live-restore") is not True):
            why = "new values of {0}".format(", ".join(fatal)) if fatal else "a restart without live-restore"
            raise RefusedError(
                "{0} would end the running containers {1}; accepted: the same once they have ended, or "
                "docker_interrupt_containers: true".format(why, ", ".join(running))
            )

    def _apply(self, action: str) -> None:
        kept = {path: _content(path) for path in self.beside}
        self._remember(self.known, action == "restart" and self.beside_changed)
        if self.wanted != self.current:
            self._write(self.file, daemon_config.render(self.wanted, self.before) if self.wanted else "")
        for path in self.stale:
            self._write(path, self.beside[path])
        try:
            if self.stale:
                docker_engine.read_units()
            if action == "reload":
                docker_engine.take_over()
            elif action == "restart":
                if (
                    self.wanted.get("live-restore") is True
                    and docker_engine.containers()
                    and not docker_engine.restores()
                ):
                    docker_engine.preserve()
                docker_engine.restart()
        except EngineError as error:
            self._put_back(kept, action)
            raise RefusedError("{0}; the settings of before are in force again".format(error)) from error
        self._remember()

    def _write(self, path: str, content: str) -> None:
        """Give the file at the end of a link this content, with the owner and mode that it has; without content, remove it."""
        if not content and (path != self.file or self.made):
            if os.path.lexists(path):
                safe_tree.unlink(path)
                with contextlib.suppress(OSError):  # others have something there
                    safe_tree.rmdir(os.path.dirname(path))
            return
        target = os.path.realpath(path)
        state = os.stat(target) if os.path.exists(target) else None
        fresh = 0o600 if path.endswith(".env") else 0o644
        files.replace(target, content or "{}\n", state.st_mode & 0o7777 if state else fresh)
        if state:
            safe_tree.change(target, owner=state.st_uid, group=state.st_gid)

    def _remember(self, known: Optional[Dict[str, Any]] = None, beside: bool = False) -> None:
        """Note what is ours; `known`: what the daemon still goes by, until it has been told."""
        role = self.asked["role"]
        record: Dict[str, Any] = {"ours": self.merged.ours, "was": self.merged.was, "made": self.made}
        if known is not None:
            record.update(known=known, beside=beside)
        if not self.merged.ours and known is None and self.asked["state"] == "absent":
            daemon_config.remove_record(role)
        elif record != self.record:
            daemon_config.write_record(role, record)

    def _put_back(self, kept: Dict[str, Optional[bytes]], action: str) -> None:
        if self.before:
            self._write(self.file, self.before)
        elif os.path.exists(self.file):
            safe_tree.unlink(self.file)
        for path, content in kept.items():
            if content is not None:
                files.replace_bytes(path, content, 0o600 if path.endswith(".env") else 0o644)
            elif os.path.exists(path):
                safe_tree.unlink(path)
        if self.record:
            daemon_config.write_record(self.asked["role"], self.record)
        else:
            daemon_config.remove_record(self.asked["role"])
        docker_engine.read_units()
        if action == "restart":
            docker_engine.restart()


def _content(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "file": {"type": "path", "default": daemon_config.FILE},
            "settings": {"type": "dict", "default": {}},
            "defaults": {"type": "list", "elements": "dict", "default": []},
            "replace": {"type": "bool", "default": False},
            # Proxies may hold passwords.
            "files": {"type": "dict", "default": {}, "no_log": True},
            "interrupt": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    told: List[str] = []
    try:
        work = Work(module.params, module.check_mode)
        told = work.merged.told
        answer = work.do()
    except (DaemonJsonError, RefusedError, EngineError) as error:
        module.fail_json(msg=str(error), told=told)
    except OSError as error:
        module.fail_json(msg="{0}: {1}".format(error.filename, error.strerror), told=told)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
