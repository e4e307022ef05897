"""Uninstalling removes the environment and only that, and names what it leaves."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host
from tests.runs import Run
from tests.traces import traces

MACHINES = ["debian13"]


def test_uninstall_restores_the_host(machine: Host, alice: Login, root: Login, play: Callable[..., Run]) -> None:
    alice.check_output("touch ~/kept; mkdir -p ~/tensorflow-work")
    root.check_output("touch /opt/kept")
    removed = play("playbooks/uninstall.yml").succeeded()
    assert alice.run("test -e /opt/tensorflow").rc != 0
    assert root.file("/opt/kept").exists
    assert alice.file("/home/alice/kept").exists
    unnamed = [path for path in traces(machine, "/etc", "/opt", "/usr") - {"/opt/kept"} if not removed.names(path)]
    assert not unnamed, removed.output


def test_uninstall_again_changes_nothing(play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").changed_nothing()
