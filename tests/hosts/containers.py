"""Containers of test hosts: started, reached, cut off from the network, and removed again."""

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tests.doubles import gpu_host
from tests.hosts import images
from tests.hosts.keys import KEY

NETWORK = "tensorwright-test"
LABEL = "tensorwright-test"
BOOT_SECONDS = 60
START = [
    # crun refuses machines whose cgroups are version 1; runc serves both.
    *("--runtime", "runc", "run"),
    # Limits that a machine which is itself a container or a small virtual machine may set.
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
]
# An engine in a container: it mounts, it makes devices and networks, and its storage wants a file system that is no overlay.
DOCKER = ["--privileged", "--volume", "/var/lib/docker"]
# Where control groups are of version 1, those of a container in a container are found in a namespace of its own only.
DOCKER_OPTIONS = """mkdir -p /etc/systemd/system/docker.service.d
printf '[Service]\\nEnvironment=DOCKER_OPTS=--default-cgroupns-mode=private\\n' >/etc/systemd/system/docker.service.d/test-host.conf
"""
TUNNELS = "chmod 666 /dev/net/tun\n"  # as udev does, which a container has not


class Platform(TypedDict, total=False):
    """A test host as it is asked for; molecule's `platforms` have these keys."""

    name: str
    distribution: str  # one of images.CODENAMES
    image: str  # an image in place of the distribution's
    user: str  # who molecule connects as: root, or admin, who may use sudo
    site_ca: bool  # trusts this machine's extra certificates from the start, as machines of such a site do
    tmpfs: list[str]  # as podman's --tmpfs: /small:size=50m
    docker: bool  # can run an engine with containers of its own
    docker_repository: (
        bool  # reaches the group's stand-in of the repositories of Docker and of NVIDIA's container toolkit
    )
    package_origin: bool  # knows the group's stand-in package index, which has a network of its own
    nvidia_repository: bool  # uses the group's stand-in of NVIDIA's repositories
    ubuntu: str  # calls itself this release of Ubuntu
    gpus: list[str]  # has stand-ins of these GPUs, and of NVSwitches
    nvswitches: int
    recorded: bool  # its state is kept, for a comparison after an uninstallation
    driver: str  # a stand-in of a driver of this version is installed and loaded
    network: str  # the name of a network of the group's own, in place of the one that all groups share


@dataclass(frozen=True)
class Host:
    """A running test host."""

    name: str
    container: str
    address: str
    user: str = "root"

    def connection(self) -> dict[str, str | int]:
        """Return how molecule reaches this host."""
        return {
            "instance": self.name,
            "address": self.address,
            "user": self.user,
            "port": 22,
            "identity_file": str(KEY),
        }


