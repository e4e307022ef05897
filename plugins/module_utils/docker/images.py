# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorFlow images on a host: how one is built, proved, and let go."""

import contextlib
import glob
import inspect
import json
import os
import pwd
import re
import shlex
import subprocess
import tempfile
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import replace
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import cli as docker_cli
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import client
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.image_store import (
    BUILDER,
    Record,
    Store,
    kept_as,
    settings,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import session_test as session
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import Cache
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import session_test as session_program

LAUNCHER = "/usr/local/bin/tensorflow-docker"
CA_IN_BUILD = "/tensorwright-ca.crt"

# -- what killed runs left --------------------------------------------------------------------------------------------


def clear_killed(store: Store) -> None:
    """Remove what a run that was killed left: the container of a build, and a candidate. Raises DockerError.

    For the run that holds the lock: no other one is building or proving.
    """
    pattern = BUILDER.format("[0-9]+")
    names = docker_cli.done("ps", "--all", "--filter", "name=^/?{0}$".format(pattern), "--format", "{{.Names}}")
    left = [name for name in names.split() if re.fullmatch(pattern, name)]
    if left:
        docker_cli.done("rm", "--force", "--volumes", *left)
    with contextlib.suppress(FileNotFoundError):
        safe_tree.unlink(store.candidate)


# -- getting one ------------------------------------------------------------------------------------------------------


def program(requirements: Sequence[str], index: Mapping[str, Any], has_ca: bool) -> str:
    """The shell program that makes an image of another one. It is fed to the container, so that no login stays in the image."""
    lines = ["set -eu"]
    cache = Cache(index.get("package_cache"))
    own = index.get("url") or (download.DEFAULT_INDEX if cache else "")
    variables = {
        "PIP_INDEX_URL": cache.of(own),
        "PIP_EXTRA_INDEX_URL": " ".join(cache.of(url) for url in index.get("extra") or []),
        "PIP_TRUSTED_HOST": cache.plain_host,
        "PIP_DEFAULT_TIMEOUT": str(cache.timeout) if cache else "",
        "PIP_CERT": CA_IN_BUILD if has_ca else "",
    }
    variables.update((index.get("proxy") or {}).items())
    if cache and index.get("proxy"):
        variables["no_proxy"] = ",".join(filter(None, [variables.get("no_proxy"), cache.host]))
    lines += ["export {0}={1}".format(name, shlex.quote(value)) for name, value in sorted(variables.items()) if value]
    for package in (one.partition("[")[0] for one in requirements if "[and-cuda]" in one):
        # Both builds have the same files: without the CPU build first, its removal would leave holes.
        lines.append("python -m pip uninstall --quiet --yes {0}-cpu {0}".format(shlex.quote(package)))
    install = "python -m pip install --quiet --no-cache-dir --root-user-action=ignore"
    lines.append(" ".join([install] + [shlex.quote(one) for one in requirements]))
    return "\n".join(lines) + "\n"


def build(reference: str, base: Mapping[str, Any], requirements: Sequence[str], index: Mapping[str, Any]) -> None:
    """Make an image of another one and further packages, such as the CUDA wheels of its release. Raises DockerError."""
    name = BUILDER.format(os.getpid())
    ca_file = str(index.get("ca_file") or "")
    mount = ["--volume", "{0}:{1}:ro".format(ca_file, CA_IN_BUILD)] if ca_file else []
    config = base.get("Config") or {}
    restored = ["CMD " + json.dumps(config.get("Cmd") or ["/bin/bash"])]
    restored += ["ENTRYPOINT " + json.dumps(config["Entrypoint"])] if config.get("Entrypoint") else []
    if any("[and-cuda]" in one for one in requirements):
        restored.append("ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility")
    changes = [word for line in restored for word in ("--change", line)]
    # Without an entrypoint of its own: an empty one cannot be put back by a commit.
    start = [
        "run",
        "--interactive",
        "--name",
        name,
        "--entrypoint",
        "",
        "--user",
        "0:0",
        *mount,
        base["Id"],
        "sh",
        "-s",
    ]
    try:
        status, out, err = client.call(*start, stdin=program(requirements, index, bool(ca_file)))
        if status:
            said = out + err
            by_engine = status == 125 or "o space left on device" in said  # the container's disk is the engine's
            why = docker_cli.explain(said) if by_engine else matcher.explain(said) or docker_cli.explain(said)
            raise DockerError("{0} could not be built: {1}".format(reference, why), said)
        try:
            docker_cli.done("commit", *changes, name, reference)
        except DockerError as error:
            raise DockerError("{0} could not be built: {1}".format(reference, error), error.output) from error
    finally:
        client.call("rm", "--force", "--volumes", name)


def digest(image: Mapping[str, Any], reference: str) -> Optional[str]:
    """name@sha256:… of an image as its registry knows it; None for one that no registry has."""
    name = re.sub(r"(@.*|:[^/:]+)$", "", reference)
    known = [str(one) for one in image.get("RepoDigests") or []]
    return next((one for one in known if one.partition("@")[0] == name), None)


# -- proving one ------------------------------------------------------------------------------------------------------


def access(wanted: str, gpus: int) -> str:
    """How containers are to get GPUs: none, gpus or cdi. Raises DockerError."""
    if not gpus or wanted != "auto":
        return wanted if gpus else "none"
    directories = json.loads(docker_cli.done("info", "--format", "{{json .}}")).get("CDISpecDirs") or []
    specifications = (
        glob.glob(os.path.join(place, "nvidia*.{0}".format(kind))) for place in directories for kind in ("yaml", "json")
    )
    return "cdi" if any(specifications) else "gpus"


def prove(
    store: Store, record: Record, gpu_access: str, asked: Mapping[str, Any], launcher: str = LAUNCHER
) -> Dict[str, Any]:
    """Run the session test in an image, through the launcher, as an ordinary user. Returns what it found; raises DockerError."""
    replace(store.candidate, settings(record, gpu_access))
    user = asked.get("session_user") or "nobody"
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise DockerError("the session user '{0}' does not exist on this host".format(user)) from None
    place = tempfile.mkdtemp(prefix="tensorwright-session-", dir="/tmp")
    start = time.time()
    try:
        safe_tree.change(place, owner=entry.pw_uid, group=entry.pw_gid)
        status, out, err = _converse([launcher, "--as", user, "-"], place, store.candidate)
    finally:
        with contextlib.suppress(OSError):  # its user may be writing into it still
            safe_tree.remove(place)
        safe_tree.unlink(store.candidate)
    marked = [line for line in out.splitlines() if line.startswith(session.MARK)]
    if status or not marked:
        said = out + err
        known = docker_cli.diagnose(err) if status == 125 else None
        why = docker_cli.explain(err) if known else matcher.explain(said) or matcher.unknown(said)
        raise DockerError("the session test in {0} failed: {1}".format(record["reference"], why), said)
    found: Dict[str, Any] = json.loads(marked[-1][len(session.MARK) :])
    wrong = session.faults(found, asked.get("version") or str(found.get("tensorflow")), asked.get("cuda_build"))
    if gpu_access != "none" and found.get("gpus") != asked.get("gpus"):
        wrong.append("{0} GPUs are seen in the container, {1} are planned".format(found.get("gpus"), asked.get("gpus")))
    if wrong:
        raise DockerError(
            "the session test in {0} failed: {1}".format(record["reference"], "; ".join(wrong)), out + err
        )
    found.update(user=user, seconds=round(time.time() - start, 1))
    return found


def _converse(command: List[str], place: str, settings_file: str) -> Any:
    """Feed the session test's program to a command; return status, output, errors. Raises DockerError."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": place,
        "TENSORFLOW_DOCKER_SETTINGS": settings_file,
    }
    try:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise DockerError("the launcher {0} could not be started: {1}".format(command[0], error.strerror)) from error
    try:
        out, err = process.communicate(inspect.getsource(session_program).encode("utf-8"), timeout=session.TIMEOUT)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        raise DockerError("the session test did not end within {0} s".format(session.TIMEOUT)) from None
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


# -- letting go of one ------------------------------------------------------------------------------------------------


def surplus(records: Sequence[Record], keep: int) -> List[Record]:
    """Those images that are more than are to be kept, and of which there is no container."""
    return [record for record in records[max(keep, 1) :] if not docker_cli.used_by(record["id"])]


def discard(record: Record, others: Sequence[Record]) -> None:
    """Take our names from an image; with its last name it goes. One that was there before us keeps its own. Raises DockerError."""
    names = [kept_as(record["id"])]
    if not record.get("adopted"):
        names += [record["reference"]] + ([record["base"]] if record.get("base") else [])
    used = {name for other in others for name in (other["reference"], other.get("base"), kept_as(other["id"]))}
    there = docker_cli.inspect([name for name in names if name not in used])
    # A tag may have moved on to another image since.
    mine = [name for name, image in there.items() if image["Id"] == record["id"] or name == record.get("base")]
    if mine:
        docker_cli.done("image", "rm", *mine)
