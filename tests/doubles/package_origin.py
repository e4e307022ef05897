# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in package index in a container of its own, on a network of its own: its one interface can be counted, slowed and cut.

    python -m tests.doubles.package_origin DIRECTORY    # in that container

serves stand-ins of TensorFlow, each with as many bytes that do not compress as a small release has, and the real wheels of DIRECTORY,
on port 80. Each request is a line of REQUESTS.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

from tests.doubles import tensorflow_wheel
from tests.doubles.package_index import PackageIndex, Request
from tests.doubles.wheels import RealWheel, Wheel

HOST = "packages.example.org"  # as hosts call it
REQUESTS = "/run/requests"
VERSIONS = ("2.19.1", "2.20.0", "2.21.0")
MB = 40
# Beside TensorFlow: a package that takes a while over a slow line, and a small one.
OTHERS = {"stand-in-data": 8, "stand-in-tool": 1}


def payload(name: str, megabytes: int) -> bytes:
    """Return bytes that do not compress, the same for the same name."""
    return random.Random(name).randbytes(megabytes * 1_000_000)


def wheels() -> list[Wheel]:
    """Return the stand-ins."""
    releases = [tensorflow_wheel.tensorflow(version, data=payload(version, MB)) for version in VERSIONS]
    others = [
        Wheel(name, "1.0", {f"{name.replace('-', '_')}.py": ""}, data=payload(name, megabytes))
        for name, megabytes in OTHERS.items()
    ]
    return [*releases, *others, tensorflow_wheel.numpy(), tensorflow_wheel.pip()]


class Log(list[Request]):
    """The requests, kept where tests can read them."""

    def append(self, request: Request) -> None:
        """Write a line."""
        with open(REQUESTS, "a") as log:
            log.write(f"{request.method} {request.path}\n")


def main(directory: Path) -> None:
    """Serve until the container ends."""
    with PackageIndex(host="0.0.0.0", port=80, requests=Log()) as index:
        index.add(*wheels(), *map(RealWheel.of, directory.glob("*.whl")))
        threading.Event().wait()


def serve(group: str, image: str, label: str, network: str, real: Path) -> str:
    """Start the container, which also has the real wheels of a directory, and return its name."""
    name = f"{group}-package-origin"
    command = ["podman", "--runtime", "runc", "run", "--detach", "--name", name, "--label", label, "--network", network]
    command += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]  # as for the test hosts
    command += ["--volume", f"{Path(__file__).parents[1]}:/srv/tests:ro", "--volume", f"{real}:/srv/real:ro"]
    command += [
        "--workdir",
        "/srv",
        "--entrypoint",
        "python3",
        image,
        "-B",
        "-m",
        "tests.doubles.package_origin",
        "/srv/real",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
