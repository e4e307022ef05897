"""Refusals, another release, the way back, and the end of it."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import Run

MACHINES = ["server", "workstation"]
PATHS = {"server": "/opt", "workstation": "/home/alice"}
# What users have made themselves, TensorFlow among them, and what serves the stand-ins.
THEIRS = (
    "/home/bob/",
    "/home/alice/mine",
    "/home/alice/.local",
    "/home/alice/.cache",
    "/home/alice/.keras",
    "/tmp/served",
)
MINICONDA = "https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh"


@pytest.mark.parametrize("machine", ["server"], indirect=True)
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"conda_url": MINICONDA, "conda_sha256": "0" * 64}, "which only Anaconda's licence lets you use"),
        ({"conda_channels": ["defaults"]}, "which only Anaconda's licence lets you use"),
        ({"conda_sha256": "0" * 64}, "a download is not the file that was expected"),
        ({"tensorflow_version": "2.12.1", "tensorflow_python": "3.8"}, "PackagesNotFoundError"),
    ],
)
def test_what_cannot_be_is_told_and_leaves_the_release_in_use(
    root: Login, play: Callable[..., Run], given: dict[str, str], why: str
) -> None:
    before = root.check_output("readlink --canonicalize /opt/tensorflow; ls /opt/.tensorwright/*/")
    refused = play("site.yml", **given)
    assert refused.status != 0
    assert why in refused.output
    assert "Traceback" not in refused.output
    assert root.check_output("readlink --canonicalize /opt/tensorflow; ls /opt/.tensorwright/*/") == before


@pytest.mark.parametrize("machine", ["server"], indirect=True)
def test_another_release_and_the_way_back(alice: Login, play: Callable[..., Run]) -> None:
    first = alice.check_output("readlink --canonicalize /opt/tensorflow")
    play("site.yml", tensorflow_pip_extra_packages=["tabulate"]).succeeded()
    assert alice.check_output("/opt/tensorflow/bin/python -c 'import tabulate; print(tabulate.__file__)'") != ""
    play("playbooks/rollback.yml").succeeded()
    assert alice.check_output("readlink --canonicalize /opt/tensorflow") == first
    assert alice.run("/opt/tensorflow/bin/python -c 'import tabulate'").rc != 0


def test_a_dry_run_lists_what_would_be_removed(machine: Host, alice: Login, play: Callable[..., Run]) -> None:
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    place = PATHS[machine.name]
    assert "Would be removed: " in listed.output
    assert listed.names(f"{place}/tensorflow")
    runtime = {"server": "conda", "workstation": "python3.11"}[machine.name]
    assert listed.names(f"{place}/.tensorwright/runtimes/{runtime}")
    assert alice.run("test -e %s/tensorflow/bin/python", place).rc == 0


def test_uninstall_gives_the_host_back_as_it_was(machine: Host, play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=THEIRS) == []
