"""The engine from a repository of Docker's layout: its key, what older guides left, and engines of another origin.

The packages are stand-ins: an engine that only looks like one.
"""

import os
from collections.abc import Callable

from testinfra.host import Host as Login

from tests.doubles import nvidia_repository
from tests.hosts import Host, inside
from tests.support.runs import Run

MACHINES = ["upstream"]
PLAY = "playbooks/docker.yml"
ADDRESS = f"http://{os.environ['MOLECULE_SCENARIO_NAME']}-docker-repository/linux/debian"
PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin")
OURS = "/etc/apt/sources.list.d/tensorwright-docker.list"


def test_the_engine_comes_from_the_repository(root: Login, play: Callable[..., Run]) -> None:
    assert all(root.package(name).is_installed for name in PACKAGES)
    assert root.file(OURS).content_string == (
        f"deb [arch=amd64 signed-by=/etc/apt/keyrings/tensorwright-docker.gpg] {ADDRESS} /\n"
    )
    assert "alice" in root.group("docker").members
    play(PLAY).changed_nothing()
    play(PLAY, tensorwright_trust_receipts=False).changed_nothing()


def test_users_who_are_no_longer_named_lose_it(root: Login, play: Callable[..., Run]) -> None:
    root.check_output("gpasswd --add admin docker")
    play(PLAY, docker_users=["bob"]).succeeded()
    assert set(root.group("docker").members) == {"bob", "admin"}
    refused = play(PLAY, docker_users=["nobody-knows"])
    assert "there is no user nobody-knows to be put into group docker" in refused.output
    play(PLAY).succeeded()
    assert set(root.group("docker").members) == {"alice", "admin"}


def test_a_rootless_user_without_subordinate_ids_is_refused(root: Login, play: Callable[..., Run]) -> None:
    root.check_output("sed -i /^bob:/d /etc/subuid")
    refused = play(PLAY, docker_rootless_users=["bob"])
    assert refused.status != 0
    assert "docker_rootless_users names bob, who has no 65536 ids in /etc/subuid and /etc/subgid" in refused.output
    assert not any(refused.changed().values())


def test_an_engine_of_another_origin_is_refused_or_removed(
    machine: Host, root: Login, play: Callable[..., Run]
) -> None:
    inside(machine, "apt-get install -y -q docker-engine 2>&1")
    refused = play(PLAY)
    assert refused.status != 0
    assert "docker_package_source is 'docker', and docker-engine of another origin is installed" in refused.output
    assert not any(refused.changed().values())
    play(PLAY, docker_conflicting_packages="remove", tensorwright_trust_receipts=False).succeeded()
    assert not root.package("docker-engine").is_installed


def test_another_source_of_the_same_repository_is_disabled(root: Login, play: Callable[..., Run]) -> None:
    root.check_output("cp /etc/apt/keyrings/tensorwright-docker.gpg /usr/share/keyrings/docker.gpg")
    line = f"deb [signed-by=/usr/share/keyrings/docker.gpg] {ADDRESS} /"
    root.check_output("echo %s >/etc/apt/sources.list.d/docker.list", line)
    assert "Conflicting values set for option Signed-By" in root.run("apt-get update 2>&1").stdout
    play(PLAY, tensorwright_trust_receipts=False).succeeded()
    assert root.file("/etc/apt/sources.list.d/docker.list").content_string.startswith("# Disabled by Tensorwright: ")
    assert not [line for line in root.run("apt-get update 2>&1").stdout.splitlines() if line.startswith(("E:", "W:"))]


def test_a_key_that_is_not_the_expected_one_is_refused(root: Login, play: Callable[..., Run]) -> None:
    root.check_output("rm /etc/apt/keyrings/tensorwright-docker.gpg")
    refused = play(PLAY, docker_repository_key_fingerprint="0" * 40)
    assert refused.status != 0
    assert f"holds the key {nvidia_repository.fingerprints()['current']}, not {'0' * 40}" in refused.output
    play(PLAY).succeeded()
    assert root.file("/etc/apt/keyrings/tensorwright-docker.gpg").exists


def test_removed_without_a_trace(root: Login, play: Callable[..., Run]) -> None:
    play(PLAY, docker_state="absent", tensorwright_trust_receipts=False).succeeded()
    assert not any(root.package(name).is_installed for name in PACKAGES)
    assert root.check_output("find /etc /var/lib -name '*tensorwright*' -o -name daemon.json") == ""
    assert root.group("docker").members == ["admin"]
