# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the official TensorFlow images, and a registry that serves it as a mirror of Docker Hub would.

Real: the registry (Debian's), TensorFlow, Jupyter and TensorBoard from the package index, and the images' names. Stand-in: how the
image was made, of a Debian root in place of an Ubuntu one. Both are kept between runs: the image under its recipe, what the registry
stores in a volume.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import urllib.request
from urllib.error import URLError

from tests.hosts import images

REPOSITORY = "localhost/tensorwright-test-tensorflow"
REGISTRY = "localhost/tensorwright-test-registry"
HUB_NAME = "tensorflow/tensorflow"
VERSION = "2.21.0"
LIMITS = ["--runtime", "runc"], ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]  # as for the test hosts
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = """version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}, delete: {enabled: true}}
http: {addr: ":5000"}
"""
# What an image has, each made of the one before: tag → the shell program that makes it.
PIP = "python3 -m pip install --no-cache-dir --quiet --root-user-action=ignore"
LAYERS = {
    VERSION: f"rm -f /usr/lib/python3*/EXTERNALLY-MANAGED; ln -s python3 /usr/bin/python; {PIP} tensorflow-cpu=={VERSION}",
    f"{VERSION}-jupyter": f"{PIP} notebook",
}


def podman(*arguments: str) -> str:
    """Run podman, and return what it printed."""
    return subprocess.run(["podman", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def exists(image: str) -> bool:
    """Whether podman has the image."""
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def bootstrap(image: str, packages: list[str]) -> None:
    """Make an image of a Debian 12 root with some packages, unless it is there."""
    if exists(image):
        return
    main, security = images.mirrors()
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", f"--include={','.join(packages)}"]
    command += [f"--aptopt={option}" for option in images.apt_options()]
    command += ["bookworm", "-", f"deb {main} bookworm main", f"deb {security} bookworm-security main"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["podman", "import", "--quiet", "--change", "CMD /bin/bash", "-", image], stdin=tar.stdout, check=True
        )
    if tar.returncode != 0:
        podman("rmi", image)
        raise SystemExit(f"mmdebstrap could not make {image}; its messages are above.")


def recipe() -> str:
    """The name under which the image's parts are kept: another recipe, another name."""
    return hashlib.sha256(repr(sorted(LAYERS.items())).encode()).hexdigest()[:12]


def build(network: str) -> dict[str, str]:
    """Return tag → image, built now unless this recipe's are there."""
    built = {tag: f"{REPOSITORY}:{tag}-{recipe()}" for tag in LAYERS}
    below = f"{REPOSITORY}:root-{recipe()}"
    for tag, image in built.items():
        if not exists(image):
            if not exists(below):
                bootstrap(below, ["ca-certificates", "python3", "python3-pip"])
            layer(below, image, LAYERS[tag], network)
        below = image
    return built


def layer(below: str, image: str, program: str, network: str) -> None:
    """Run a program in an image and keep what it made; this machine's package index and certificates are used, and not kept."""
    print(f"building {image} (about a minute)", flush=True)
    index = [f"--env={name}" for name in ("PIP_INDEX_URL", "HTTPS_PROXY", "https_proxy") if name in os.environ]
    trust = ["--volume", f"{CERTIFICATES}:/site.crt:ro", "--env", "PIP_CERT=/site.crt"]
    first, limits = LIMITS
    name = f"tensorwright-build-{os.getpid()}"
    podman(*first, "run", *limits, "--name", name, "--network", network, *index, *trust, below, "sh", "-ec", program)
    try:
        clean = ["--change", "CMD /bin/bash", "--change", "ENV PIP_CERT="]
        podman("commit", "--quiet", *clean, name, image)
    finally:
        podman("rm", "--force", name)


def serve(group: str, label: str, network: str) -> str:
    """Start the registry with the images in it, and return its address."""
    image_of_it = REGISTRY + ":" + hashlib.sha256(SETTINGS.encode()).hexdigest()[:12]
    bootstrap(image_of_it, ["docker-registry"])
    name, volume = f"{group}-image-registry", f"tensorwright-test-registry-{recipe()}"
    first, limits = LIMITS
    podman("rm", "--force", "--ignore", name)
    start = ["run", "--detach", *limits, "--name", name, "--label", label, "--network", network]
    start += ["--volume", f"{volume}:/var/lib/docker-registry", "--env", f"SETTINGS={SETTINGS}", image_of_it]
    podman(*first, *start, "sh", "-c", 'echo "$SETTINGS" >/registry.yml; exec docker-registry serve /registry.yml')
    address = podman("inspect", "--format", '{{(index .NetworkSettings.Networks "' + network + '").IPAddress}}', name)
    await_answer(f"http://{address}:5000/v2/")
    for tag, image in build(network).items() if not stored(address) else ():
        podman(
            "push",
            "--quiet",
            "--tls-verify=false",
            "--format",
            "v2s2",
            image,
            f"docker://{address}:5000/{HUB_NAME}:{tag}",
        )
    return f"http://{address}:5000"


def stored(address: str) -> bool:
    """Whether the registry has all tags from an earlier run."""
    return all(_has(f"http://{address}:5000/v2/{HUB_NAME}/manifests/{tag}") for tag in LAYERS)


def _has(url: str) -> bool:
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


def await_answer(url: str) -> None:
    """Return once the registry answers."""
    deadline = time.monotonic() + 30
    while not _has(url):
        if time.monotonic() > deadline:
            raise SystemExit(f"The registry did not answer at {url}.")
        time.sleep(0.2)


def log(group: str) -> list[str]:
    """What the registry was asked for so far: the paths."""
    out = subprocess.run(
        ["podman", "logs", f"{group}-image-registry"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout
    return [line for line in out.splitlines() if '"GET /v2/' in line or '"HEAD /v2/' in line]
