"""Containers see the GPUs' device files, the toolkit is the planned one, and what was before it has gone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from testinfra.host import Host as Login

from tests.doubles import container_image, docker_repository, gpu_host
from tests.hosts import Host, inside
from tests.support.runs import Run

PLAY = "playbooks/docker.yml"
TOOLKIT = tables.load().toolkit
ALL = "nvidia.com/gpu=all"


def settings(root: Login) -> Any:
    """Return what the engine's settings file says."""
    return json.loads(root.file("/etc/docker/daemon.json").content_string)


@pytest.fixture(scope="module", autouse=True)
def image(machine: Host) -> None:
    """A container image."""
    inside(machine, container_image.script())


def test_the_planned_toolkit_is_held(root: Login) -> None:
    for name in TOOLKIT.packages:
        assert root.package(name).version == TOOLKIT.version
    assert set(TOOLKIT.packages) <= set(root.check_output("apt-mark showhold").split())


def test_the_engine_names_the_runtime(root: Login) -> None:
    assert "nvidia" in json.loads(root.check_output("docker info --format '{{json .Runtimes}}'"))
    assert settings(root)["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    assert settings(root)["features"] == {"cdi": True}
    assert settings(root)["exec-opts"] == ["native.cgroupdriver=cgroupfs"]
    assert settings(root)["live-restore"] is True


def test_a_container_runs_by_the_runtime(alice: Login) -> None:
    command = f"docker run --rm --runtime nvidia {container_image.NAME} echo hello"
    assert alice.check_output(command) == "hello"


@pytest.mark.parametrize(
    "machine", ["fresh"], indirect=True
)  # from version 25 on engines know CDI; Debian 12 has 20.10
def test_a_container_sees_the_gpus(alice: Login) -> None:
    seen = alice.check_output(f"docker run --rm --device {ALL} {container_image.NAME} ls /dev")
    assert {"nvidia0", "nvidia1", "nvidiactl"} <= set(seen.split())
    assert "nvidia0" not in alice.check_output(f"docker run --rm {container_image.NAME} ls /dev")


@pytest.mark.parametrize("machine", ["fresh"], indirect=True)
def test_a_container_keeps_its_gpus_when_units_are_read_again(root: Login, alice: Login) -> None:
    alice.check_output(f"docker run --detach --name gpu --init --device {ALL} {container_image.NAME} sleep 1000")
    before = alice.check_output("docker exec gpu ls -l /dev")
    root.check_output("systemctl daemon-reload")
    assert alice.check_output("docker exec gpu ls -l /dev") == before
    alice.check_output("docker rm --force gpu")


def test_the_specification_follows_the_driver(machine: Host, root: Login) -> None:
    path = root.service("nvidia-cdi-refresh.path")
    assert path.is_enabled
    assert path.is_running
    inside(machine, gpu_host.driver("580.105.08"))
    inside(
        machine,
        f"timeout 20 sh -c 'until grep -q DRIVER=580.105.08 {docker_repository.SPECIFICATION}; do sleep 0.2; done'",
    )


def test_devices_are_linked_where_runc_looks(root: Login) -> None:
    rule = root.file("/etc/udev/rules.d/71-tensorwright-nvidia-dev-char.rules")
    assert "create-dev-char-symlinks" in rule.content_string


def test_what_was_before_the_toolkit_has_gone(root: Login) -> None:
    assert not root.package("nvidia-docker2").is_installed
    sources = root.check_output("grep -rhE '^deb ' /etc/apt/sources.list.d/").splitlines()
    assert [line for line in sources if "libnvidia-container" in line and "signed-by=" not in line] == []
    shown = root.run("apt-get update 2>&1").stdout
    assert not [line for line in shown.splitlines() if line.startswith(("E:", "W:"))]


def test_a_second_run_does_nothing(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output("systemctl show --property MainPID docker.service")
    play(PLAY).changed_nothing()
    play(PLAY, tensorwright_trust_receipts=False).changed_nothing()
    play(PLAY, "--check", tensorwright_trust_receipts=False).changed_nothing()
    assert root.check_output("systemctl show --property MainPID docker.service") == before


@pytest.mark.parametrize("machine", ["older"], indirect=True)
def test_removed_and_the_engine_stays(root: Login, play: Callable[..., Run]) -> None:
    play(PLAY, nvidia_docker_state="absent", tensorwright_trust_receipts=False).succeeded()
    for name in TOOLKIT.packages:
        assert not root.package(name).is_installed
    assert root.service("docker").is_running
    # The runtime came from nvidia-docker2, whose settings file it was.
    # The role docker sets "mtu" on machines whose network has small packets.
    assert set(settings(root)) - {"mtu"} == {"runtimes", "live-restore", "log-driver", "log-opts"}
