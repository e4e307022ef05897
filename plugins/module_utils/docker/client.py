# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's command, run. The look at a host uses this file, so it imports no explanations of what Docker says."""

import json
import os
import re
import subprocess
from typing import Any, Dict, Optional, Sequence, Tuple

DOCKER = "docker"


class DockerError(Exception):
    """A docker command failed; the text is one clause, `output` what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(DockerError, self).__init__(message)
        self.output = output


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


def inspect(names: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Return name → what the engine says about an image, for those of the named ones that it has. Raises DockerError."""
    if not names:
        return {}
    status, out, err = call("image", "inspect", *names)
    if status and not re.search(r"[Nn]o such image|not found", err):
        raise DockerError("Docker does not tell of its images", err)
    found: Dict[str, Dict[str, Any]] = {}
    for image in json.loads(out or "[]"):
        known = [image["Id"]] + (image.get("RepoTags") or []) + (image.get("RepoDigests") or [])
        found.update((name, image) for name in names if name in known or _canonical(name) in map(_canonical, known))
    return found


def _canonical(name: str) -> str:
    return re.sub(r"^(index\.)?docker\.io/(library/)?", "", name)
