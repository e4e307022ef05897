# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml over several hosts, some of which fail: this machine under several names, in check mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runs import ROOT, environment

# A host that answers when it is looked at, and whose modules fail from then on.
BROKEN = "ansible_python_interpreter=\"{{ '/bin/false' if 'tensorflow_host' in ansible_facts else ansible_playbook_python }}\""
INVENTORY = f"""
a_broken {BROKEN}
b_right
c_right
d_refused tensorflow_version=9.9
e_gone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
[all:vars]
ansible_connection=local
ansible_python_interpreter="{{{{ ansible_playbook_python }}}}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "hosts").write_text(INVENTORY)
    return tmp_path


def run(place: Path, hosts: str, status: int, *arguments: str, **variables: Any) -> dict[str, str]:
    """Run the playbook on some of the hosts; return how each ended, by the report."""
    asked = {
        "tensorflow_path": str(place / "tensorflow"),
        "tensorflow_due": {"tensorflow_pip": [str(place / "tensorflow")]},
        **variables,
    }
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), str(ROOT / "site.yml"), "--check"),
            *("-i", str(place / "hosts"), "--limit", hosts, "--extra-vars", json.dumps(asked)),
            *arguments,
        ],
        env={
            **environment(),
            "ANSIBLE_HOME": str(place / "home"),
            "TENSORWRIGHT_REPORTS": str(place / "reports"),
            "ANSIBLE_RETRY_FILES_ENABLED": "true",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(place / "reports"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    newest = max((place / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime_ns)
    ended = {host["host"]: host["state"] for host in json.loads(newest.read_text())["hosts"]}
    for host in ended:
        assert f"\n{host} " in done.stdout[done.stdout.index("PLAY RECAP") :]
    return ended


def test_one_host_s_trouble_does_not_stop_the_others_and_retry_names_it(place: Path) -> None:
    ended = run(place, "all", 4)
    assert ended == {
        "a_broken": "failed",
        "b_right": "planned",
        "c_right": "planned",
        "d_refused": "refused",
        "e_gone": "unreachable",
    }
    retry = place / "reports" / "site.retry"
    assert retry.read_text().split() == ["a_broken", "d_refused", "e_gone"]
    assert set(run(place, f"@{retry}", 4, tensorflow_due={})) == {"a_broken", "d_refused", "e_gone"}


def test_more_failures_than_may_be_stop_the_run(place: Path) -> None:
    ended = run(place, "a_broken:b_right:c_right", 2, tensorwright_max_fail_percentage=20)
    assert ended == {"a_broken": "failed", "b_right": "stopped", "c_right": "stopped"}


def test_fewer_do_not(place: Path) -> None:
    ended = run(place, "a_broken:b_right:c_right", 2, tensorwright_max_fail_percentage=50)
    assert ended == {"a_broken": "failed", "b_right": "planned", "c_right": "planned"}


def test_a_batch_that_fails_as_a_whole_stops_those_after_it(place: Path) -> None:
    ended = run(place, "a_broken:b_right", 2, tensorwright_serial=1)
    assert ended == {"a_broken": "failed", "b_right": "stopped"}


def test_a_run_may_start_at_a_later_task(place: Path) -> None:
    ended = run(place, "b_right:c_right", 0, "--start-at-task", "Provide the planned TensorFlow")
    assert ended == {"b_right": "planned", "c_right": "planned"}
