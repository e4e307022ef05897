# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's command line, asked in a few calls; and what its complaints about images mean."""

import time
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import Row
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import client
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError

PAUSE = 5  # seconds before the first retry; each further one waits twice as long


def diagnose(output: str) -> Optional[Row]:
    """Return the row of the table of known troubles that explains an output, or None."""
    return matcher.diagnose(output)


def explain(output: str) -> str:
    """Return cause and remedy in one clause; of an unknown failure its last words."""
    said = matcher.without_logins(output)
    return matcher.explain(said) or matcher.unknown(said)


def done(*arguments: str, stdin: Optional[str] = None) -> str:
    """Run docker with these arguments and return its output. Raises DockerError."""
    status, out, err = client.call(*arguments, stdin=stdin)
    if status:
        raise DockerError(explain(out + err), out + err)
    return out


def inspect(names: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Return name → what the engine says about an image, for those of the named ones that it has. Raises DockerError."""
    try:
        return client.inspect(names)
    except DockerError as error:
        raise DockerError(explain(error.output) if error.output else str(error), error.output) from error


def pull(name: str, retries: int) -> None:
    """Pull an image; tries again where that may help. Raises DockerError."""
    for attempt in range(retries + 1):
        status, out, err = client.call("pull", "--quiet", name)
        if not status:
            return
        row = diagnose(err + out)
        if row is None or not row.transient or attempt == retries:
            raise DockerError("{0} could not be pulled: {1}".format(name, explain(err + out)), out + err)
        time.sleep(PAUSE * 2**attempt)


def used_by(image: str) -> List[str]:
    """Return the names of the containers, running or not, that were made of an image. Raises DockerError."""
    return done("ps", "--all", "--filter", "ancestor=" + image, "--format", "{{.Names}}").split()
