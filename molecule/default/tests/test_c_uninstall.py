"""Uninstalling gives the host back as it was before, but for what users have made there themselves."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import Run

MACHINES = ["debian13", "ubuntu2204"]
THEIRS = ("/home/alice/", "/home/bob/", "/opt/kept")


def test_a_dry_run_lists_what_would_be_removed(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    before = state.observe(machine)
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    assert state.differences(before, state.observe(machine)) == []
    python = "python3.{}-venv".format({"debian13": 13, "ubuntu2204": 10}[machine.name])
    for name in ("/opt/tensorflow", python, root.check_output("basename $(realpath /opt/tensorflow)")):
        assert listed.names(name)


def test_uninstall_gives_the_host_back_as_it_was(
    machine: Host, alice: Login, root: Login, play: Callable[..., Run]
) -> None:
    alice.check_output("touch ~/kept; mkdir -p ~/tensorflow-work")
    root.check_output("touch /opt/kept")
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=THEIRS) == []
    assert root.file("/opt/kept").exists
    assert alice.file("/home/alice/kept").exists
    assert alice.file("/home/alice/mine/bin/python").is_symlink


def test_uninstall_again_changes_nothing(play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").changed_nothing()
