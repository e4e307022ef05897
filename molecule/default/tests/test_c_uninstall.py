"""Uninstalling removes the environment and only that, and names what it leaves."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host
from tests.runs import Run
from tests.traces import packages_asked_for, traces

MACHINES = ["debian13", "ubuntu2204"]
THEIRS = ("/home/alice/", "/home/bob/", "/opt/kept")  # what users have made there themselves


def test_uninstall_restores_the_host(machine: Host, alice: Login, root: Login, play: Callable[..., Run]) -> None:
    alice.check_output("touch ~/kept; mkdir -p ~/tensorflow-work")
    root.check_output("touch /opt/kept")
    assert any(path.startswith("/opt/.tensorwright/") for path in traces(machine))
    removed = play("playbooks/uninstall.yml").succeeded()
    assert alice.run("test -e /opt/tensorflow").rc != 0
    assert root.file("/opt/kept").exists
    assert alice.file("/home/alice/kept").exists
    assert alice.file("/home/alice/mine/bin/python").is_symlink
    left = {path for path in traces(machine) if not path.startswith(THEIRS)}
    assert not [path for path in left if path.startswith(("/opt", "/usr/local/bin"))]
    unnamed = [thing for thing in left | packages_asked_for(machine) if not removed.names(thing)]
    assert not unnamed, removed.output


def test_uninstall_again_changes_nothing(play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").changed_nothing()
