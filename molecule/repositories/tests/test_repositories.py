"""Packages of NVIDIA and Docker come through the package cache, verified as ever, and from their origin where it is away.

Real: apt, keys, signatures, nginx. Stand-in: the repositories, Ubuntu's name, the GPU and its driver.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.hosts import scenario_hosts
from tests.support.runs import run

GROUP = os.environ.get("MOLECULE_SCENARIO_NAME", "")
HOSTS = {host.name: host for host in scenario_hosts()}
ASKED = re.compile(r'^(\S+) - - \[[^]]*\] "GET (\S+) HTTP/1\.[01]" 200 ', re.MULTILINE)
Logins = Callable[..., dict[str, Login]]


def origin(kind: str) -> list[tuple[str, str]]:
    """Return who has fetched what so far from the repository of a kind."""
    log = subprocess.run(["podman", "logs", f"{GROUP}-{kind}-repository"], check=True, capture_output=True, text=True)
    return ASKED.findall(log.stdout + log.stderr)


def packages(kind: str) -> Counter[str]:
    """Return how often each package was fetched from the repository of a kind."""
    return Counter(path for _who, path in origin(kind) if path.endswith(".deb"))


@pytest.mark.parametrize(("name", "kind", "playbook"), [("gpu", "nvidia", "nvidia"), ("engine", "docker", "docker")])
def test_a_repository_s_packages_come_through_the_cache_and_once(
    inventory: Path, name: str, kind: str, playbook: str
) -> None:
    run(f"playbooks/{playbook}.yml", inventory, "--limit", name).succeeded()
    assert {who for who, _path in origin(kind)} == {HOSTS["cache"].address}
    assert len(packages(kind)) >= 3
    assert set(packages(kind).values()) == {1}


def test_a_package_that_was_changed_in_the_cache_is_refused_by_apt(logins: Logins) -> None:
    cache, gpu = logins("root", ["cache"])["cache"], logins("root", ["gpu"])["gpu"]
    kept = cache.check_output(
        "grep --recursive --files-with-matches --text '^KEY: .*libcublas' /var/cache/tensorwright-package-cache/files"
    )
    size = cache.file(kept).size
    cache.check_output("printf X | dd of=%s bs=1 seek=%s conv=notrunc status=none", kept, str(size - 8))
    again = "apt-get clean && apt-get --quiet --yes --allow-change-held-packages --reinstall install libcublas-12-3"
    refused = gpu.run(again)
    assert refused.rc == 100
    assert "Hash Sum mismatch" in refused.stderr
    cache.check_output("rm %s", kept)
    gpu.check_output(again)
    assert gpu.run("dpkg --verify libcublas-12-3").stdout == ""


def test_without_the_cache_the_origin_is_asked(inventory: Path, logins: Logins) -> None:
    logins("root", ["cache"])["cache"].check_output("systemctl stop tensorwright-package-cache")
    engine = logins("root", ["engine"])["engine"]
    engine.check_output("apt-get clean; apt-get --quiet --yes purge docker-buildx-plugin")
    run("playbooks/docker.yml", inventory, "--limit", "engine").succeeded()
    assert engine.package("docker-buildx-plugin").is_installed
    direct = {path for who, path in origin("docker") if who == HOSTS["engine"].address}
    assert [path for path in direct if "docker-buildx-plugin" in path]
