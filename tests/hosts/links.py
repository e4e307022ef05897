"""The links of test hosts: counted, cut, narrowed, slowed. It happens in their network namespaces, not in this machine's."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.hosts.containers import Host, connection_of, in_network_of, podman
from tests.support.runs import ROOT

DELAY_MS = 50
LOSS = 0.01


def network_of(host: Host) -> str:
    """Return the network that a host is in, such as 10.89.3.0/24."""
    connection = connection_of(host.container)
    return str(ipaddress.ip_network(f"{connection['IPAddress']}/{connection['IPPrefixLen']}", strict=False))


def count_uplink(hosts: Iterable[Host]) -> None:
    """Count from now on what each host sends out of its network and gets from there; hosts that are counted already go on."""
    for host in hosts:
        if "/* uplink */" in in_network_of(host, "iptables", "-L", "-n"):
            continue
        network = network_of(host)
        for chain, there, device in (("OUTPUT", "-d", "-o"), ("INPUT", "-s", "-i")):
            rule = [device, "eth0", "!", there, network, "-m", "comment", "--comment", "uplink"]
            in_network_of(host, "iptables", "-A", chain, *rule)


def uplink_bytes(hosts: Iterable[Host]) -> int:
    """Return how many bytes of IP packets, headers and all, have crossed the uplink for these hosts since then."""
    return sum(_counted(host) for host in hosts)


def _counted(host: Host) -> int:
    listing = in_network_of(host, "iptables", "-L", "-v", "-n", "-x")
    return sum(int(line.split()[1]) for line in listing.splitlines() if "/* uplink */" in line)


def one_header_each(host: Host) -> None:
    """Let a host send packets as they would cross a wire; kernels hand each other larger ones, with one header for all."""
    in_network_of(host, "ip", "link", "set", "dev", "eth0", "gso_max_segs", "1")


@contextmanager
def cut(host: Host, peer: str = "0.0.0.0/0") -> Iterator[None]:
    """Cut the host's link, or its way to one peer: packets vanish, and nobody is told."""
    rules = [("OUTPUT", "-d", peer), ("INPUT", "-s", peer)]
    for chain, *where in rules:
        in_network_of(host, "iptables", "-I", chain, *where, "-j", "DROP")
    try:
        yield
    finally:
        for chain, *where in rules:
            in_network_of(host, "iptables", "-D", chain, *where, "-j", "DROP")


@contextmanager
def narrow(host: Host, rate: str) -> Iterator[None]:
    """Let a host send no more than a rate such as 8mbit."""
    in_network_of(
        host, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "32kb", "latency", "1s"
    )
    try:
        yield
    finally:
        in_network_of(host, "tc", "qdisc", "del", "dev", "eth0", "root")


@contextmanager
def poor(hosts: list[Host]) -> Iterator[str]:
    """Let what these hosts send take 50 ms longer, and lose 1 % of it; tell by what: netem, or a stand-in where the kernel has none."""
    try:
        for host in hosts:
            in_network_of(host, *_netem("add"))
    except subprocess.CalledProcessError:
        with _without_netem(hosts):
            yield "iptables' random loss and a stand-in for netem's delay"
        return
    try:
        yield "netem"
    finally:
        for host in hosts:
            in_network_of(host, "tc", "qdisc", "del", "dev", "eth0", "root")


def _netem(verb: str) -> list[str]:
    what = ["netem", "delay", f"{DELAY_MS}ms", "loss", f"{LOSS:%}", "limit", "20000"]
    return ["tc", "qdisc", verb, "dev", "eth0", "root", *what]


@contextmanager
def _without_netem(hosts: list[Host]) -> Iterator[None]:
    from tests.doubles import slow_link

    pids = [podman("inspect", "--format", "{{.State.Pid}}", host.container) for host in hosts]
    chance = ["-m", "statistic", "--mode", "random", "--probability", str(LOSS)]
    rules = [
        ["-o", "eth0", *chance, "-j", "DROP"],
        ["-o", "eth0", "-j", "NFQUEUE", "--queue-num", str(slow_link.QUEUE)],
    ]
    command = [sys.executable, "-m", "tests.doubles.slow_link", str(DELAY_MS), *pids]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as line:
        assert line.stdout
        assert line.stdout.readline() == "ready\n"
        try:
            for host in hosts:
                for rule in rules:
                    in_network_of(host, "iptables", "-A", "OUTPUT", *rule)
            yield
            assert line.poll() is None, "the stand-in for netem ended before its time"
        finally:
            for host in hosts:
                for rule in reversed(rules):
                    in_network_of(host, "iptables", "-D", "OUTPUT", *rule)
            line.terminate()
