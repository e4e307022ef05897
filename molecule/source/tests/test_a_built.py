"""TensorFlow from source on two servers: one of them built it, the other has got it.

The repository, bazelisk and Bazel are stand-ins. Real: git, the compiler, ./configure's questions, the hand-over, uv and sessions.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, run

BUILDS = "/opt/.tensorwright/builds"


def record(root: Login) -> dict[str, Any]:
    """Return what the host's wheel says of itself."""
    found: dict[str, Any] = json.loads(root.check_output(f"cat {BUILDS}/*/record.json"))
    return found


def commit(inventory: Path) -> str:
    return str(json.loads((inventory.parent / "served" / "served.json").read_text())["commit"])


def test_sessions_run_in_what_was_compiled(alice: Login) -> None:
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    assert alice.check_output("/opt/tensorflow/bin/python -c 'import tensorflow; print(tensorflow.BUILT())'") == "42"


def test_the_wheel_is_the_same_on_both_and_names_its_commit(root: Login, inventory: Path) -> None:
    told = record(root)
    assert told["commit"] == commit(inventory)
    assert (told["bazel"], told["compiler"], told["glibc"]) == ("6.1.0", "/usr/bin/clang-16", "2.36")
    (line,) = root.check_output(f"sha256sum {BUILDS}/*/*.whl").splitlines()
    assert line.split()[0] == told["sha256"]
    assert json.loads(root.check_output("cat /opt/tensorflow/.tensorwright.json"))["wheel"]["sha256"] == told["sha256"]


@pytest.mark.parametrize(("machine", "built"), [("builder", True), ("other", False)], indirect=["machine"])
def test_only_the_build_host_has_what_building_needs(root: Login, built: bool) -> None:
    assert (root.run("test -x /usr/bin/clang-16").rc == 0) == built
    assert (root.run(f"ls {BUILDS}/bazelisk-*").rc == 0) == built
    assert root.run(f"ls -d {BUILDS}/*/tree {BUILDS}/*/output").rc != 0


@pytest.mark.parametrize("machine", ["builder"], indirect=True)
def test_configure_was_answered_and_the_limits_were_given(root: Login) -> None:
    log = root.check_output(f"cat {BUILDS}/*/build.log")
    assert "Please specify" not in log
    assert "Do you wish" not in log
    assert "--jobs=" in log
    assert "--local_ram_resources=" in log
    assert root.run("find /root /home -name '*bazel*'").stdout == ""


def test_users_can_read_but_not_change_it(alice: Login) -> None:
    assert alice.run(f"touch {BUILDS}/mine").rc != 0
    assert alice.run(f"cat {BUILDS}/*/*.whl >/dev/null").rc == 0


def test_a_second_run_changes_nothing_when_receipts_are_not_trusted(inventory: Path) -> None:
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


@pytest.mark.parametrize("limit", ["builder", "other"])
def test_nor_does_a_run_of_one_of_them(inventory: Path, limit: str) -> None:
    run("site.yml", inventory, "--limit", limit).changed_nothing()


def test_check_mode_and_validation_change_nothing(inventory: Path) -> None:
    run("site.yml", inventory, "--check").changed_nothing()
    assert GREETING in run("playbooks/validate.yml", inventory).changed_nothing().output


def test_the_plan_says_what_a_build_would_take(inventory: Path) -> None:
    other = run("playbooks/plan.yml", inventory, tensorflow_source_march="x86-64-v2").changed_nothing().output
    assert "TensorFlow is built on this host, also for other: about " in other
    assert "The wheel comes from builder." in other
    short = {
        "tensorflow_overrides": {"tensorflow": {"builds": {"disk_mb": 500, "memory_mb": 10**7}}},
        "tensorflow_source_march": "x86-64-v2",
    }
    refused = run("site.yml", inventory, **short)
    assert refused.status != 0
    assert "whose build needs 10000000 MB of memory" in refused.output
    assert not any(refused.changed().values())