def podman(*arguments: str) -> str:
    """Run podman, and return what it printed."""
    return subprocess.run(["podman", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def up(group: str, platforms: list[Platform]) -> list[Host]:
    """Start the hosts of a group (a scenario), and return once each answers on its SSH port."""
    networks = {network_name(group, platform.get("network", "")) for platform in platforms}
    for network in networks:
        ensure_network(network, group)
    wanted = {
        platform["name"]: platform.get("image") or images.ensure(platform["distribution"]) for platform in platforms
    }
    repository = serve_nvidia(group, wanted, platforms)
    keys = archive_key() if repository else ""
    served = [name for name in (repository, serve_docker(group, wanted, platforms)) if name]
    # By address: podman's name server is away for moments whenever containers of another group come or go.
    known = [f"{name}:{address_of(name)}" for name in served]
    known += serve_packages(group, wanted, platforms)
    hosts = [start(group, platform, wanted[platform["name"]], known) for platform in platforms]
    for host, platform in zip(hosts, platforms, strict=True):
        wait_for_ssh(host)
        if platform.get("site_ca"):
            trust_site(host)
        dress(host, platform, repository, keys)
    return hosts


def serve_nvidia(group: str, wanted: dict[str, str], platforms: list[Platform]) -> str:
    """Serve the stand-in of NVIDIA's repositories where a host of the group uses it; return its address."""
    users = [platform["name"] for platform in platforms if platform.get("nvidia_repository")]
    if not users:
        return ""
    from tests.doubles import nvidia_repository  # reads the tables, for which the collection has to be on Python's path

    return nvidia_repository.serve(group, wanted[users[0]], f"{LABEL}={group}", NETWORK)


def serve_docker(group: str, wanted: dict[str, str], platforms: list[Platform]) -> str:
    """Serve the stand-in of Docker's repository and the container toolkit's where a host uses it; return its address."""
    users = [platform["name"] for platform in platforms if platform.get("docker_repository")]
    if not users:
        return ""
    from tests.doubles import docker_repository  # as above

    return docker_repository.serve(group, wanted[users[0]], f"{LABEL}={group}", NETWORK)


def serve_packages(group: str, wanted: dict[str, str], platforms: list[Platform]) -> list[str]:
    """Serve the stand-in package index where a host knows it; return its name and address, as hosts know them."""
    users = [platform["name"] for platform in platforms if platform.get("package_origin")]
    if not users:
        return []
    from tests.doubles import package_origin, uv_wheel  # as above

    network = network_name(group, "origin")
    ensure_network(network, group)
    name = package_origin.serve(group, wanted[users[0]], f"{LABEL}={group}", network, uv_wheel.real().parent)
    return [f"{package_origin.HOST}:{address_of(name)}"]


def archive_key() -> str:
    """Return the key that signs the stand-in repositories."""
    from tests.doubles import nvidia_repository  # as above

    return nvidia_repository.key("current")


def dress(host: Host, platform: Platform, repository: str, key: str) -> None:
    """Make the host look like another machine where its platform says so."""
    script = gpu_host.ubuntu(platform["ubuntu"]) if "ubuntu" in platform else ""
    script += (
        gpu_host.bus(platform.get("gpus", []), platform.get("nvswitches", 0))
        if repository or "gpus" in platform
        else ""
    )
    script += DOCKER_OPTIONS + TUNNELS if platform.get("docker") else ""
    if "driver" in platform:
        script += gpu_host.device_files(len(platform.get("gpus", []))) + gpu_host.driver(platform["driver"])
    script += gpu_host.archives(repository, key) if repository else ""
    if script:
        inside(host, script)


def down(group: str) -> None:
    """Remove all hosts of a group; none there is fine."""
    containers = podman("ps", "--all", "--quiet", "--filter", f"label={LABEL}={group}").split()
    if containers:
        podman("rm", "--force", "--volumes", "--time", "0", *containers)
    networks = podman("network", "ls", "--quiet", "--filter", f"label={LABEL}={group}").split()
    if networks:
        podman("network", "rm", *networks)


def address_of(container: str) -> str:
    """Return a container's address in its network."""
    return connection_of(container)["IPAddress"]


def connection_of(container: str) -> dict[str, str]:
    """Return how a container is connected to the one network that it is in."""
    (connection,) = json.loads(podman("inspect", container))[0]["NetworkSettings"]["Networks"].values()
    found: dict[str, str] = connection
    return found


def start(group: str, platform: Platform, image: str, known: list[str]) -> Host:
    """Start one host, to which the `known` names (name:address) are told."""
    container = f"{group}-{platform['name']}"
    network = network_name(group, platform.get("network", ""))
    podman(
        *(*START, "--detach"),
        *("--name", container, "--hostname", platform["name"]),
        *("--label", f"{LABEL}={group}", "--network", network, "--systemd", "always"),
        *(argument for mount in platform.get("tmpfs", []) for argument in ("--tmpfs", mount)),
        *(argument for name in known for argument in ("--add-host", name)),
        *(DOCKER if platform.get("docker") else []),
        image,
    )
    return Host(platform["name"], container, address_of(container), platform.get("user", "root"))


def wait_for_ssh(host: Host) -> None:
    """Return when the host's SSH server greets."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host.address, 22), timeout=2) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{host.container} did not answer on its SSH port within {BOOT_SECONDS} s.")


def trust_site(host: Host) -> None:
    """Make the host trust what this machine trusts."""
    for certificate in images.site_certificates():
        podman("cp", str(certificate), f"{host.container}:{certificate}")
    podman("exec", host.container, "update-ca-certificates")


def cut_off(host: Host) -> None:
    """Take the host's way out of its network, in the middle of whatever it is doing; SSH from this machine stays."""
    in_network_of(host, "ip", "route", "del", "default")


def reconnect(host: Host) -> None:
    """Give the host its way out again."""
    in_network_of(host, "ip", "route", "replace", "default", "via", gateway(host))


def gateway(host: Host) -> str:
    """Return the address of this machine in the host's network."""
    return connection_of(host.container)["Gateway"]


def differences(host: Host) -> set[str]:
    """Return the paths that were added to or removed from the host since it was made from its image, or whose content changed."""
    kinds: dict[str, list[str] | None] = json.loads(podman("diff", "--format", "json", host.container))
    changed = kinds.get("changed") or []
    # A directory counts as changed when something in it does; that something is in the list itself.
    script = 'while read -r path; do [ -d "$path" ] || printf "%s\\n" "$path"; done'
    files = inside(host, script, "".join(f"{path}\n" for path in changed)).splitlines()
    return {*files, *(kinds.get("added") or []), *(kinds.get("deleted") or [])}


def inside(host: Host, script: str, stdin: str = "") -> str:
    """Run a shell script inside the host as its root, not over SSH, and return what it printed."""
    command = ["podman", "exec", "--interactive", host.container, "sh", "-c", script]
    return subprocess.run(command, input=stdin, check=True, stdout=subprocess.PIPE, text=True).stdout


def inside_program(host: Host, program: str, *arguments: str) -> str:
    """Run a Python program inside the host as its root, not over SSH, and return what it printed."""
    command = ["podman", "exec", "--interactive", host.container, "python3", "-B", "-", *arguments]
    return subprocess.run(command, input=program, check=True, stdout=subprocess.PIPE, text=True).stdout


def in_network_of(host: Host, *command: str) -> str:
    """Run a command of this machine in the host's network namespace, and return what it printed."""
    pid = podman("inspect", "--format", "{{.State.Pid}}", host.container)
    arguments = ["nsenter", "--target", pid, "--net", *command]
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def network_name(group: str, own: str) -> str:
    """Return the name of podman's network: the one that all groups share, or one of the group's own."""
    return f"{NETWORK}-{group}-{own}" if own else NETWORK


def ensure_network(network: str = NETWORK, group: str = "") -> None:
    """Make a network of hosts, with the largest packets that this machine's own way out takes; a group's own goes with the group."""
    if subprocess.run(["podman", "network", "exists", network], check=False).returncode != 0:
        label = [] if network == NETWORK else ["--label", f"{LABEL}={group}"]
        podman("network", "create", "--opt", f"mtu={uplink_mtu()}", *label, network)


def uplink_mtu() -> int:
    """Return the MTU of the interface that the default route uses; 1500 where there is none."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        interface, destination = line.split()[:2]
        if destination == "00000000":
            return int(Path(f"/sys/class/net/{interface}/mtu").read_text())
    return 1500
