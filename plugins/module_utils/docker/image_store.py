# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the TensorFlow images that a host keeps. The look at a host reads them, so this file imports little."""

import contextlib
import fcntl
import json
import os
import re
import shlex
import time
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import replace, text
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import client
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError

DIRECTORY = "/var/lib/tensorwright/tensorflow_docker"
KEPT = "tensorwright/kept"  # this name on an image keeps it from those who prune images without a name
BUILDER = "tensorwright-build-{0}"  # the container in which a process builds an image

Record = Dict[str, Any]


class Store:
    """What is known about the images of this host: the one in use first, then the others, the last used first."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self.directory = directory
        self.file = os.path.join(directory, "images.json")
        self.current = os.path.join(directory, "current")  # what the launcher reads
        self.candidate = os.path.join(directory, "candidate")

    def read(self) -> List[Record]:
        """The records; none where the file is missing or makes no sense."""
        try:
            found = json.loads(text(self.file))
        except ValueError:
            return []
        rows = found.get("images") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            return []
        return [row for row in rows if isinstance(row, dict) and row.get("id") and row.get("reference")]

    def write(self, records: Sequence[Record], access: str) -> bool:
        """Let users have the first of these images; tells whether anything was otherwise before."""
        changed = self.read() != list(records) or text(self.current) != settings(records[0], access)
        if changed:
            replace(self.file, json.dumps({"schema": 1, "images": list(records)}, indent=2, sort_keys=True) + "\n")
            replace(self.current, settings(records[0], access))  # last: until now users had the image of before
        return changed

    def access(self) -> str:
        """How containers of the image in use get GPUs."""
        found = re.search(r"^GPUS=(\w+)$", text(self.current), re.MULTILINE)
        return found.group(1) if found else "none"

    def remove(self) -> None:
        """Forget all images."""
        with contextlib.suppress(FileNotFoundError):
            safe_tree.remove(self.directory)
        with contextlib.suppress(OSError):
            safe_tree.rmdir(os.path.dirname(self.directory))

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """One run at a time. Raises DockerError after `timeout` seconds."""
        safe_tree.make_directories(self.directory)
        deadline = time.time() + timeout
        with safe_tree.open_file(os.path.join(self.directory, "lock"), "w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.time() >= deadline:
                        message = (
                            "another run has been working on the images of this host for {0} s or more; wait for it"
                        )
                        raise DockerError(message.format(int(timeout))) from None
                    time.sleep(0.5)
            yield


def settings(record: Record, access: str) -> str:
    """What the launcher has to know, as it reads it."""
    values = (("IMAGE", record["id"]), ("REFERENCE", record["reference"]), ("DIGEST", record.get("digest") or ""))
    lines = ["{0}={1}".format(name, shlex.quote(value)) for name, value in values]
    return "\n".join(lines + ["GPUS=" + access]) + "\n"


def kept_as(image: str) -> str:
    """The name by which an image stays when its tag moves on to another."""
    return "{0}:{1}".format(KEPT, image.rpartition(":")[2][:12])


def lost(images: Mapping[str, str]) -> List[str]:
    """Those of the images (id → name) that the engine does not have; none where it cannot be asked."""
    if not images or not os.access("/run/docker.sock", os.W_OK):
        return []
    try:
        there = client.inspect(list(images))
    except DockerError:
        return []
    return [name for image, name in sorted(images.items()) if image not in there]
