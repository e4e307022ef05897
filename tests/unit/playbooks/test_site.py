# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml over several hosts, some of which fail: this machine under several names, in check mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.runs import ROOT, environment

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


def run(
    place: Path,
    hosts: str,
    status: int,
    *arguments: str,
    playbook: str = "site.yml",
    pipelining: bool = True,
    **variables: Any,
) -> dict[str, str]:
    """Run the playbook on some of the hosts; return how each ended, by the report."""
    asked = {
        "tensorflow_path": str(place / "tensorflow"),
        "tensorflow_due": {"tensorflow_pip": [str(place / "tensorflow")]},
        **variables,
    }
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), str(ROOT / playbook), "--check"),
            *("-i", str(place / "hosts"), "--limit", hosts, "--extra-vars", json.dumps(asked)),
            *arguments,
        ],
        env={
            **environment(),
            "ANSIBLE_PIPELINING": str(pipelining),
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
    (place / "output").write_text(done.stdout)
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


TEMPLATES = """
a_reads package_cache_url="http://{{ hostvars['b_read'].cache_address }}:9"
b_read cache_address=127.0.0.1
c_cannot tensorflow_version="{{ nobody }}"
d_cannot package_cache_url="http://{{ nobody }}:9" tensorflow_users_groups="{{ 1 + }}"
[all:vars]
ansible_connection=local
ansible_python_interpreter="{{ ansible_playbook_python }}"
"""


def test_a_template_may_read_other_hosts_and_one_that_fails_is_refused_by_its_name(place: Path) -> None:
    (place / "hosts").write_text(TEMPLATES)
    ended = run(place, "all", 2)
    assert ended == {"a_reads": "planned", "b_read": "planned", "c_cannot": "refused", "d_cannot": "refused"}
    output = (place / "output").read_text()
    table = output[output.index("\nhost ") :]
    assert "Note, a_reads: The package cache http://127.0.0.1:9 does not answer this host" in table
    accepted = "accepted: a template of variables that this host has."
    for told in (
        "c_cannot: tensorflow_version is '{{ nobody }}', a template that fails: 'nobody' is undefined",
        "d_cannot: package_cache_url is 'http://{{ nobody }}:9', a template that fails: 'nobody' is undefined",
        "d_cannot: tensorflow_users_groups is '{{ 1 + }}', a template that fails: ",
    ):
        assert [line for line in table.splitlines() if line.startswith(told) and line.endswith(accepted)], table


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


def test_hosts_on_which_all_is_right_are_asked_once_and_that_is_all(place: Path) -> None:
    assert run(place, "b_right:c_right", 0, tensorflow_due={}) == {"b_right": "planned", "c_right": "planned"}
    output = (place / "output").read_text()
    assert "nothing to do: all is right on the hosts that can go on" in output
    tasks = [line for line in output.splitlines() if line.startswith("TASK")]
    assert [line.partition(" : ")[2].partition("]")[0] for line in tasks] == [
        "Look at the host, plan, and refuse what is impossible",
        "Show the plans",
    ]
    assert "tensorflow-cpu==" in output


def test_where_programs_cannot_be_sent_by_a_pipe_the_module_looks(place: Path) -> None:
    assert run(place, "b_right:d_refused", 2, pipelining=False) == {"b_right": "planned", "d_refused": "refused"}


def test_an_interpreter_that_is_none_is_told_and_no_trace(place: Path) -> None:
    ended = run(place, "b_right", 2, ansible_python_interpreter="/nonexistent/python")
    assert ended == {"b_right": "failed"}
    output = (place / "output").read_text()
    assert "cause: the host has no Python at the place where Ansible looks for it" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("playbook", ["playbooks/nvidia.yml", "playbooks/docker.yml"])
def test_one_refused_host_does_not_stop_the_others(place: Path, playbook: str) -> None:
    run(place, "b_right:d_refused", 2, playbook=playbook)
    output = (place / "output").read_text()
    assert "refused: [d_refused]: tensorflow_version is 9.9" in output
    assert "1 plan for 1 host\n\n        b_right:" in output


def test_all_or_nothing_stops_all(place: Path) -> None:
    ended = run(place, "b_right:d_refused", 2, tensorflow_all_or_nothing=True)
    assert ended == {"b_right": "refused", "d_refused": "refused"}
    assert "b_right: tensorflow_all_or_nothing is true, and d_refused cannot go on" in (place / "output").read_text()
