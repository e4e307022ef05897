# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Docker's apt repository and for that of NVIDIA's container toolkit.

Real: apt, the signatures, and the packages' names. Stand-ins: the keys and the packages' contents. Docker's engine is one that only
looks like it; the toolkit's runtime passes everything on to runc, and its tool describes the device files that a test has made.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from tests.doubles.nvidia_repository import server
from tests.doubles.nvidia_repository.debs import Deb
from tests.hosts.keys import HOME

PLACE = HOME / "docker"
DOCKER = "linux/debian"
TOOLKIT = "libnvidia-container/stable/deb/amd64"
MAKER = "Docker <support@docker.com>"
NEWER = "1.99.0-1"  # than the planned toolkit
OLDER = "1.14.0-1"  # what nvidia-docker2 came with
SPECIFICATION = "/var/run/cdi/nvidia.yaml"

ENGINE = """[Unit]
Description=stand-in of Docker's engine
[Service]
ExecStart=/usr/bin/dockerd
ExecReload=/bin/true
[Install]
WantedBy=multi-user.target
"""
DAEMON = """#!/bin/sh
case "$*" in *--validate*) exit 0 ;; esac
exec sleep infinity
"""
CTK = f"""#!/bin/sh
# Describes the device files that a test has made.
case "$1 $2" in
    "cdi generate")
        exec >{SPECIFICATION}
        echo 'cdiVersion: "0.5.0"'
        echo 'kind: nvidia.com/gpu'
        echo 'devices:'
        echo '  - name: all'
        echo '    containerEdits:'
        echo '      env: ["DRIVER='"$(sed 's/.*Module *//' /var/lib/stand-in/driver/version | cut -d' ' -f1)"'"]'
        echo '      deviceNodes:'
        for node in /dev/nvidia*; do echo "        - path: $node"; done
        ;;
    "system create-dev-char-symlinks")
        for node in /dev/nvidia*; do
            ln -sfn "$node" "/dev/char/$(printf '%d:%d' $(stat -c '0x%t 0x%T' "$node"))"
        done
        ;;
esac
"""
REFRESH = {
    "/etc/systemd/system/nvidia-cdi-refresh.service": """[Unit]
Description=stand-in: write the CDI specification
ConditionPathExists=/var/lib/stand-in/driver/version
[Service]
Type=oneshot
RuntimeDirectory=cdi
RuntimeDirectoryPreserve=yes
ExecStart=/usr/bin/nvidia-ctk cdi generate
[Install]
WantedBy=multi-user.target
""",
    "/etc/systemd/system/nvidia-cdi-refresh.path": """[Unit]
Description=stand-in: write the CDI specification when the driver changes
[Path]
PathChanged=/var/lib/stand-in/driver/version
[Install]
WantedBy=multi-user.target
""",
}
RUNTIMES = '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "runtimeArgs": []}}}'


def docker() -> Iterator[Deb]:
    """Docker's packages, and an engine of long ago."""
    programs = {"/usr/lib/systemd/system/docker.service": ENGINE, "/usr/bin/dockerd": DAEMON}
    group = "getent group docker >/dev/null || groupadd --system docker"
    start = "systemctl daemon-reload; systemctl enable --now docker.service"
    version = "5:29.0.1-1~stand.in"
    yield Deb("containerd.io", "2.1.5-1~stand.in", conflicts=["containerd", "runc"], maintainer=MAKER)
    yield Deb(
        "docker-ce-cli", version, conflicts=["docker.io"], files={"/usr/bin/docker": "#!/bin/sh\n"}, maintainer=MAKER
    )
    needs = ["containerd.io", "docker-ce-cli"]
    scripts = {"postinst": f"{group}\n{start}"}
    yield Deb("docker-ce", version, needs, conflicts=["docker.io"], files=programs, scripts=scripts, maintainer=MAKER)
    for name in ("docker-buildx-plugin", "docker-compose-plugin"):
        yield Deb(name, "1.0-1~stand.in", maintainer=MAKER)
    yield Deb("docker-engine", "1.11.2-0~stand.in", maintainer=MAKER)


def toolkit() -> Iterator[Deb]:
    """The container toolkit in its planned version, a newer one and an older one, and the package that was before it."""
    planned = tables.load().toolkit.version
    for version in (OLDER, planned, NEWER):
        yield Deb("libnvidia-container1", version)
        yield Deb("libnvidia-container-tools", version, [f"libnvidia-container1 (>= {version})"])
        files = {"/usr/bin/nvidia-ctk": CTK, "/usr/bin/nvidia-container-runtime": '#!/bin/sh\nexec runc "$@"\n'}
        files |= {} if version == OLDER else REFRESH
        start = "systemctl daemon-reload; systemctl enable --now nvidia-cdi-refresh.path nvidia-cdi-refresh.service"
        scripts = {} if version == OLDER else {"postinst": start}
        yield Deb("nvidia-container-toolkit-base", version, files=files, scripts=scripts)
        needs = [f"nvidia-container-toolkit-base (= {version})", f"libnvidia-container-tools (>= {version})"]
        yield Deb("nvidia-container-toolkit", version, needs)
    # Its settings file stays when it is removed.
    write = f"[ -e /etc/docker/daemon.json ] || {{ mkdir -p /etc/docker; echo '{RUNTIMES}' >/etc/docker/daemon.json; }}"
    needs = [f"nvidia-container-toolkit (>= {OLDER})"]
    files = {"/usr/bin/nvidia-docker": "#!/bin/sh\n"}
    yield Deb("nvidia-docker2", "2.14.0-1", needs, files=files, scripts={"postinst": write})


def trees() -> Iterator[tuple[str, dict[str, str], list[Deb]]]:
    """Path, fields of the release file, and packages of each repository."""
    yield DOCKER, {"Origin": "Docker", "Label": "Docker CE"}, list(docker())
    yield TOOLKIT, {"Origin": "NVIDIA", "Label": "NVIDIA container toolkit"}, list(toolkit())


def build() -> Path:
    """Return the directory of the repositories, built now unless this recipe's are there already."""
    parts = [repr(server.fingerprints()), inspect.getsource(server.repository)]
    parts += [path + deb.recipe() for path, _, debs in trees() for deb in debs]
    directory = PLACE / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            partial = directory.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            (partial / "pool").mkdir(parents=True)
            for path, release, debs in trees():
                server.repository(partial / path, release, debs, partial / "pool", server.FIRST_DAY)
            shutil.rmtree(partial / "pool")
            for path in (f"{DOCKER}/gpg", "libnvidia-container/gpgkey"):
                (partial / path).write_text(server.key("current"))
            partial.rename(directory)
    return directory


def serve(group: str, image: str, label: str, network: str) -> str:
    """Start the container that serves the repositories, and return its name, which is its address as well."""
    name = f"{group}-docker-repository"
    command = ["podman", "--runtime", "runc", "run", "--detach", "--name", name, "--label", label, "--network", network]
    command += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]  # as for the test hosts
    command += ["--volume", f"{build()}:/srv/all:ro", "--entrypoint", "python3", image]
    subprocess.run(
        [*command, "-m", "http.server", "--directory", "/srv/all", "80"], check=True, stdout=subprocess.DEVNULL
    )
    return name
