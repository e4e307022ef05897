"""The engine of the distribution: settings merged, users named, and users' containers left alone."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.doubles import container_image
from tests.hosts import Host, inside
from tests.support.runs import Run

MACHINES = ["debian12", "debian13"]
PLAY = "playbooks/docker.yml"
FILE = "/etc/docker/daemon.json"
EVERYTHING = {"tensorwright_trust_receipts": False}


def settings(root: Login) -> Any:
    """Return what the settings file says."""
    return json.loads(root.file(FILE).content_string)


def daemon(root: Login) -> str:
    """Return the process of the engine that runs."""
    return str(root.check_output("systemctl show --property MainPID docker.service"))


def info(root: Login, field: str) -> str:
    """Return what the engine says of itself."""
    return str(root.check_output("docker info --format '{{.%s}}'", field))


@pytest.fixture(scope="module")
def container(machine: Host, alice: Login) -> str:
    """A container of alice's that runs all the time; return what tells it from another one."""
    inside(machine, container_image.script())
    alice.run("docker rm --force long")
    alice.check_output(f"docker run --detach --name long --init {container_image.NAME} sleep 100000")
    return state(alice)


def state(alice: Login) -> str:
    """Return what tells alice's container from one that was started again."""
    return str(alice.check_output("docker inspect --format '{{.Id}} {{.State.Running}} {{.State.StartedAt}}' long"))


def test_a_fresh_host_has_an_engine(root: Login) -> None:
    service = root.service("docker")
    assert service.is_running
    assert service.is_enabled
    size = int(root.check_output("cat /sys/class/net/eth0/mtu"))
    assert settings(root) == {
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        **({"mtu": size} if size < 1500 else {}),
    }
    assert info(root, "LiveRestoreEnabled") == "true"


@pytest.fixture
def narrow(root: Login) -> Iterator[int]:
    """How large packets may be on a second, unused way out of the host, which is there for a while."""
    size = int(root.check_output("cat /sys/class/net/eth0/mtu")) - 100
    root.check_output("ip link add narrow type veth peer name wide && ip link set wide up")
    root.check_output(f"ip link set narrow mtu {size} up && ip route add default dev narrow metric 5000")
    yield size
    root.run("ip link delete narrow")


def test_containers_send_no_larger_packets_than_the_host(
    machine: Host, root: Login, alice: Login, play: Callable[..., Run], narrow: int
) -> None:
    inside(machine, container_image.script())
    look = f"docker run --rm {container_image.NAME} cat /sys/class/net/eth0/mtu"
    assert int(alice.check_output(look)) == min(narrow + 100, 1500)
    play(PLAY, **EVERYTHING).succeeded()
    assert int(alice.check_output(look)) == settings(root)["mtu"] == narrow
    root.check_output("ip link delete narrow")
    play(PLAY, **EVERYTHING).succeeded()
    assert settings(root).get("mtu", 1500) == min(narrow + 100, 1500)


def test_only_named_users_may_use_it(alice: Login, bob: Login, container: str) -> None:
    assert " true " in container
    assert bob.run("docker ps").rc != 0
    assert alice.check_output("docker run --rm %s echo hello", container_image.NAME) == "hello"


def test_a_second_run_restarts_nothing(root: Login, alice: Login, container: str, play: Callable[..., Run]) -> None:
    before = daemon(root)
    play(PLAY).changed_nothing()
    play(PLAY, **EVERYTHING).changed_nothing()
    assert (daemon(root), state(alice)) == (before, container)


def test_a_mirror_needs_no_restart(root: Login, alice: Login, container: str, play: Callable[..., Run]) -> None:
    before = daemon(root)
    play(PLAY, docker_registry_mirrors=["https://mirror.example.org"]).succeeded()
    assert "https://mirror.example.org/" in info(root, "RegistryConfig.Mirrors")
    assert (daemon(root), state(alice)) == (before, container)


def test_containers_run_through_a_restart(root: Login, alice: Login, container: str, play: Callable[..., Run]) -> None:
    before = daemon(root)
    play(
        PLAY, docker_log_options={"max-size": "1m"}, docker_http_proxy="http://u:secret@proxy.example.org:1"
    ).succeeded()
    assert settings(root)["log-opts"] == {"max-size": "1m"}
    assert info(root, "HTTPProxy").endswith("@proxy.example.org:1")
    assert root.file("/etc/docker/tensorwright-proxy.env").mode == 0o600
    assert daemon(root) != before
    assert state(alice) == container
    play(PLAY).succeeded()
    assert info(root, "HTTPProxy") == ""
    assert state(alice) == container
    assert "registry-mirrors" not in settings(root)


