# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's command line, asked in a few calls; and what its complaints about images mean."""

import json
import os
import re
import subprocess
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher

DOCKER = "docker"
PAUSE = 5  # seconds before the first retry; each further one waits twice as long


class Row(NamedTuple):
    """One complaint. The table of known troubles has the cause of most as well, and remedies for engines that others installed."""

    name: str
    signature: str
    cause: str
    remedy: str
    transient: bool


ROWS = (
    Row(
        "engine down",
        r"[Cc]annot connect to the Docker daemon|failed to connect to the docker API",
        "Docker's engine does not run on this host",
        "look at 'journalctl -u docker', and run the role docker",
        False,
    ),
    Row(
        "disk full",
        r"[Nn]o space left on device",
        "the disk under Docker's data root is full",
        "free space there ('docker system df' shows what takes it), or set docker_data_root",
        False,
    ),
    Row(
        "rate limit",
        r"toomanyrequests|pull rate limit|429 Too Many Requests",
        "the registry lets this network pull no more images for now",
        "name the site's mirror in docker_registry_mirrors or tensorflow_docker_registry, or log in with 'docker login'",
        False,
    ),
    Row(
        "certificate not trusted",
        r"x509: |certificate signed by unknown authority|tls: failed to verify certificate",
        "the registry's certificate is signed by an authority that this host does not trust",
        "name the site's CA files in ca_certificates_files; the engine reads them when it starts",
        False,
    ),
    Row(
        "no https",
        r"server gave HTTP response to HTTPS client",
        "the registry speaks plain http",
        "give it a certificate, or name it among the insecure-registries of docker_settings",
        False,
    ),
    Row(
        "no such image",
        r"manifest unknown|manifest for \S+ not found|[Nn]ot [Ff]ound: manifest|: not found|no matching manifest",
        "the registry has no image of that name and tag",
        "check tensorflow_docker_image and tensorflow_docker_registry; a mirror that lags behind is the usual reason",
        False,
    ),
    Row(
        "access denied",
        r"pull access denied|unauthorized|no basic auth credentials|denied: |403 Forbidden",
        "the registry denies access",
        "check the image's name, and log root in on the host with 'docker login'",
        False,
    ),
    Row(
        "name not resolved",
        r"no such host|server misbehaving|Temporary failure in name resolution",
        "the registry's name cannot be resolved on this host",
        "check the host's DNS, or name the site's mirror in docker_registry_mirrors or tensorflow_docker_registry",
        True,
    ),
    Row(
        "network broken",
        r"timeout|connection refused|connection reset|unexpected EOF|\bEOF\b|network is unreachable|no route to host|"
        r"request canceled|50[0234] |error pulling image configuration",
        "the connection to the registry could not be made or broke off",
        "run again; what was pulled already is kept. Behind a proxy, set ca_certificates_https_proxy",
        True,
    ),
    Row(
        "no toolkit",
        r"could not select device driver|unknown or invalid runtime name: nvidia|unknown runtime specified nvidia",
        "Docker knows nothing of NVIDIA's GPUs",
        "run the role nvidia_docker",
        False,
    ),
    Row(
        "no CDI",
        r"unresolvable CDI devices|CDI device injection failed",
        "the CDI specification does not have that GPU",
        "run the role nvidia_docker, which makes it anew",
        False,
    ),
    Row(
        "driver too old",
        r"unsatisfied condition: (?:cuda|driver)",
        "the host's NVIDIA driver is too old for this image's CUDA",
        "choose a newer tensorflow_driver_branch, or an older tensorflow_version",
        False,
    ),
    Row(
        "no driver",
        r"nvidia-container-cli: initialization error|driver not loaded|libnvidia-ml.so.1: cannot open shared object",
        "the NVIDIA driver is not loaded",
        "reboot the host after a driver's installation, and look whether 'nvidia-smi' runs",
        False,
    ),
)


class DockerError(Exception):
    """A docker command failed; the text is one clause, `output` what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(DockerError, self).__init__(message)
        self.output = output


def diagnose(output: str) -> Optional[Row]:
    """Return the row that explains an output, or None."""
    return next((row for row in ROWS if re.search(row.signature, output)), None)


def explain(output: str) -> str:
    """Return cause and remedy in one clause; of an unknown failure its last words.

    The cause is that of the table of known troubles where it has one, so that a failure is told with one cause.
    """
    row, known = diagnose(output), matcher.diagnose(output)
    if row:
        return "{0}; {1}".format(known.cause if known else row.cause, row.remedy)
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
