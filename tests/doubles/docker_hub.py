# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Docker Hub: Debian's registry under the Hub's name, which wants a token and sends who asks for a layer elsewhere.

What it has is the stand-in of the official images (`tensorflow_image`); what it is asked for can be counted. The scenario's hosts trust
its certificate, and find its names by podman's name server.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.doubles import tensorflow_image
from tests.hosts import Host, images, scenario_hosts
from tests.hosts.containers import LABEL, NETWORK, inside, podman

NAME = "registry-1.docker.io"
LAYERS = "layers.docker-hub.example"
STORE = "/var/lib/docker-registry"
SETTINGS = f"""version: 0.1
storage:
  filesystem: {{rootdirectory: {STORE}}}
  maintenance: {{readonly: {{enabled: true}}}}
middleware:
  storage: [{{name: redirect, options: {{baseurl: "https://{LAYERS}/"}}}}]
auth:
  silly: {{realm: "https://{LAYERS}/token", service: "{NAME}"}}
http: {{addr: ":443", tls: {{certificate: /tls/hub.crt, key: /tls/hub.key}}}}
"""
BLOB = re.compile(r'"GET /docker/registry/v2/blobs/sha256/[0-9a-f]{2}/([0-9a-f]{64})/data HTTP')
TRUST = """cat >/usr/local/share/ca-certificates/docker-hub.crt
update-ca-certificates >/dev/null
"""
DISTRUST = "rm /usr/local/share/ca-certificates/docker-hub.crt && update-ca-certificates --fresh"


def main() -> None:
    """Start it for molecule's current scenario, and let the scenario's hosts trust it."""
    begin(os.environ["MOLECULE_SCENARIO_NAME"], scenario_hosts())


def begin(group: str, hosts: Iterable[Host]) -> str:
    """Start it, and let hosts trust it; return the address of the registry, by plain http, as a mirror of it."""
    mirror = tensorflow_image.serve(group, f"{LABEL}={group}", NETWORK)
    with tempfile.TemporaryDirectory() as directory:
        tls = Path(directory, "tls")
        tls.mkdir(mode=0o755)
        sign(tls / "hub.crt", tls / "hub.key")
        serve(group, tls)
        for host in hosts:
            inside(host, TRUST, (tls / "hub.crt").read_text())
    return mirror


def sign(certificate: Path, key: Path) -> None:
    """Make a certificate for the Hub's names."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME},DNS:{LAYERS}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def serve(group: str, tls: Path) -> None:
    """Start the registry over what that of the images stores, and the server of its layers."""
    registry = podman("inspect", "--format", "{{.Image}}", f"{group}-image-registry")
    program = 'echo "$SETTINGS" >/registry.yml; exec docker-registry serve /registry.yml'
    start(group, "docker-hub", NAME, tls, registry, ["sh", "-c", program], ["--env", f"SETTINGS={SETTINGS}"])
    code = ["--volume", f"{Path(__file__).parents[1]}:/srv/tests:ro", "--workdir", "/srv", "--entrypoint", "python3"]
    server = ["-B", "-c", f"from tests.doubles.docker_hub_layers import serve; serve({STORE!r})"]
    start(group, "docker-hub-layers", LAYERS, tls, images.ensure("debian12"), server, code)


def start(group: str, name: str, alias: str, tls: Path, image: str, program: list[str], options: list[str]) -> None:
    """Start a container that has the registry's files and the certificate."""
    container = f"{group}-{name}"
    podman("rm", "--force", "--ignore", container)
    first, limits = tensorflow_image.LIMITS
    create = ["create", *limits, "--name", container, "--label", f"{LABEL}={group}", *options]
    create += ["--network", NETWORK, "--network-alias", alias, "--volumes-from", f"{group}-image-registry"]
    podman(*first, *create, image, *program)
    podman("cp", str(tls), f"{container}:/tls")
    podman("start", container)


def askers(group: str) -> set[str]:
    """Return the addresses from which the Hub itself was asked for layers and configurations."""
    log = subprocess.run(["podman", "logs", f"{group}-docker-hub"], check=True, capture_output=True, text=True)
    return set(
        re.findall(r'^(\S+) \S+ \S+ \[[^]]*\] "(?:GET|HEAD) /v2/\S+/blobs/', log.stdout + log.stderr, re.MULTILINE)
    )


def blobs(group: str) -> Counter[str]:
    """Return how often each layer and configuration of an image has been fetched so far, by digest."""
    log = subprocess.run(["podman", "logs", f"{group}-docker-hub-layers"], check=True, capture_output=True, text=True)
    return Counter(BLOB.findall(log.stdout + log.stderr))


if __name__ == "__main__":
    main()