def test_what_would_end_containers_is_refused(
    root: Login, alice: Login, container: str, play: Callable[..., Run]
) -> None:
    before = (settings(root), daemon(root))
    refused = play(PLAY, docker_data_root="/srv/docker")
    assert refused.status != 0
    assert "new values of data-root would end the running containers long" in refused.output
    assert "docker_interrupt_containers: true" in refused.output
    assert (settings(root), daemon(root)) == before
    assert state(alice) == container


@pytest.fixture
def foreign(root: Login, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The settings file as somebody else has made it, and afterwards as it was."""
    root.check_output(f"cp {FILE} /root/daemon.json")
    there = {**settings(root), **request.param}
    root.check_output(f"printf '%s' '{json.dumps(there)}' >{FILE}")
    yield there
    root.check_output(f"cp /root/daemon.json {FILE}")


@pytest.mark.parametrize(
    "foreign", [{"labels": ["room=4"], "registry-mirrors": ["https://a.example.org"]}], indirect=True
)
@pytest.mark.usefixtures("container")
def test_foreign_settings_stay(root: Login, play: Callable[..., Run], foreign: dict[str, Any]) -> None:
    play(PLAY, docker_registry_mirrors=["https://b.example.org"]).succeeded()
    assert settings(root) == {**foreign, "registry-mirrors": ["https://b.example.org", "https://a.example.org"]}
    play(PLAY, docker_registry_mirrors=[], **EVERYTHING).succeeded()
    assert settings(root) == foreign


@pytest.mark.parametrize("foreign", [{"shutdown-timeout": 30}], indirect=True)
@pytest.mark.usefixtures("container")
def test_conflicting_settings_are_refused_or_kept_for_later(
    root: Login, play: Callable[..., Run], foreign: dict[str, Any]
) -> None:
    wanted: dict[str, Any] = {"docker_settings": {"shutdown-timeout": 60}}
    refused = play(PLAY, **wanted)
    assert refused.status != 0
    assert "shutdown-timeout is 30 there, and 60 is wanted" in refused.output
    assert settings(root) == foreign
    play(PLAY, docker_replace_settings=True, **wanted).succeeded()
    assert settings(root)["shutdown-timeout"] == 60
    play(PLAY).succeeded()
    assert settings(root) == foreign


INVALID = '{\n  "debug": true\n  "live-restore": true\n}'


@pytest.fixture
def invalid(root: Login) -> Iterator[None]:
    """A settings file that lacks a comma, and afterwards the one of before."""
    root.check_output(f"cp {FILE} /root/daemon.json; printf '%s' '{INVALID}' >{FILE}")
    yield
    root.check_output(f"cp /root/daemon.json {FILE}")


@pytest.mark.usefixtures("invalid")
def test_invalid_settings_are_a_problem_of_the_plan(root: Login, play: Callable[..., Run]) -> None:
    for arguments in ([], ["--check"]):
        refused = play(PLAY, *arguments)
        assert refused.status != 0
        assert f"{FILE} is not valid JSON: line 3: " in refused.output
        assert not any(refused.changed().values())
    assert root.file(FILE).content_string == INVALID


def test_a_link_is_followed(root: Login, alice: Login, container: str, play: Callable[..., Run]) -> None:
    root.check_output(f"mkdir -p /srv/site; mv {FILE} /srv/site/docker.json; ln -s /srv/site/docker.json {FILE}")
    play(PLAY, docker_registry_mirrors=["https://mirror.example.org"]).succeeded()
    assert root.file(FILE).linked_to == "/srv/site/docker.json"
    assert settings(root)["registry-mirrors"] == ["https://mirror.example.org"]
    play(PLAY).succeeded()
    root.check_output(f"rm {FILE}; mv /srv/site/docker.json {FILE}")
    assert state(alice) == container


def test_settings_with_which_the_engine_does_not_start_are_taken_back(
    root: Login, alice: Login, container: str, play: Callable[..., Run]
) -> None:
    before = settings(root)
    refused = play(PLAY, docker_settings={"no-such-setting": True})
    assert refused.status != 0
    assert "no-such-setting" in refused.output
    assert "Traceback" not in refused.output
    assert settings(root) == before
    assert root.service("docker").is_running
    assert state(alice) == container
    play(PLAY, **EVERYTHING).changed_nothing()


@pytest.mark.parametrize("machine", ["debian12"], indirect=True)
def test_an_engine_without_root(root: Login, bob: Login, play: Callable[..., Run]) -> None:
    play(PLAY, docker_rootless_users=["bob"]).succeeded()
    assert "rootless" in bob.check_output("bash -lc 'docker info --format {{.SecurityOptions}}'")
    assert root.file("/var/lib/systemd/linger/bob").exists
    play(PLAY, docker_rootless_users=["bob"]).changed_nothing()
    play(PLAY).succeeded()
    assert not root.file("/var/lib/systemd/linger/bob").exists
    assert not root.file("/etc/systemd/user/tensorwright-docker.service").exists
    assert bob.run("bash -lc 'docker info'").rc != 0
