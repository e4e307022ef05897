# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's command line, asked in a few calls; and what its complaints about images mean."""

import json
import os
import re
import subprocess
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import Row

DOCKER = "docker"
PAUSE = 5  # seconds before the first retry; each further one waits twice as long


class DockerError(Exception):
    """A docker command failed; the text is one clause, `output` what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(DockerError, self).__init__(message)
        self.output = output


def diagnose(output: str) -> Optional[Row]:
    """Return the row of the table of known troubles that explains an output, or None."""
    return matcher.diagnose(output)


def explain(output: str) -> str:
    """Return cause and remedy in one clause; of an unknown failure its last words."""
    said = matcher.without_logins(output)
    return matcher.explain(said) or matcher.unknown(said)


def call(*arguments: str, stdin: Optional[str] = None, timeout: Optional[float] = None) -> Tuple[int, str, str]:
    """Run docker with these arguments; return status, output and errors. Raises DockerError where there is no docker."""
    try:
        process = subprocess.Popen(
            (DOCKER,) + arguments,
            env=dict(os.environ, LC_ALL="C"),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise DockerError("there is no docker command on this host; run the role docker") from None
    try:
        out, err = process.communicate(stdin.encode("utf-8") if stdin is not None else None, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise DockerError("'docker {0}' did not end within {1} s".format(arguments[0], timeout)) from None
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def done(*arguments: str, stdin: Optional[str] = None) -> str:
    """Run docker with these arguments and return its output. Raises DockerError."""
    status, out, err = call(*arguments, stdin=stdin)
    if status:
        raise DockerError(explain(out + err), out + err)
    return out


def inspect(names: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Return name → what the engine says about an image, for those of the named ones that it has. Raises DockerError."""
    if not names:
        return {}
    status, out, err = call("image", "inspect", *names)
    if status and not re.search(r"[Nn]o such image|not found", err):
        raise DockerError(explain(err), err)
    found: Dict[str, Dict[str, Any]] = {}
    for image in json.loads(out or "[]"):
        known = [image["Id"]] + (image.get("RepoTags") or []) + (image.get("RepoDigests") or [])
        found.update((name, image) for name in names if name in known or _canonical(name) in map(_canonical, known))
    return found


def _canonical(name: str) -> str:
    return re.sub(r"^(index\.)?docker\.io/(library/)?", "", name)


def pull(name: str, retries: int) -> None:
    """Pull an image; tries again where that may help. Raises DockerError."""
    for attempt in range(retries + 1):
        status, out, err = call("pull", "--quiet", name)
        if not status:
            return
        row = diagnose(err + out)
        if row is None or not row.transient or attempt == retries:
            raise DockerError("{0} could not be pulled: {1}".format(name, explain(err + out)), out + err)
        time.sleep(PAUSE * 2**attempt)


def used_by(image: str) -> List[str]:
    """Return the names of the containers, running or not, that were made of an image. Raises DockerError."""
    return done("ps", "--all", "--filter", "ancestor=" + image, "--format", "{{.Names}}").split()
