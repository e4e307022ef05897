"""Uninstalling gives the host back as it was; a dry run lists what that takes away."""

from collections.abc import Callable

from testinfra.host import Host as Login

from tests.hosts import Host
from tests.runs import Run
from tests.traces import packages_asked_for, traces

# What TensorFlow writes down about its users, and the places that Debian's package makes for local additions as it is installed.
THEIRS = (
    "/home/alice/",
    "/home/bob/",
    "/usr/local/lib/python2.7/dist-packages",
    "/usr/local/lib/python2.7/site-packages",
)


def test_a_dry_run_lists_what_would_be_removed(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    release = root.check_output("readlink --canonicalize /opt/tensorflow").rpartition("/")[2]
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    assert "Would be removed: " in listed.output
    assert listed.names("/opt/tensorflow")
    assert release in listed.output
    if machine.name == "native":
        assert listed.names("/usr/local/lib/python2.7/dist-packages/tensorwright-tensorflow.pth")
    assert root.file("/opt/tensorflow").is_symlink


def test_uninstall_restores_the_host(machine: Host, alice: Login, root: Login, play: Callable[..., Run]) -> None:
    assert any("/.tensorwright/" in path for path in traces(machine))
    removed = play("playbooks/uninstall.yml").succeeded()
    assert root.run("ls --almost-all /usr/local/lib/python2.7/*-packages/*").stdout == ""
    assert "No module named tensorflow" in alice.run("python2.7 -c 'import tensorflow'").stderr
    left = {path for path in traces(machine) if not path.startswith(THEIRS)}
    assert not [path for path in left if path.startswith(("/opt", "/srv", "/usr/local/bin", "/usr/local/lib"))]
    unnamed = [thing for thing in left | packages_asked_for(machine) if not removed.names(thing)]
    assert not unnamed, removed.output
