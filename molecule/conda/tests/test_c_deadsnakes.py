"""The PPA deadsnakes on a machine that is an Ubuntu by name: its repository, really signed, is a stand-in with one package."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host, inside, state
from tests.support.runs import GREETING, SESSION, Run

MACHINES = ["laboratory"]
SOURCE = "/etc/apt/sources.list.d/tensorwright-deadsnakes.list"
# What users have made themselves, and what serves the stand-in.
THEIRS = ("/home/alice/", "/home/bob/", "/tmp/served")
KEYRING = "/etc/apt/keyrings/tensorwright-deadsnakes.gpg"


def test_sessions_run_and_what_only_the_ppa_has_is_installed(machine: Host, alice: Login) -> None:
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    installed = inside(machine, "dpkg-query --show --showformat '${Version}' python3.11-distutils")
    assert installed == "3.11.99-1+jammy1"


def test_its_key_is_for_its_source_alone(root: Login) -> None:
    line = f"deb [arch=amd64 signed-by={KEYRING}] http://127.0.0.1:8080/ppa jammy main"
    assert root.check_output("cat %s", SOURCE) == line
    assert root.check_output("find /etc/apt/trusted.gpg.d -newer /etc/hostname -type f") == ""


def test_another_key_is_refused(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output("cat %s", SOURCE)
    root.check_output("rm %s", KEYRING)
    other = {"python": {"deadsnakes": {"key": "0" * 40}}}
    refused = play("site.yml", tensorflow_overrides=other)
    assert refused.status != 0
    assert "0" * 40 in refused.output
    assert root.check_output("cat %s", SOURCE) == before
    assert root.run("test -e %s", KEYRING).rc != 0
    play("site.yml").succeeded()


def test_uninstall_lists_the_source_and_gives_the_host_back_as_it_was(machine: Host, play: Callable[..., Run]) -> None:
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    assert listed.names(SOURCE)
    assert listed.names("python3.11-distutils")
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=THEIRS) == []
