"""TensorFlow in containers: the planned image from a mirror, users' sessions in it, their Jupyters and TensorBoards, and the way back.

Real: the engine, the registry, TensorFlow, Jupyter, TensorBoard, Chromium. Stand-in: how the image was made (tests/doubles).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.doubles import container_image, docker_hub, tensorflow_image
from tests.hosts import Host, inside, scenario_hosts, state
from tests.support import browser
from tests.support.runs import GREETING, SESSION, run

MACHINES = ["debian12", "debian13"]
HUB = f"{tensorflow_image.HUB_NAME}:{tensorflow_image.VERSION}"
OWN = f"tensorwright/tensorflow:{tensorflow_image.VERSION}-jupyter-"
VERSION = """
import tensorflow as tf
open('made', 'w').close()
print(tf.__version__)
"""
TRAINING = """
import tensorflow as tf
writer = tf.summary.create_file_writer('runs/train')
with writer.as_default():
    for step in range(20):
        tf.summary.scalar('loss', 1 / (step + 1), step=step)
"""
# As a user's own program on the host would ask.
FETCH = """
import sys, urllib.request, urllib.error
try:
    with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
"""
SERVICES = [
    {"service": "jupyter", "user": "alice"},
    {"service": "tensorboard", "user": "alice", "directory": "~/runs"},
    {"service": "jupyter", "user": "bob", "port": 8889},
]
# TensorFlow 2.21 comes without TensorBoard: an image is built that has it.
SERVED = {
    "tensorflow_docker_jupyter": True,
    "tensorflow_docker_extra_packages": ["tensorboard"],
    "tensorflow_docker_services": SERVICES,
}
# What users and these tests have put there themselves.
THEIRS = ("/home/alice/", "/home/bob/", "/root/daemon.json", "/srv/site")
UNITS = ["tensorflow-jupyter-alice", "tensorflow-tensorboard-alice", "tensorflow-jupyter-bob"]


@pytest.fixture(scope="session")
def mirror() -> str:
    """The address of a registry that serves the images by plain http, as a mirror of a stand-in of Docker Hub."""
    return docker_hub.begin(
        os.environ["MOLECULE_SCENARIO_NAME"], [one for one in scenario_hosts() if one.name in MACHINES]
    )


@pytest.fixture(scope="session")
def site(mirror: str, inventory: Path) -> Callable[..., Any]:
    """Return a function that runs a playbook on both machines, whose engines know the mirror."""

    def on_both(playbook: str = "site.yml", *arguments: str, **variables: Any) -> Any:
        asked = {"docker_registry_mirrors": [mirror], "tensorflow_docker_retries": 0, **variables}
        return run(playbook, inventory, "--limit", ",".join(MACHINES), *arguments, **asked)

    return on_both


@pytest.fixture(scope="session")
def with_services(site: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs site.yml with the image that has Jupyter, and services."""

    def serving(playbook: str = "site.yml", *arguments: str, **variables: Any) -> Any:
        asked = {**SERVED, **variables}
        return site(playbook, *arguments, **asked)

    return serving


def token(root: Login, service: str, user: str) -> str:
    """Return the token that was made for a user's service."""
    return str(root.file(f"/var/lib/tensorwright/tensorflow_docker/tokens/{service}-{user}").content_string)


def fetch(root: Login, url: str, until: str = "") -> str:
    """Return status and body of what a service of the host answers, once it does, and says what is waited for."""
    deadline, said = time.monotonic() + 60, ""
    while time.monotonic() < deadline:
        done = root.run("python3 -c %s %s", FETCH, url)
        said = done.stdout if done.rc == 0 else ""
        if said and until in said:
            return said
        time.sleep(0.5)
    raise AssertionError(f"{url}: {said or 'no answer'}")


