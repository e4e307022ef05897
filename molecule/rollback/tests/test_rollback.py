"""An upgrade while people work, the way back, and what is cleared. Each test begins where the one before it ended."""

import json
from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, Run

# Waits with a part of TensorFlow unimported until it is told to go on, then says where the rest came from.
PROCESS = """
import os, sys, time
import google.protobuf
open('{name}.started', 'w').close()
while not os.path.exists('go'):
    time.sleep(0.2)
import tensorflow as tf
print(tf.__version__, os.path.realpath(tf.__file__), sys.prefix)
"""
IDLE = "import time; idling = time.sleep(900)"
STARTS = {
    "activated": "source /opt/tensorflow/bin/activate; exec python {name}.py",
    "linked": "exec /opt/tensorflow/bin/python {name}.py",
}


@pytest.fixture(scope="module")
def first(root: Login) -> str:
    """The release that the scenario began with."""
    return current(root)


def current(login: Login) -> str:
    """Return the release that the environment's path leads to."""
    return str(login.check_output("readlink --canonicalize /opt/tensorflow"))


def releases(login: Login) -> set[str]:
    """Return all releases on the host."""
    return {path.rstrip("/") for path in login.check_output("ls -d /opt/.tensorwright/tensorflow/*/").splitlines()}


def version(login: Login) -> str:
    """Return the version that a user gets."""
    return str(login.check_output("/opt/tensorflow/bin/python -c 'import tensorflow; print(tensorflow.__version__)'"))


def test_running_processes_keep_their_release(first: str, alice: Login, play: Callable[..., Run]) -> None:
    for name, start in STARTS.items():
        alice.check_output("printf %%s %s >%s.py", PROCESS.format(name=name), name)
        alice.check_output("setsid -f bash -lc %s >%s.out 2>%s.err </dev/null", start.format(name=name), name, name)
    alice.check_output("for i in $(seq 100); do ls activated.started linked.started && exit; sleep 0.2; done; exit 1")

    play("site.yml", tensorflow_version="2.21.0").succeeded()
    assert current(alice) != first
    assert version(alice) == "2.21.0"

    alice.check_output(
        "touch go; for i in $(seq 300); do [ -s activated.out -a -s linked.out ] && exit; sleep 0.2; done; exit 1"
    )
    for name in STARTS:
        found, file, prefix = alice.check_output("cat %s.out", name).split()
        assert found == "2.20.0"
        assert file.startswith(f"{first}/")
        assert prefix == first


def test_rollback_leads_to_the_proved_old_release(
    first: str, alice: Login, root: Login, play: Callable[..., Run]
) -> None:
    play("playbooks/rollback.yml").succeeded()
    assert current(alice) == first
    assert json.loads(root.file(f"{first}/.tensorwright.json").content_string)
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    assert version(alice) == "2.20.0"


def test_a_third_release_clears_the_oldest_once_nothing_uses_it(
    first: str, alice: Login, root: Login, play: Callable[..., Run]
) -> None:
    assert current(alice) == first
    alice.check_output("setsid -f /opt/tensorflow/bin/python -c %s >idle.out 2>&1 </dev/null", IDLE)
    play("site.yml", tensorflow_version="2.21.0").succeeded()
    second = current(alice)
    assert releases(root) == {first, second}

    play("site.yml", tensorflow_version="2.19.1").succeeded()
    third = current(alice)
    assert version(alice) == "2.19.1"
    assert releases(root) == {first, second, third}

    alice.check_output("pkill -f idling")
    play("site.yml", tensorflow_version="2.19.1", tensorwright_trust_receipts=False).succeeded()
    assert releases(root) == {second, third}
    assert version(alice) == "2.19.1"
