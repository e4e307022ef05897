"""Images come through the package cache: two engines that pull at once, one download; and the way on when the cache is away.

Real: the engines, the cache, its mirror, the registry behind it. Stand-in: that this is Docker Hub, and how the image was made.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import images as bundle_images
from testinfra.host import Host as Login

from tests.doubles import docker_hub, false_mirror, tensorflow_image
from tests.hosts import inside, scenario_hosts, state
from tests.hosts.containers import address_of, podman
from tests.support.runs import GREETING, SESSION, run

GROUP = os.environ.get("MOLECULE_SCENARIO_NAME", "")
HOSTS = {host.name: host for host in scenario_hosts()}
MACHINES = ["debian12", "debian13"]
IMAGE = f"{tensorflow_image.HUB_NAME}:{tensorflow_image.VERSION}"
# With its layers: an image has several names.
FORGET = "docker image prune --all --force"
Logins = Callable[..., dict[str, Login]]


@pytest.fixture(scope="module")
def cache(logins: Logins) -> Login:
    """The administrator of the cache."""
    return logins("root", ["cache"])["cache"]


def test_two_engines_that_pull_at_once_fetch_each_layer_once(inventory: Path, logins: Logins) -> None:
    assert not docker_hub.blobs(GROUP)
    run("site.yml", inventory, "--limit", ",".join(MACHINES)).succeeded()
    for name, alice in logins("alice", MACHINES).items():
        assert alice.check_output("tensorflow-docker -c %s", SESSION) == GREETING, name
    fetched = docker_hub.blobs(GROUP)
    assert len(fetched) >= 3  # the image's settings, a root, and TensorFlow over it
    assert set(fetched.values()) == {1}, fetched
    assert docker_hub.askers(GROUP) == {HOSTS["cache"].address}


def test_a_second_run_asks_nobody(inventory: Path, cache: Login) -> None:
    asked = (
        docker_hub.blobs(GROUP),
        cache.check_output("journalctl --identifier package_cache --output cat | grep -c /v2/"),
    )
    run("site.yml", inventory, "--limit", ",".join(MACHINES)).changed_nothing()
    now = (
        docker_hub.blobs(GROUP),
        cache.check_output("journalctl --identifier package_cache --output cat | grep -c /v2/"),
    )
    assert now == asked


def test_a_layer_that_was_changed_in_the_cache_is_not_taken(inventory: Path, cache: Login, logins: Logins) -> None:
    """The engine checks each layer by its digest, and asks Docker Hub itself for what the cache has wrong."""
    one = logins("root", MACHINES)["debian12"]
    one.check_output(FORGET)
    # A byte in the middle of the largest layer that the mirror serves.
    cache.check_output(
        "largest=$(find /var/cache/tensorwright-package-cache/registry -type f -printf '%s %p\\n' | sort -n | tail -1)"
        ' && printf X | dd of="${largest#* }" bs=1 seek=$((${largest%% *} / 2)) conv=notrunc status=none'
    )
    run("site.yml", inventory, "--limit", "debian12").succeeded()
    assert logins("alice", MACHINES)["debian12"].check_output("tensorflow-docker -c %s", SESSION) == GREETING
    assert docker_hub.askers(GROUP) == {HOSTS["cache"].address, HOSTS["debian12"].address}


def test_without_the_cache_the_engine_asks_docker_hub(inventory: Path, cache: Login, logins: Logins) -> None:
    before = docker_hub.blobs(GROUP)
    cache.check_output("systemctl stop tensorwright-package-cache")
    one = logins("root", MACHINES)["debian13"]
    one.check_output(FORGET)
    run("site.yml", inventory, "--limit", "debian13").succeeded()
    again = docker_hub.blobs(GROUP) - before
    assert len(again) >= 3
    assert set(again.values()) == {1}, again


def test_whoever_answers_in_the_place_of_the_cache_does_not_choose_the_image(
    inventory: Path, cache: Login, logins: Logins
) -> None:
    """The cache is still away. An engine that is told the tag takes what it is given; a host asks Docker Hub which image it is."""
    inside(HOSTS["cache"], "cat >/root/false_mirror.py", Path(false_mirror.__file__).read_text())
    cache.check_output("systemd-run --quiet --unit false-mirror python3 /root/false_mirror.py 8180")
    one = logins("root", MACHINES)["debian12"]
    command = f"docker image inspect --format '{{{{.Config.Cmd}}}}' {IMAGE}"
    try:
        one.check_output(FORGET)
        one.check_output(f"docker pull --quiet {IMAGE}")
        assert one.check_output(command) == f"[{false_mirror.COMMAND}]"
        one.check_output(FORGET)
        run("site.yml", inventory, "--limit", "debian12").succeeded()
        assert one.check_output(command) == "[/bin/bash]"
        assert logins("alice", MACHINES)["debian12"].check_output("tensorflow-docker -c %s", SESSION) == GREETING
    finally:
        cache.check_output("systemctl stop false-mirror && rm /root/false_mirror.py")


def test_an_image_of_a_bundle_is_loaded_and_then_asked_of_nobody(
    inventory: Path, logins: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is still away. This machine pulls with podman, for which the registry is Docker Hub."""
    asked = docker_hub.blobs(GROUP)
    settings = tmp_path / "registries.conf"
    settings.write_text(
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{address_of(f"{GROUP}-image-registry")}:5000"\ninsecure = true\n'
    )
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(settings))
    archive = tmp_path / "image.tar"
    bundle_images.save(IMAGE, "x86_64", archive, "podman")
    podman("rmi", f"docker.io/{IMAGE}")
    engine = HOSTS["debian12"]
    inside(engine, FORGET)
    podman("cp", str(archive), f"{engine.container}:/root/image.tar")
    inside(engine, "docker load --quiet --input /root/image.tar; rm /root/image.tar")
    run("site.yml", inventory, "--limit", "debian12").succeeded()
    assert logins("alice", MACHINES)["debian12"].check_output("tensorflow-docker -c %s", SESSION) == GREETING
    assert docker_hub.blobs(GROUP) == asked


def test_the_cache_host_is_given_back(inventory: Path) -> None:
    run("playbooks/package_cache.yml", inventory, "--limit", "cache", package_cache_state="absent").succeeded()
    inside(HOSTS["cache"], docker_hub.DISTRUST)
    assert state.changes(HOSTS["cache"], but_for=("/root/.keras", "/tmp/")) == []
