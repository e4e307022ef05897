"""Uninstalling gives the distribution's Python back as it was, and names what it leaves."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host
from tests.runs import Run
from tests.traces import packages_asked_for, traces

THEIRS = ("/home/alice/", "/home/bob/")  # what TensorFlow writes down about its users


def test_uninstall_restores_the_host(machine: Host, alice: Login, play: Callable[..., Run]) -> None:
    assert any("/.tensorwright/" in path for path in traces(machine))
    removed = play("playbooks/uninstall.yml").succeeded()
    assert "No module named 'tensorflow'" in alice.run("python3 -c 'import tensorflow'").stderr
    left = {path for path in traces(machine) if not path.startswith(THEIRS)}
    assert not [path for path in left if path.startswith(("/opt", "/srv", "/usr/local/bin", "/usr/local/lib"))]
    unnamed = [thing for thing in left | packages_asked_for(machine) if not removed.names(thing)]
    assert not unnamed, removed.output
