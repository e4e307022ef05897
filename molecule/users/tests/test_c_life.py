"""An upgrade and a rollback while users work, then the end of it all. Each test begins where the one before it ended."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import GREETING, SESSION, Run

# Imports another part of TensorFlow at each turn, as trainings do at their first checkpoint or summary.
TRAINING = """
import importlib, os, sys, time
import tensorflow as tf
parts = ["tensorflow.python.distribute.distribute_lib", "tensorflow.python.summary.summary_iterator", "tensorflow.lite.python.lite"]
print("ready", tf.__version__, flush=True)
for turn, part in enumerate(parts):
    while not os.path.exists(f"turn{turn}"):
        time.sleep(0.2)
    file = importlib.import_module(part).__file__
    print(tf.__version__, os.path.realpath(file), flush=True)
"""
VERSION = "import tensorflow as tf; print(tf.__version__)"


def turn(login: Login, number: int) -> str:
    """Let the training go on, and return where its next part came from."""
    login.check_output("touch turn%s", str(number))
    lines = "for i in $(seq 300); do [ $(wc -l <training.out) -gt %s ] && exec tail -n 1 training.out; sleep 0.2; done; exit 1"
    return str(login.check_output(lines, str(number + 1)))


@pytest.mark.parametrize("machine", ["debian12"], indirect=True)
def test_a_training_goes_on_through_an_upgrade_and_a_rollback(
    root: Login, alice: Login, play: Callable[..., Run]
) -> None:
    first = root.check_output("readlink -f /opt/tensorflow")
    alice.check_output("printf %%s %s >training.py", TRAINING)
    alice.check_output("setsid -f ~/mine/bin/python training.py >training.out 2>training.err </dev/null")
    alice.check_output("for i in $(seq 300); do [ -s training.out ] && exit; sleep 0.2; done; exit 1")
    assert turn(alice, 0).startswith(f"2.20.0 {first}/")

    play("site.yml", tensorflow_version="2.21.0").succeeded()
    second = root.check_output("readlink -f /opt/tensorflow")
    assert second != first
    assert turn(alice, 1).startswith(f"2.20.0 {first}/")
    assert alice.check_output("~/mine/bin/python -c %s", VERSION) == "2.21.0"
    assert alice.check_output("/opt/vision/bin/python -c %s", VERSION) == "2.21.0"
    assert "tensorflow/2.21" in alice.check_output("bash -lc 'module avail 2>&1'")
    assert "tensorflow/2.20" not in alice.check_output("bash -lc 'module avail 2>&1'")

    play("playbooks/rollback.yml").succeeded()
    assert root.check_output("readlink -f /opt/tensorflow") == first
    assert turn(alice, 2).startswith(f"2.20.0 {first}/")
    assert alice.check_output("~/mine/bin/python -c %s", VERSION) == "2.20.0"
    assert (
        alice.check_output("/opt/vision/bin/python -c 'import tabulate, tensorflow; print(tensorflow.__version__)'")
        == "2.20.0"
    )


def test_what_members_installed_stays_unless_it_is_told_otherwise(
    machine: Host, alice: Login, root: Login, play: Callable[..., Run]
) -> None:
    told = play("playbooks/uninstall.yml", "--tags", "tensorflow_users").succeeded()
    assert alice.check_output("/opt/vision/bin/python -c 'import tabulate; print(1)'") == "1"
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    for path in ("/usr/local/bin/tensorflow-env", "/etc/security/tensorwright", "/usr/local/share/jupyter"):
        assert not root.file(path).exists, told.output
    play("site.yml").succeeded()
    assert root.file("/usr/local/bin/tensorflow-env").exists


def test_uninstalling_gives_the_host_back(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    listed = play("playbooks/uninstall.yml", "--check", tensorflow_users_discard=True).succeeded()
    assert listed.names("/usr/local/bin/tensorflow-env")
    play("playbooks/uninstall.yml", tensorflow_users_discard=True).succeeded()
    theirs = ("/home/", "/var/spool/cron/crontabs")
    assert state.changes(machine, but_for=theirs) == []


def test_a_second_time_changes_nothing(play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").changed_nothing()
