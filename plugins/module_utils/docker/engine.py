# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine that runs on a host: whether it does, which containers it has, and how it takes over new settings."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from typing import Any, Dict, List, NamedTuple

SERVICE = "docker.service"
DAEMON = "dockerd"
SECONDS = 120

Outcome = NamedTuple("Outcome", [("status", int), ("output", str)])


class EngineError(Exception):
    """The engine did not do it; the text is one clause."""


def run(*command: str) -> Outcome:
    """Run a command to its end; one that is not there has the status 127."""
    try:
        done = subprocess.run(
            command,
            env=dict(os.environ, LC_ALL="C"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Outcome(127, "{0} is not there".format(command[0]))
    except subprocess.TimeoutExpired:
        return Outcome(124, "{0} took more than {1} s".format(" ".join(command), SECONDS))
    return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"))


def is_installed() -> bool:
    """Whether there is an engine on this host."""
    return shutil.which(DAEMON) is not None


def is_running() -> bool:
    """Whether the engine's service runs."""
    return run("systemctl", "is-active", "--quiet", SERVICE).status == 0


def containers() -> List[str]:
    """The names of the containers that run. Raises EngineError."""
    done = run("docker", "ps", "--format", "{{.Names}}")
    if done.status != 0:
        raise EngineError("the running containers cannot be listed: {0}".format(_last(done.output)))
    return sorted(done.output.split())


def restores() -> bool:
    """Whether the engine that runs would leave its containers running."""
    return run("docker", "info", "--format", "{{.LiveRestoreEnabled}}").output.strip() == "true"


def objections(settings: Dict[str, Any]) -> str:
    """What the engine itself has against settings; nothing where it cannot check them, as before version 23."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as scratch:
        json.dump(settings, scratch)
        scratch.flush()
        done = run(DAEMON, "--validate", "--config-file", scratch.name)
        if done.status in (0, 127) or "unknown flag" in done.output:
            return ""
        return _last(done.output).replace(scratch.name, "the settings")


def take_over() -> None:
    """Let the engine that runs read its settings again. Raises EngineError."""
    done = run("systemctl", "reload", SERVICE)
    if done.status != 0:
        raise EngineError("the engine cannot be reloaded: {0}".format(_last(done.output)))


def preserve() -> None:
    """Return once the engine that runs would leave its containers running, as its settings say by now. Raises EngineError."""
    take_over()
    deadline = time.time() + 10
    while not restores():
        if time.time() > deadline:
            raise EngineError("live restore did not come into force by a reload")
        time.sleep(0.2)


def restart() -> None:
    """Restart the engine, or start it. Raises EngineError."""
    run("systemctl", "reset-failed", SERVICE)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    if run("systemctl", "restart", SERVICE).status != 0:
        journal = run("journalctl", "--unit", SERVICE, "--since", since, "--output", "cat", "--no-pager").output
        raise EngineError("the engine does not start with these settings: {0}".format(_why(journal)))


def read_units() -> None:
    """Let systemd read its units again. Raises EngineError."""
    done = run("systemctl", "daemon-reload")
    if done.status != 0:
        raise EngineError("systemd cannot read its units: {0}".format(_last(done.output)))


def _last(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else "no word of why"


def _why(journal: str) -> str:
    """The daemon's own last words before systemd's."""
    lines = [line.strip() for line in journal.splitlines()]
    own = [line for line in lines if re.match(r"(failed to start daemon|unable to configure|unknown log opt)", line)]
    told = [re.search(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"', line) for line in lines]
    return (own or [one.group(1).replace('\\"', '"') for one in told if one] or lines or ["no word of why"])[-1]
