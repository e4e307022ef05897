"""Uninstalling gives the host back as it was; a dry run lists what that takes away."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import Run

THEIRS = ("/home/alice/", "/home/bob/")  # what TensorFlow writes down about its users


def test_a_dry_run_lists_what_would_be_removed(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    release = root.check_output("readlink --canonicalize /opt/tensorflow").rpartition("/")[2]
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    assert "Would be removed: " in listed.output
    assert listed.names("/opt/tensorflow")
    assert release in listed.output
    if machine.name == "native":
        assert listed.names("/usr/local/lib/python2.7/dist-packages/tensorwright-tensorflow.pth")
    assert listed.names("python2.7")
    assert root.file("/opt/tensorflow").is_symlink


def test_uninstall_gives_the_host_back_as_it_was(machine: Host, play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=THEIRS) == []