def images(root: Login) -> set[str]:
    """Return the names of the engine's images."""
    return set(root.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'").split())


# -- the image ---------------------------------------------------------------------------------------------------------


def test_a_tag_that_never_was_is_refused_before_any_pull(site: Callable[..., Any]) -> None:
    refused = site(tensorflow_docker_image=f"{HUB}-jupiter")
    assert refused.status != 0
    assert (
        f"tensorflow_docker_image is '{HUB}-jupiter', but TensorFlow {tensorflow_image.VERSION} never had that tag"
        in refused.output
    )
    assert not any(refused.changed().values())


def test_the_planned_image_is_installed_and_proved(site: Callable[..., Any]) -> None:
    done = site().succeeded()
    for name in MACHINES:
        (row,) = [line for line in done.output.splitlines() if line.startswith(f"{name} ") and " docker " in line]
        assert row.split()[1:3] == ["docker", "cpu"]
        assert GREETING in row
    assert "Activate: tensorflow-docker" in done.output


@pytest.mark.usefixtures("site")
def test_a_user_runs_a_session_from_a_login_shell(alice: Login) -> None:
    assert alice.check_output("bash --login -c %s", f'tensorflow-docker -c "{SESSION}"') == GREETING


def test_programs_run_as_the_user_in_the_working_directory(alice: Login) -> None:
    alice.check_output("mkdir -p 'my work' runs && echo %s >'my work'/version.py", VERSION)
    assert alice.check_output("cd 'my work' && tensorflow-docker version.py") == tensorflow_image.VERSION
    assert alice.check_output("stat --format %U:%G 'my work'/made") == "alice:alice"
    inside = "tensorflow-docker -- sh -c 'whoami; id -u; pwd; echo x >~/kept; cat ~/kept; echo $HOME'"
    assert alice.check_output(inside).split() == [
        "alice",
        alice.check_output("id -u"),
        "/home/alice",
        "x",
        "/home/tensorflow",
    ]
    assert alice.file("/home/alice/.local/share/tensorflow-docker/kept").content_string == "x\n"


# docker, with a user who is quicker: what the command has looked at is another directory by the time the engine mounts it.
QUICKER = """mkdir -p /root/private/letters /root/quicker && chmod 0755 /root/private/letters && echo secret >/root/private/letters/one
cat >/root/quicker/docker <<'END'
#!/bin/sh
if [ "$1" = run ]; then
    mv /home/alice/.local/share/tensorflow-docker /home/alice/aside
    ln -s /root/private/letters /home/alice/.local/share/tensorflow-docker
fi
exec /usr/bin/docker "$@"
END
chmod 0755 /root/quicker/docker"""


def test_a_user_who_exchanges_what_root_mounts_gains_nothing(root: Login, alice: Login) -> None:
    alice.check_output("mkdir -p work && tensorflow-docker -c pass")
    start = "cd /home/alice/work && tensorflow-docker --as alice --"
    assert root.check_output(f"{start} sh -c 'id -un; grep -E \"NoNewPrivs|CapBnd\" /proc/self/status'").split() == [
        "alice",
        "CapBnd:",
        "0000000000000000",
        "NoNewPrivs:",
        "1",
    ]
    root.check_output(QUICKER)
    try:
        refused = root.run(f"PATH=/root/quicker:$PATH; {start} sh -c 'cat /home/tensorflow/one'")
        assert root.file("/home/alice/aside").is_directory, "nothing was exchanged"
        assert refused.rc == 125
        assert "/home/tensorflow is not the directory that it was" in refused.stderr
        assert "secret" not in refused.stdout
    finally:
        root.check_output(
            "rm -r /home/alice/.local/share/tensorflow-docker /root/private /root/quicker"
            " && mv /home/alice/aside /home/alice/.local/share/tensorflow-docker"
        )


def test_a_user_who_may_not_use_docker_is_told_whom_to_ask(bob: Login) -> None:
    refused = bob.run("tensorflow-docker -c pass")
    assert refused.rc == 125
    assert "bob may not use Docker: ask the administrator for the group docker, which equals root" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_an_engine_that_does_not_run_is_told(root: Login, alice: Login) -> None:
    root.check_output("systemctl stop docker.socket docker.service")
    try:
        assert "Docker's engine does not run" in alice.run("tensorflow-docker -c pass").stderr
    finally:
        root.check_output("systemctl start docker.socket docker.service")


def test_a_second_run_pulls_and_restarts_nothing(
    site: Callable[..., Any], logins: Callable[..., dict[str, Login]]
) -> None:
    def running() -> dict[str, tuple[str, str]]:
        return {
            name: (
                root.check_output("docker ps --no-trunc --format '{{.ID}} {{.CreatedAt}}'"),
                root.check_output("systemctl show --property MainPID docker.service"),
            )
            for name, root in logins("root", MACHINES).items()
        }

    group = os.environ["MOLECULE_SCENARIO_NAME"]
    for alice in logins("alice", MACHINES).values():
        alice.check_output("nohup tensorflow-docker -- sleep 600 >/dev/null 2>&1 </dev/null & sleep 2")
    before = running()
    assert all(containers for containers, _ in before.values())
    asked = tensorflow_image.log(group)
    site(tensorwright_trust_receipts=False).changed_nothing()
    assert tensorflow_image.log(group) == asked
    assert running() == before
    for root in logins("root", MACHINES).values():
        root.check_output("docker ps --quiet --filter ancestor=%s | xargs docker rm --force", HUB)


def test_with_receipts_a_second_run_has_nothing_to_do(site: Callable[..., Any]) -> None:
    again = site().changed_nothing()
    assert "Get and prove the planned image" not in again.output


def test_an_image_that_cannot_be_had_leaves_users_theirs(site: Callable[..., Any], alice: Login) -> None:
    failed = site("site.yml", tensorflow_version="2.20.0")
    assert failed.status != 0
    assert "tensorflow/tensorflow:2.20.0 could not be pulled: " in failed.output
    assert "Traceback" not in failed.output
    assert alice.check_output("tensorflow-docker --image").startswith(f"{HUB} (sha256:")


# -- services ----------------------------------------------------------------------------------------------------------


def test_jupyter_and_tensorboard_answer_to_their_tokens_alone(
    with_services: Callable[..., Any], login: Callable[[str], Login]
) -> None:
    with_services().succeeded()
    root = login("root")
    login("alice").check_output("tensorflow-docker -c %s", TRAINING)
    secret = token(root, "jupyter", "alice")
    assert fetch(root, f"http://127.0.0.1:8888/api/contents?token={secret}", "runs").startswith("200")
    assert fetch(root, "http://127.0.0.1:8888/api/contents").strip() == "403"
    assert fetch(root, f"http://127.0.0.1:8889/api/contents?token={secret}").strip() == "403"
    board = token(root, "tensorboard", "alice")
    assert fetch(root, f"http://127.0.0.1:6006/{board}/data/runs", "train").startswith("200")
    assert fetch(root, "http://127.0.0.1:6006/data/runs").strip() == "404"
    assert secret != board


def test_the_image_was_built_and_keeps_nothing_of_the_build(root: Login) -> None:
    (own,) = [name for name in images(root) if name.startswith(OWN)]
    newest = root.check_output("docker image history --no-trunc --format '{{.CreatedBy}}' %s", own).splitlines()[0]
    assert newest.split()[-1] == "-s"
    assert root.check_output("docker ps --all --quiet --filter name=tensorwright-build") == ""
    started = "docker image inspect --format '{{json .Config.Cmd}} {{.Config.Entrypoint}}' %s"
    assert root.check_output(started, own) == root.check_output(started, f"{HUB}-jupyter")


def test_services_listen_for_their_host_alone_and_run_as_their_user(root: Login) -> None:
    listening = root.check_output("ss --tcp --listening --numeric --no-header")
    for port in (8888, 8889, 6006):
        assert f"127.0.0.1:{port} " in listening
        assert f"0.0.0.0:{port} " not in listening
    for unit, user in zip(UNITS, ("alice", "alice", "bob"), strict=True):
        owners = root.check_output("docker top %s -eo pid,user:20", unit).split()[3::2]
        assert set(owners) == {user}


def test_tokens_are_for_their_user_s_eyes(login: Callable[[str], Login], root: Login) -> None:
    place = "/var/lib/tensorwright/tensorflow_docker/tokens"
    assert login("alice").check_output(f"cat {place}/jupyter-alice") == token(root, "jupyter", "alice")
    assert login("bob").run(f"cat {place}/jupyter-alice").rc != 0
    arguments = root.check_output("ps -e -o args")
    for service in ("jupyter", "tensorboard"):
        assert token(root, service, "alice") not in arguments


def test_a_second_run_restarts_no_service(
    with_services: Callable[..., Any], logins: Callable[..., dict[str, Login]]
) -> None:
    ask = f"systemctl show --property InvocationID {' '.join(f'{unit}.service' for unit in UNITS)}"
    roots = logins("root", MACHINES)
    before = {name: root.check_output(ask) for name, root in roots.items()}
    with_services(tensorwright_trust_receipts=False).changed_nothing()
    assert {name: root.check_output(ask) for name, root in roots.items()} == before


@pytest.fixture(scope="module")
def chromium(machine: Host) -> Callable[..., str]:
    """Return a function that opens a page in a browser of the machine's, and returns what its reader sees."""
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-driver"
    inside(machine, f"apt-get update -qq && {install} >/dev/null")
    source = Path(browser.__file__).read_text()

    def show(url: str, *words: str) -> str:
        quoted = " ".join(f"'{word}'" for word in (url, *words))
        return inside(machine, f"cd /tmp && runuser -u bob -- env HOME=/tmp python3 - {quoted}", source)

    return show


@pytest.mark.parametrize("machine", ["debian12"], indirect=True, scope="session")
def test_a_browser_shows_the_notebooks_and_without_the_token_does_not(
    chromium: Callable[..., str], root: Login
) -> None:
    secret = token(root, "jupyter", "alice")
    shown = chromium(f"http://127.0.0.1:8888/tree?token={secret}", "my work", "runs")
    assert "my work" in shown
    assert "runs" in shown
    shown = chromium("http://127.0.0.1:8888/tree", "token")
    assert "my work" not in shown
    assert "token" in shown


@pytest.mark.parametrize("machine", ["debian12"], indirect=True, scope="session")
def test_a_browser_shows_the_scalars_and_without_the_token_does_not(chromium: Callable[..., str], root: Login) -> None:
    secret = token(root, "tensorboard", "alice")
    shown = chromium(f"http://127.0.0.1:6006/{secret}/#timeseries", "loss", "train")
    assert "loss" in shown
    assert "train" in shown
    shown = chromium("http://127.0.0.1:6006/#timeseries", "Not found")
    assert "loss" not in shown


# -- the way back ------------------------------------------------------------------------------------------------------


def test_rollback_leads_to_the_image_of_before_and_site_forth_again(
    with_services: Callable[..., Any], logins: Callable[..., dict[str, Login]], inventory: Path
) -> None:
    def all_have(beginning: str) -> bool:
        return all(
            alice.check_output("tensorflow-docker --image").startswith(beginning)
            for alice in logins("alice", MACHINES).values()
        )

    assert all_have(OWN)
    done = run("playbooks/rollback.yml", inventory, "--limit", ",".join(MACHINES)).succeeded()
    assert GREETING in done.output
    assert all_have(f"{HUB} (")
    for alice in logins("alice", MACHINES).values():
        assert alice.check_output("tensorflow-docker -c %s", SESSION) == GREETING
    pulled = tensorflow_image.log(os.environ["MOLECULE_SCENARIO_NAME"])
    with_services().succeeded()
    assert all_have(OWN)
    assert tensorflow_image.log(os.environ["MOLECULE_SCENARIO_NAME"]) == pulled


def test_validate_proves_the_image_and_changes_nothing(with_services: Callable[..., Any]) -> None:
    done = with_services("playbooks/validate.yml").changed_nothing()
    assert GREETING in done.output


@pytest.mark.parametrize("machine", ["debian13"], indirect=True, scope="session")
def test_an_image_that_somebody_removed_comes_back(
    with_services: Callable[..., Any], root: Login, play: Callable[..., Any]
) -> None:
    root.check_output("systemctl stop 'tensorflow-*'")
    root.check_output("docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")
    root.check_output("docker image prune --all --force")
    with_services("site.yml", "--limit", root.check_output("hostname")).succeeded()
    assert any(name.startswith(OWN) for name in images(root))


def test_uninstalling_leaves_nothing_of_ours_but_the_engine_that_others_use(
    site: Callable[..., Any], logins: Callable[..., dict[str, Login]]
) -> None:
    for host in scenario_hosts():
        if host.name in MACHINES:
            inside(host, container_image.script())
    done = site("playbooks/uninstall.yml").succeeded()
    assert "Docker stays while it has containers, images or volumes of others" in done.output
    for root in logins("root", MACHINES).values():
        nothing_of_ours(root)


def nothing_of_ours(root: Login) -> None:
    """Check that only the engine is left of what was installed."""
    assert not {name for name in images(root) if "tensorflow" in name or "tensorwright" in name}
    for path in (
        "/usr/local/bin/tensorflow-docker",
        "/usr/local/bin/nvidia-docker",
        "/var/lib/tensorwright/tensorflow_docker",
        "/var/lib/tensorwright/receipts/tensorflow_docker.json",
    ):
        assert not root.file(path).exists, path
    assert root.check_output("find /etc/systemd -name 'tensorflow-*'") == ""
    assert root.service("docker").is_running


@pytest.mark.parametrize("machine", ["debian13"], indirect=True, scope="session")
def test_an_engine_that_nobody_uses_goes_as_well_and_the_host_is_as_it_was(
    machine: Host, root: Login, site: Callable[..., Any]
) -> None:
    root.check_output("docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")
    root.check_output("docker image prune --all --force")
    root.check_output("apt-get purge -y -q busybox-static")  # that the image of these tests was made of
    site("playbooks/uninstall.yml", "--limit", "debian13").succeeded()
    inside(machine, docker_hub.DISTRUST)
    # The test host has a file system of its own there, which the engine has given its mode.
    mount = "files: /var/lib/docker: directory"
    assert [line for line in state.changes(machine, but_for=THEIRS) if not line.startswith(mount)] == []
    site("playbooks/uninstall.yml", "--limit", "debian13").changed_nothing()
