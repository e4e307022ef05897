# SPDX-License-Identifier: GPL-3.0-or-later
"""The board in real runs of ansible-playbook, on terminals of two widths and on none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.support.terminal import Session, play

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = """
- name: Refuse and fail
  hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - name: Refuse what cannot be met
      ansible.builtin.assert:
        that: inventory_hostname != 'refused'
        fail_msg: "{{ inventory_hostname }}: tensorflow_version is 9.9."
        quiet: true
    - name: Wait for something that takes long
      ansible.builtin.command: sleep {{ takes | default(0) }}
      changed_when: true
    - name: Fill the disk
      ansible.builtin.command: cp /etc/hostname /dev/full
      changed_when: true
      when: inventory_hostname == 'full'
    - name: Say something
      ansible.builtin.debug:
        msg: What a play has to show
      when: inventory_hostname == 'right'
    - name: Tell the result
      ansible.builtin.set_stats:
        per_host: true
        data:
          tensorflow_results: {/opt/tensorflow: {method: virtualenv, device: cpu, python: 3.11.2, tensorflow: 2.21.0, session: Hello}}
"""
HOSTS = """
refused
right
full
slow takes=3
gone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("board")
    (place / "play.yml").write_text(PLAYBOOK)
    (place / "hosts").write_text(HOSTS)
    return place


def command(place: Path, *arguments: str) -> list[str]:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, "-i", str(place / "hosts"), "-c", "local", str(place / "play.yml"), *arguments]


def environment(place: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(place),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "TENSORWRIGHT_REPORTS": str(place / "reports"),
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    return {**kept, **ours, **more}


@pytest.fixture(scope="module", params=[80, 200])
def session(place: Path, request: pytest.FixtureRequest) -> Session:
    return play(command(place), request.param, environment(place))


def test_the_board_tells_how_far_the_run_is(session: Session) -> None:
    last_lines = [frame.splitlines()[-3:] for frame in session.frames if "slow" in frame]
    assert any("running" in lines[-2] and "Wait for something that takes long" in lines[-1] for lines in last_lines)
    assert any("5 hosts:" in line for lines in last_lines for line in lines)


def test_it_is_never_wider_than_the_terminal(session: Session) -> None:
    boards = [line for frame in session.frames for line in frame.splitlines() if " running" in line]
    assert boards
    assert all(len(line) == session.glass.columns - 1 for line in boards)


def test_its_place_is_taken_by_the_last_count_and_the_table(session: Session) -> None:
    assert session.status == 4, session.glass.text
    assert "running" not in session.glass.text
    assert "\n5 hosts: 2 done, 1 refused, 1 failed, 1 unreachable; 0:" in session.glass.text
    assert (
        session.glass.text.rstrip()
        .replace("\n", " ")
        .endswith("5 hosts: 2 installed, 1 refused, 1 failed, 1 unreachable; 3 changed, 1 may have changed.")
    )


def test_failures_and_what_plays_show_stay(session: Session) -> None:
    text = session.glass.text
    assert "refused: [refused]: tensorflow_version is 9.9.\n" in text
    assert "failed: [full]: cause: the disk is full\n" in text
    assert "fatal: [gone]: UNREACHABLE!" in text
    assert "What a play has to show" in text
    assert "changed: [" not in text


def test_ctrl_c_leaves_the_terminal_as_it_was(place: Path) -> None:
    session = play(
        command(place, "--extra-vars", "takes=60"),
        80,
        environment(place),
        interrupt=lambda text: re.search(r"3 running.*\n.*\n.*\n  slow .* 0:0[1-9]$", text.rstrip()) is not None,
    )
    assert session.status == 99, session.glass.text
    assert session.unchanged
    assert "User interrupted execution" in session.glass.text
    assert "3 running" in session.glass.text  # what was going on then
    assert session.glass.column == 0
    assert session.glass.lines[session.glass.row :] == [""]


def lines(place: Path, *arguments: str, **variables: str) -> str:
    """Run without a terminal."""
    done = subprocess.run(
        command(place, *arguments),
        env=environment(place, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stdout
    return done.stdout


def test_without_a_terminal_there_are_lines(place: Path) -> None:
    output = lines(place)
    assert "\x1b" not in output
    assert "\r" not in output
    assert "changed: [right]" in output
    assert "refused: [refused]: tensorflow_version is 9.9.\n" in output
    assert "PLAY RECAP" in output


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["-v"], {}),
        ([], {"TERM": "dumb"}),
        ([], {"ANSIBLE_STDOUT_CALLBACK": "tensorwright.fleet.fleet"}),
        ([], {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}),
        ([], {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal"}),
    ],
    ids=["verbose", "dumb", "lines", "default", "minimal"],
)
def test_a_terminal_without_the_board(place: Path, arguments: list[str], variables: dict[str, str]) -> None:
    session = play(command(place, *arguments), 200, environment(place, ANSIBLE_NOCOLOR="1", **variables))
    assert session.status == 4, session.glass.text
    assert "right" in session.glass.text
    assert not any(" running" in frame for frame in session.frames)
    assert session.glass.text.rstrip().endswith(
        "1 unreachable; 3 changed, 1 may have changed."
    )  # the table comes anyway
