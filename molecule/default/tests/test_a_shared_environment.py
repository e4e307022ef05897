"""What the users of a shared server do, and what they cannot do to each other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, run


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_user_activates_it_and_runs_a_session(login: Callable[[str], Login], name: str) -> None:
    script = f'source /opt/tensorflow/bin/activate && python -c "{SESSION}"'
    assert login(name).run("bash -lc %s", script).stdout.strip() == GREETING


def test_its_bytecode_is_there_already(alice: Login) -> None:
    script = "import importlib.util, os, tensorflow as tf; print(os.path.exists(importlib.util.cache_from_source(tf.__file__)))"
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", script) == "True"


@pytest.mark.parametrize(
    "command",
    [
        "touch /opt/tensorflow/mine",
        "rm /opt/tensorflow/bin/python",
        "touch $(/opt/tensorflow/bin/python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')/mine.py",
        "/opt/tensorflow/bin/pip install --no-deps tabulate",
        "ln -sfn /tmp /opt/tensorflow",
    ],
)
def test_a_user_cannot_write_to_it(alice: Login, root: Login, command: str) -> None:
    before = root.check_output("readlink /opt/tensorflow; find /opt/ | sort | sha256sum")
    assert alice.run("bash -c %s", command).rc != 0
    assert root.check_output("readlink /opt/tensorflow; find /opt/ | sort | sha256sum") == before


def test_a_user_builds_on_top_of_it(alice: Login, bob: Login) -> None:
    alice.check_output("/opt/tensorflow/bin/tensorflow-env create ~/mine")
    alice.check_output("~/mine/bin/pip install --quiet tabulate")
    script = "import tabulate, tensorflow; print(tabulate.__file__, tensorflow.__file__)"
    own, shared = alice.check_output("bash -lc %s", f"source ~/mine/bin/activate && python -c '{script}'").split()
    assert own.startswith("/home/alice/mine/")
    assert shared.startswith("/opt/.tensorwright/tensorflow/")
    assert bob.run("/opt/tensorflow/bin/python -c 'import tabulate'").rc != 0


def test_a_second_run_changes_nothing_when_receipts_are_not_trusted(inventory: Path) -> None:
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


def test_check_mode_changes_nothing(inventory: Path) -> None:
    run("site.yml", inventory, "--check").changed_nothing()


def test_validation_changes_nothing(inventory: Path) -> None:
    assert GREETING in run("playbooks/validate.yml", inventory).changed_nothing().output
