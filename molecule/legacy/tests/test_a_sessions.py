"""The guides' program on Python 2.7, word for word, as users of the host type it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from testinfra.host import Host as Login

from tests.hosts import Host
from tests.support.runs import GREETING, run

# Typed at the guides' >>> prompt.
GUIDE = """
import tensorflow as tf
hello = tf.constant('Hello, TensorFlow!')
sess = tf.Session()
print(sess.run(hello))
"""
VERSION = "import tensorflow as tf; print(tf.__version__)"
STARTS = {
    "environment": ("source /opt/tensorflow/bin/activate && python", "1.7.0"),
    "native": ("python2.7", "1.10.0"),
}


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_any_user_runs_the_guides_program(machine: Host, login: Callable[[str], Login], name: str) -> None:
    python, version = STARTS[machine.name]
    said = login(name).run("bash -lc %s", f'{python} -c "{GUIDE}"')
    assert said.stdout.strip() == GREETING, said.stderr
    assert login(name).check_output("bash -lc %s", f"{python} -c '{VERSION}'") == version


@pytest.mark.parametrize("machine", ["environment"], indirect=True)
def test_it_is_a_python_2_7_with_the_newest_pip_that_serves_it(alice: Login) -> None:
    script = "source /opt/tensorflow/bin/activate && pip --version && pip check"
    said = alice.check_output("bash -lc %s", script)
    assert said.startswith("pip 20.3.4 ")
    assert "(python 2.7)" in said
    assert said.endswith("No broken requirements found.")


@pytest.mark.parametrize("machine", ["environment"], indirect=True)
def test_a_process_belongs_to_the_release_that_it_started_from(alice: Login) -> None:
    prefix = alice.check_output("/opt/tensorflow/bin/python -c 'import sys; print(sys.prefix)'")
    assert prefix == alice.check_output("readlink --canonicalize /opt/tensorflow")


@pytest.mark.parametrize("machine", ["native"], indirect=True)
def test_the_distribution_is_untouched(root: Login) -> None:
    assert root.check_output("dpkg --verify") == ""


@pytest.mark.parametrize("machine", ["native"], indirect=True)
def test_the_systems_python3_is_not_touched(alice: Login) -> None:
    assert "No module named 'tensorflow'" in alice.run("python3 -c 'import tensorflow'").stderr


def test_what_a_sound_run_printed_is_no_known_trouble(root: Login) -> None:
    printed = root.check_output("cat /opt/.tensorwright/log/tensorflow.log /var/log/apt/term.log")
    assert len(printed) > 100
    assert matcher.claims(printed) == []


def test_a_second_run_changes_nothing_when_receipts_are_not_trusted(inventory: Path) -> None:
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


def test_check_mode_and_validation_change_nothing(inventory: Path) -> None:
    run("site.yml", inventory, "--check").changed_nothing()
    run("playbooks/validate.yml", inventory).changed_nothing()
