"""Twenty hosts at once, from nothing: the package index is asked once for each object, and a second run asks nobody."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.doubles.package_origin import REQUESTS
from tests.hosts import Host, inside, links, scenario_hosts
from tests.support.runs import GREETING, SESSION, Run, run

ONE_OF_EACH = ["host01", "host02", "host07", "host08", "host11"]  # a release, a distribution and a method each
CACHE_FILES = "/var/cache/tensorwright-package-cache"


def origin() -> Host:
    """The container of the package index."""
    return Host("package-origin", "fleet-package-origin", "")


def requests() -> Counter[str]:
    """How often the package index was asked for each object since it was forgotten."""
    return Counter(inside(origin(), f"cat {REQUESTS}").splitlines())


def forget_requests() -> None:
    """Let the package index begin to count anew."""
    inside(origin(), f": >{REQUESTS}")


def objects(asked: Counter[str]) -> dict[str, int]:
    """How often each file was asked for: wheels and their metadata."""
    return {line: count for line, count in asked.items() if "/files/" in line}


@pytest.fixture(scope="module")
def hosts() -> list[Host]:
    """All twenty, the cache among them."""
    found = scenario_hosts()
    assert len(found) == 20
    return found


@pytest.fixture(scope="module")
def first_run(hosts: list[Host], inventory: Path) -> tuple[Run, Counter[str], int]:
    """The first run over all hosts, what it asked the package index for, and the bytes that crossed the uplink meanwhile."""
    links.one_header_each(origin())
    links.count_uplink(hosts)
    forget_requests()
    done = run("site.yml", inventory)
    return done, requests(), links.uplink_bytes(hosts)


def test_twenty_hosts_at_once(first_run: tuple[Run, Counter[str], int], hosts: list[Host]) -> None:
    done, _asked, _crossed = first_run
    done.succeeded()
    assert all(done.changed()[host.name] for host in hosts), done.output


def test_the_package_index_is_asked_once_for_each_object(first_run: tuple[Run, Counter[str], int]) -> None:
    _done, asked, _crossed = first_run
    assert set(asked.values()) == {1}, asked
    assert sum("tensorflow_cpu" in line and line.endswith(".whl") for line in asked) == 3, asked


def test_its_users_run_sessions(alice: Login, machine: Host) -> None:
    native = machine.name in ("host02", "host04", "host06")
    program = "python3" if native else "/opt/tensorflow/bin/python"
    assert alice.check_output(f"{program} -c %s", SESSION) == GREETING


def test_a_second_run_changes_nothing_and_asks_nobody(
    hosts: list[Host], inventory: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    forget_requests()
    before, begun = links.uplink_bytes(hosts), time.monotonic()
    run("site.yml", inventory).changed_nothing()
    record_testsuite_property("second run, seconds", round(time.monotonic() - begun, 1))
    assert requests() == {}
    assert links.uplink_bytes(hosts) == before


def test_bytes_for_twenty_are_those_for_one(
    first_run: tuple[Run, Counter[str], int],
    hosts: list[Host],
    inventory: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """With a cache that is empty again, one host of each kind starts from nothing again."""
    some = ",".join(ONE_OF_EACH)
    run("playbooks/uninstall.yml", inventory, "--limit", some).succeeded()
    for host in hosts:
        if host.name in ONE_OF_EACH:
            inside(host, "rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /opt/.tensorwright")
    cache = next(host for host in hosts if host.name == "cache")
    unit = "tensorwright-package-cache"
    inside(cache, f"systemctl stop {unit}; find {CACHE_FILES} -type f -delete; systemctl start {unit}")
    before = links.uplink_bytes(hosts)
    run("site.yml", inventory, "--limit", some).succeeded()
    for_one, for_twenty = links.uplink_bytes(hosts) - before, first_run[2]
    record_testsuite_property("uplink, bytes for one host of each kind", for_one)
    record_testsuite_property("uplink, bytes for twenty hosts", for_twenty)
    print(f"uplink: {for_twenty} bytes for twenty hosts, {for_one} for one of each kind: {for_twenty / for_one:.4f}")
    assert for_twenty / for_one <= 1.02
