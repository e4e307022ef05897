"""TensorFlow on a Python that the hosts' distribution has not: from a conda on the server, from a standalone build on the workstation.

The Miniforge installer and the Python's archive are stand-ins; TensorFlow, pip, uv and sessions are real.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from testinfra.host import Host as Login

from tests.hosts import Host
from tests.support.runs import GREETING, SESSION, run

MACHINES = ["server", "workstation"]
PATHS = {"server": "/opt", "workstation": "/home/alice"}
VERSION = "import sys, tensorflow as tf; print(tf.__version__, '%d.%d' % sys.version_info[:2])"


def test_it_runs_on_the_python_that_the_host_lacks(machine: Host, alice: Login) -> None:
    assert alice.run("python3.11 --version").rc != 0
    python = f"{PATHS[machine.name]}/tensorflow/bin/python"
    assert alice.check_output(f"{python} -c %s", VERSION) == "2.15.1 3.11"
    assert alice.check_output(f"{python} -c %s", SESSION) == GREETING


@pytest.mark.parametrize("machine", ["server"], indirect=True)
@pytest.mark.parametrize("name", ["alice", "bob"])
@pytest.mark.parametrize(
    "activate",
    [
        "source /opt/tensorflow/bin/activate",
        ". /opt/.tensorwright/runtimes/conda/etc/profile.d/conda.sh && conda activate /opt/tensorflow",
    ],
)
def test_users_activate_it_either_way(login: Callable[[str], Login], name: str, activate: str) -> None:
    script = f'{activate} && python -c "{SESSION}" && conda deactivate && command -v python || echo left'
    assert login(name).check_output("bash -lc %s", script).splitlines() == [GREETING, "left"]


@pytest.mark.parametrize("machine", ["server"], indirect=True)
def test_users_cannot_change_it_and_build_on_top(alice: Login) -> None:
    for target in ("tensorflow", ".tensorwright/runtimes/conda", "tensorflow/lib/python3.11/site-packages"):
        assert alice.run("touch /opt/%s/mine", target).rc != 0
    alice.check_output("/opt/tensorflow/bin/tensorflow-env create ~/mine")
    alice.check_output("~/mine/bin/pip install --quiet tabulate")
    # Not TensorFlow itself: of Debian's Python, the stand-in has no distutils, which this release imports there.
    script = "import numpy, tabulate; print(tabulate.__file__, numpy.__file__)"
    own, shared = alice.check_output("~/mine/bin/python -c %s", script).split()
    assert own.startswith("/home/alice/mine/")
    assert shared.startswith("/opt/.tensorwright/tensorflow/")


@pytest.mark.parametrize("machine", ["server"], indirect=True)
def test_base_is_as_its_installer_left_it_and_no_home_has_traces(root: Login) -> None:
    newer = (
        "find /opt/.tensorwright/runtimes/conda/ -newer /opt/.tensorwright/runtimes/conda/.tensorwright.json -type f"
    )
    assert root.check_output(newer) == ""
    assert root.check_output("find /root /home -name '.conda*' -o -name 'environments.txt'") == ""


def test_requirements_of_all_packages_are_met(machine: Host, alice: Login) -> None:
    python = f"{PATHS[machine.name]}/tensorflow/bin/python"
    assert alice.check_output(f"{python} -m pip check") == "No broken requirements found."


@pytest.mark.parametrize("machine", ["server"], indirect=True)
def test_what_a_sound_run_printed_is_no_known_trouble(root: Login) -> None:
    printed = root.check_output("cat /opt/.tensorwright/log/tensorflow.log")
    assert len(printed) > 100
    assert matcher.claims(printed) == []


def test_a_second_run_changes_nothing_when_receipts_are_not_trusted(inventory: Path) -> None:
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


def test_check_mode_and_validation_change_nothing(inventory: Path) -> None:
    run("site.yml", inventory, "--check").changed_nothing()
    assert GREETING in run("playbooks/validate.yml", inventory).changed_nothing().output
