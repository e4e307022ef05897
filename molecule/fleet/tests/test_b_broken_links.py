"""Links that break or are poor: hosts that are cut off do not stop the others, and come along with the next run."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.hosts import Host, links, scenario_hosts
from tests.support.runs import ROOT, command, environment, run

CUT_OFF = "host12"  # nothing reaches it any more, this machine included
WITHOUT_CACHE = "host13"  # this machine reaches it, but it reaches nothing


def named(name: str) -> Host:
    """One of the scenario's hosts."""
    return next(host for host in scenario_hosts() if host.name == name)


def greeting_seconds(host: Host) -> float:
    """How long a host's SSH server takes to be there."""
    begun = time.monotonic()
    socket.create_connection((host.address, 22), timeout=30).close()
    return time.monotonic() - begun


def origin() -> Host:
    """The container of the package index."""
    return Host("package-origin", "fleet-package-origin", "")


def wheel_is_on_its_way(before: int) -> bool:
    """Tell whether a part of it, and not all, has crossed the uplink."""
    return links.uplink_bytes([named("cache")]) - before > 1_000_000


def test_hosts_cut_off_in_the_middle(inventory: Path, tmp_path: Path) -> None:
    wanted = {
        "tensorflow_pip_extra_packages": ["stand-in-data"],
        "tensorflow_pip_retries": 0,
        "package_cache_only": True,
    }
    log = tmp_path / "log"
    links.count_uplink([named("cache")])
    before = links.uplink_bytes([named("cache")])
    with links.narrow(origin(), "4mbit"), log.open("w") as output:  # the wheel takes 16 seconds
        process = subprocess.Popen(
            command("site.yml", inventory, [], wanted),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 200
        while not wheel_is_on_its_way(before):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        gateway_stays = links.cut(named(WITHOUT_CACHE), named("cache").address)
        with links.cut(named(CUT_OFF)), gateway_stays:
            status = process.wait(timeout=300)
    said = log.read_text()
    assert status != 0, said
    assert "Traceback" not in said
    lines = {line.split()[0]: line for line in said[said.rindex("PLAY RECAP") :].splitlines() if line.strip()}
    assert "unreachable" in lines[CUT_OFF], said
    assert "failed" in lines[WITHOUT_CACHE], said
    assert "20 hosts: 18 installed" in said, said
    retried = run("site.yml", inventory, "--limit", f"{CUT_OFF},{WITHOUT_CACHE}", **wanted).succeeded()
    assert set(retried.changed()) == {CUT_OFF, WITHOUT_CACHE}
    run("site.yml", inventory, **wanted).changed_nothing()


def test_slow_lines_that_lose_packets(
    inventory: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """50 ms and 1 % lost, of what the package index and each host sends: downloads, and SSH as well."""
    begun = time.monotonic()
    with links.poor([origin(), *scenario_hosts()]) as by:
        record_testsuite_property("the line is slowed by", by)
        assert greeting_seconds(named(CUT_OFF)) > links.DELAY_MS / 1000
        run("site.yml", inventory, tensorflow_pip_extra_packages=["stand-in-data", "stand-in-tool"]).succeeded()
    record_testsuite_property("seconds", round(time.monotonic() - begun, 1))
