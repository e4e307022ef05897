"""Uninstalling gives the distribution's Python, and all else, back as it was."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import Run

THEIRS = ("/home/alice/", "/home/bob/")  # what TensorFlow writes down about its users


def test_uninstall_gives_the_host_back_as_it_was(machine: Host, alice: Login, play: Callable[..., Run]) -> None:
    assert any("/.tensorwright/" in line for line in state.changes(machine))
    play("playbooks/uninstall.yml").succeeded()
    assert "No module named 'tensorflow'" in alice.run("python3 -c 'import tensorflow'").stderr
    assert state.changes(machine, but_for=THEIRS) == []
