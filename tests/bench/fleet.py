"""The second run over a fleet whose hosts are right, against two peers on the same hosts: plain Ansible and pyinfra.

The hosts are systemd containers with real sshd, in a network of their own on this machine. What they install is a stand-in TensorFlow
from a stand-in index, for only the second run counts, which installs nothing. Two hosts are installed by all three; the others are
copies of them. Then the three take turns, on 1, 5, 10 and 20 hosts. Controller and hosts share this machine's processors: with hosts
of their own all three would be quicker, the one with the most work on hosts by the most.

- Wall time: the median of the rounds, fastest and slowest beside it. Each run logs in anew, as one of tomorrow would.
- Controller CPU: user and system time of the run's processes, with those that it leaves behind (connections held open), which end
  before the next run.
- Round trips: channels that sshd opened for the run, as it tells at LogLevel VERBOSE, divided by hosts.
"""

import ctypes
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.bench.race import quietly
from tests.doubles import tensorflow_wheel, uv_wheel
from tests.doubles.package_index import PackageIndex
from tests.doubles.wheels import RealWheel
from tests.hosts import Host, down, up
from tests.hosts.containers import gateway, inside, podman
from tests.hosts.images import site_certificates
from tests.hosts.keys import KEY
from tests.support.runs import RECAP, ROOT, SESSION, command

GROUP = "bench-fleet"
DISTRIBUTIONS = ("debian12", "debian13")
SIZES = (1, 5, 10, 20)
ROUNDS = 3
VERSION = "2.21.0"
PEERS = ROOT / "tests" / "bench" / "peers"
IMAGES = "localhost/tensorwright-test-bench"
PYINFRA = ROOT / ".venv" / "pyinfra"
# At 20 hosts, our wall time over theirs.
GOALS = {"plain Ansible": 0.12, "pyinfra": 0.7}
# A line: from 10 to 20 hosts, another host costs at most so much more than from 5 to 10. With one host, processors wait for the network
# and for each other, so the next few cost less than the line.
BEND = 1.3
# pyinfra's last line: operations, those that did something, those that failed, those without a change.
GRAND_TOTAL = re.compile(r"Grand total +(\d+) +- +- +(\d+) *$", re.MULTILINE)
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


@dataclass
class Measure:
    """What one run took."""

    wall: float
    cpu: float


@dataclass
class Peer:
    """One way to bring hosts where they shall be."""

    name: str
    arguments: Callable[[int], list[str]]  # the command line for so many of the hosts
    changed: Callable[[str], bool]  # whether the output tells of a change
    variables: dict[str, str]
    measures: dict[int, list[Measure]] = field(default_factory=lambda: {size: [] for size in SIZES})
    trips: float = 0.0  # per host

    def run(self, size: int) -> str:
        """Run, and return the output."""
        # Where the caller's Python keeps no bytecode, each run and each of its workers would compile the programs anew.
        return quietly(self.arguments(size), **self.variables, PYTHONDONTWRITEBYTECODE="")

    def wall(self, size: int) -> float:
        """Return the median seconds of a size."""
        return statistics.median(measure.wall for measure in self.measures[size])

    def cpu(self, size: int) -> float:
        """Return the median of the controller's CPU seconds per host."""
        return statistics.median(measure.cpu for measure in self.measures[size]) / size

    def slope(self, few: int, many: int) -> float:
        """Return the seconds that another host costs between two sizes."""
        return (self.wall(many) - self.wall(few)) / (many - few)


def fleet(work: Path) -> None:
    """A second run over 20 hosts that are right."""
    quietly([sys.executable, str(ROOT / "script" / "controller.py"), str(PYINFRA), str(PEERS / "requirements.txt")])
    down(GROUP)
    images: list[str] = []
    try:
        hosts, index = seeds()
        with index:
            for peer in contestants(work, hosts, index):
                peer.run(len(hosts))
            images = [copy(host) for host in hosts]
            hosts = hosts + copies(images)
            peers = contestants(work, hosts, index)
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
            for peer in peers:
                peer.trips = round_trips(peer, hosts)
            for size in SIZES:
                take_turns(peers, size)
    finally:
        down(GROUP)
        for image in images:
            podman("rmi", "--force", image)
    if not told(peers):
        raise SystemExit("A goal was missed.")


