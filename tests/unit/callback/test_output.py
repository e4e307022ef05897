# SPDX-License-Identifier: GPL-3.0-or-later
"""Both callbacks in a real run of ansible-playbook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = """
- name: Refuse and fail
  hosts: all
  gather_facts: false
  tasks:
    - name: Refuse what cannot be met
      ansible.builtin.assert:
        that: inventory_hostname != 'refused'
        fail_msg: ["{{ inventory_hostname }}: tensorflow_version is 9.9.", "{{ inventory_hostname }}: No AVX."]
        quiet: true
    - name: Write the receipt
      tensorwright.fleet.receipt:
        role: cuda
        inputs: abc
        footprint: {files: [/etc]}
      when: inventory_hostname == 'ours'
    - name: Look at nothing
      ansible.builtin.stat: {}
      when: inventory_hostname == 'theirs'
    - name: Fill the disk
      ansible.builtin.command: cp /etc/hostname /dev/full
      changed_when: true
      when: inventory_hostname is match('full')
    - name: Wait for long
      counting:
      register: __waited
      until: __waited.attempts > 1
      retries: 2
      delay: 0
      when: inventory_hostname == 'right'
    - name: Tell the result
      ansible.builtin.set_stats:
        per_host: true
        data:
          tensorflow_results: {/opt/tensorflow: {method: virtualenv, device: cpu, python: 3.11.2, tensorflow: 2.21.0, session: Hello}}
"""

COUNTING = """
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}).exit_json(progress="build [1 / 2], 3 min")
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("run")
    (place / "play.yml").write_text(PLAYBOOK)
    (place / "library").mkdir()
    (place / "library" / "counting.py").write_text(COUNTING)
    (place / "hosts").write_text("refused\nours\ntheirs\nright\nfull1\nfull2\n")
    (place / "ansible.cfg").write_text(
        f"[defaults]\ncollections_path = {ROOT / 'collections'}\nstdout_callback = tensorwright.fleet.fleet\n"
        "callbacks_enabled = tensorwright.fleet.result\ncallback_result_format = yaml\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts", "-c", "local", "play.yml"],
        cwd=place,
        env={
            **environment,
            "ANSIBLE_CONFIG": str(place / "ansible.cfg"),
            "ANSIBLE_HOME": str(place),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "TENSORWRIGHT_REPORTS": "none",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    return done.stdout + done.stderr


def test_a_refusal_is_a_line_for_each_sentence(output: str) -> None:
    assert "refused: [refused]: tensorflow_version is 9.9.\n" in output
    assert "refused: [refused]: No AVX.\n" in output


def test_our_modules_fail_in_their_own_words(output: str) -> None:
    assert (
        "failed: [ours]: The receipt /var/lib/tensorwright/receipts/cuda.json was not written: /etc is a dir" in output
    )


def test_a_known_failure_of_any_module_is_told_by_its_cause_and_remedy(output: str) -> None:
    for host in ("full1", "full2"):
        assert f"failed: [{host}]: cause: the disk is full\n" in output
        assert f"failed: [{host}]: remedy: free space on it" in output
    assert "full1, full2: Fill the disk failed\n  cause: the disk is full\n  remedy: free space on it" in output
    log = output.partition("All that failed steps have printed: ")[2].splitlines()[0]
    assert "stderr: cp: error writing '/dev/full': No space left on device" in Path(log).read_text()


def test_an_unknown_failure_is_said_to_be_unknown(output: str) -> None:
    assert "theirs: Look at nothing: missing required arguments: path\n  cause: unknown; it is none of docs/" in output


def test_others_fail_as_ever(output: str) -> None:
    assert "fatal: [theirs]: FAILED! =>" in output


def test_neither_trace_nor_source_is_shown(output: str) -> None:
    for noise in ("Traceback", "Origin:", "[ERROR]", "evaluated_to", "play.yml:"):
        assert noise not in output


def test_what_takes_hours_says_how_far_it_is(output: str) -> None:
    assert "waiting: [right]: build [1 / 2], 3 min\n" in output
    assert "RETRYING" not in output


def test_the_table_ends_it(output: str) -> None:
    table = output[output.index("host     method") :]
    assert "right    virtualenv  cpu     3.11.2  2.21.0      Hello" in table
    assert "refused: No AVX." in table
    assert table.strip().endswith("6 hosts: 1 installed, 1 refused, 4 failed; 2 changed.")