def seeds() -> tuple[list[Host], PackageIndex]:
    """Start a host of each distribution, and make an index of stand-ins that they reach."""
    hosts = up(
        GROUP, [{"name": name, "distribution": name, "network": "own", "site_ca": True} for name in DISTRIBUTIONS]
    )
    for host in hosts:
        inside(host, "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/verbose.conf; systemctl reload ssh")
    index = PackageIndex(host=gateway(hosts[0]))
    index.add(
        tensorflow_wheel.tensorflow(VERSION),
        tensorflow_wheel.numpy(),
        tensorflow_wheel.pip(),
        RealWheel.of(uv_wheel.real()),
    )
    return hosts, index


def copy(host: Host) -> str:
    """Return an image of a host as it is now."""
    image = f"{IMAGES}:{host.name}"
    podman("commit", "--quiet", host.container, image)
    return image


def copies(images: list[str]) -> list[Host]:
    """Start the rest of the fleet: copies of the hosts that are there, in turns."""
    numbers = range(len(images), max(SIZES))
    return up(
        GROUP,
        [{"name": f"copy{number:02}", "image": images[number % len(images)], "network": "own"} for number in numbers],
    )


def contestants(work: Path, hosts: list[Host], index: PackageIndex) -> list[Peer]:
    """Return ours and the two peers, with inventories of these hosts."""
    certificates = [str(path) for path in site_certificates()]
    guide = {
        "guide_path": "/opt/guide/tensorflow",
        "guide_version": VERSION,
        "guide_index_url": index.url,
        "guide_certificates": certificates,
        "guide_session": SESSION.strip(),
    }
    ours = {
        "tensorflow_path": "/opt/tensorflow",
        "tensorflow_version": VERSION,
        "tensorflow_device": "cpu",
        "tensorflow_pip_index_url": index.url,
        "ca_certificates_files": certificates,
    }

    def ansible(playbook: Path, name: str, variables: Mapping[str, object], size: int) -> list[str]:
        inventory = work / f"{name}-{size}.yml"
        login = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(KEY),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null",
        }
        addresses = {host.name: {"ansible_host": host.address} for host in hosts[:size]}
        inventory.write_text(json.dumps({"all": {"hosts": addresses, "vars": {**login, **variables}}}))
        return command(str(playbook.relative_to(ROOT)), inventory, [], {})

    def pyinfra(size: int) -> list[str]:
        inventory = work / f"pyinfra-{size}.py"
        login = {"ssh_user": "root", "ssh_key": str(KEY), "ssh_known_hosts_file": "/dev/null"}
        login |= {"ssh_strict_host_key_checking": "no"}
        found = [(host.name, {"ssh_hostname": host.address, **login, **guide}) for host in hosts[:size]]
        inventory.write_text(f"hosts = {found!r}\n")
        return [str(PYINFRA / "bin" / "pyinfra"), "-y", str(inventory), str(PEERS / "deploy.py")]

    sockets = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(work / "cp")}
    return [
        Peer(
            "`site.yml`",
            partial(ansible, ROOT / "site.yml", "ours", ours),
            ansible_changed,
            {**sockets, "TENSORWRIGHT_REPORTS": str(work / "reports")},
        ),
        Peer(
            "plain Ansible",
            partial(ansible, PEERS / "plain.yml", "plain", guide),
            ansible_changed,
            {**sockets, "ANSIBLE_CONFIG": str(PEERS / "ansible.cfg")},
        ),
        Peer("pyinfra", pyinfra, pyinfra_changed, {}),
    ]


def ansible_changed(output: str) -> bool:
    """Tell whether a run of Ansible changed something, or cannot be told to have changed nothing."""
    return not output_hosts(output) or any(output_hosts(output).values())


def output_hosts(output: str) -> dict[str, int]:
    """Return how many tasks changed something, per host of a run of Ansible."""
    return {host: int(changed) for host, _ok, changed, _unreachable, _failed in RECAP.findall(output)}


def pyinfra_changed(output: str) -> bool:
    """Tell whether a run of pyinfra changed something, or cannot be told to have changed nothing."""
    total = GRAND_TOTAL.search(output)
    return total is None or total[1] != total[2]


def take_turns(peers: list[Peer], size: int) -> None:
    """Measure each of them once in each round."""
    for turn in range(ROUNDS):
        for peer in peers:
            measure = measured(peer, size)
            peer.measures[size].append(measure)
            print(f"  {size} hosts, round {turn + 1}: {peer.name}: {measure.wall:.2f} s", flush=True)


def measured(peer: Peer, size: int) -> Measure:
    """Measure one run, which must not change anything."""
    os.sync()
    before, started = cpu_of_children(), time.monotonic()
    output = peer.run(size)
    wall = time.monotonic() - started
    hang_up(peer)
    if peer.changed(output):
        raise SystemExit(f"{peer.name} changed something in a second run:\n{output}")
    return Measure(wall, cpu_of_children() - before)


def hang_up(peer: Peer) -> None:
    """End the connections that a run has left open, and wait for their processes, so that their time counts."""
    for socket in Path(peer.variables.get("ANSIBLE_SSH_CONTROL_PATH_DIR", "/nonexistent")).glob("*"):
        subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "x"], capture_output=True, check=False)
    for _attempt in range(100):
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            return
    raise SystemExit(f"{peer.name} has left processes behind.")


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def round_trips(peer: Peer, hosts: list[Host]) -> float:
    """Return the channels per host that a second run opens."""
    before = channels(hosts)
    peer.run(len(hosts))
    hang_up(peer)
    return (channels(hosts) - before) / len(hosts)


def channels(hosts: list[Host]) -> int:
    """Return how many channels the hosts' sshd have opened so far."""
    script = "journalctl --quiet --output cat _COMM=sshd + _COMM=sshd-session | grep -c 'Starting session' || true"
    return sum(int(inside(host, script)) for host in hosts)


def told(peers: list[Peer]) -> bool:
    """Print the tables, and return whether the goals are met."""
    most = max(SIZES)
    ours = peers[0]
    print(f"\n| second run, {most} hosts | wall s | spread s | controller CPU s per host | round trips per host |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for peer in peers:
        walls = [measure.wall for measure in peer.measures[most]]
        spread = f"{min(walls):.1f}–{max(walls):.1f}"
        print(f"| {peer.name} | {peer.wall(most):.1f} | {spread} | {peer.cpu(most):.2f} | {peer.trips:.1f} |")
    print(f"\n| wall s by hosts | {' | '.join(map(str, SIZES))} | s per further host, to 5 | to 10 | to 20 |")
    print(f"| --- |{' ---: |' * (2 * len(SIZES) - 1)}")
    for peer in peers:
        walls_by_size = " | ".join(f"{peer.wall(size):.1f}" for size in SIZES)
        slopes = " | ".join(f"{peer.slope(few, many):.2f}" for few, many in pairwise(SIZES))
        print(f"| {peer.name} | {walls_by_size} | {slopes} |")
    goals = [
        (f"of {peer.name}'s wall time", ours.wall(most) / peer.wall(most), GOALS[peer.name])
        for peer in peers
        if peer.name in GOALS
    ]
    goals.append(("a line: a further host to 20, over one to 10", ours.slope(10, 20) / ours.slope(5, 10), BEND))
    print("\n| goal | measured | at most | |\n| --- | ---: | ---: | --- |")
    for text, is_so, at_most in goals:
        print(f"| {text} | {is_so:.2f} | {at_most:.2f} | {'met' if is_so <= at_most else 'missed'} |")
    return all(is_so <= at_most for _text, is_so, at_most in goals)
