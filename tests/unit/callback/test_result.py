# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.callback import result as plugin
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import receipts

TOLD: dict[str, Any] = {
    "method": "virtualenv",
    "device": "cpu",
    "python": "3.11.2",
    "tensorflow": "2.21.0",
    "session": "Hello, TensorFlow!",
    "proved": None,
    "activate": "source ~/tensorflow/bin/activate",
    "notes": [],
    "state": "installed",
}


class Run:
    """A run as the callback sees it, with a clock that each event moves by one second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.printed: list[str] = []
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.callback = plugin.CallbackModule(display=SimpleNamespace(display=self.printed.append, verbosity=0))

    def start(self, *hosts: str) -> None:
        for host in hosts:
            self.callback.v2_runner_on_start(SimpleNamespace(get_name=lambda host=host: host), None)

    def event(self, kind: str, host: str, result: Any = None, action: str = "ansible.builtin.apt", **more: Any) -> None:
        self.now += 1
        role = more.pop("role", None)
        task = SimpleNamespace(
            action=action,
            name=more.pop("name", "Install a thing"),
            _role=SimpleNamespace(get_name=lambda: role) if role else None,
        )
        happened = SimpleNamespace(_host=SimpleNamespace(get_name=lambda: host), _task=task, _result=result or {})
        getattr(self.callback, f"v2_runner_on_{kind}")(happened, **more)

    def end(
        self, told: dict[str, Any], failures: dict[str, int] | None = None, dark: dict[str, int] | None = None
    ) -> list[str]:
        custom = {host: {"tensorflow_result": said} for host, said in told.items()} | {"_run": {"other": 1}}
        self.callback.v2_playbook_on_stats(
            SimpleNamespace(custom=custom, failures=failures or {}, dark=dark or {}, changed=dict.fromkeys(told, 1))
        )
        return "".join(self.printed).strip().splitlines()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ansible.constants.ANSIBLE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, home: Path) -> Run:
    return Run(monkeypatch)


def test_silent_where_nothing_of_ours_ran(run: Run) -> None:
    run.start("a")
    run.event("ok", "a")
    assert run.end({}) == []


def test_a_row_with_the_seconds_from_the_first_task_to_the_last(run: Run) -> None:
    run.start("a", "b")
    run.event("ok", "a")
    run.start("a")
    run.event("skipped", "a")
    run.event("ok", "b")
    lines = run.end({"a": TOLD, "b": TOLD})
    assert lines[1] == "a     virtualenv  cpu     3.11.2  2.21.0      Hello, TensorFlow!      2.0"
    assert lines[2].endswith("3.0")
    assert lines[-1] == "2 hosts: 2 installed; 2 changed."


def test_when_it_was_proved(run: Run) -> None:
    lines = run.end({"a": {**TOLD, "proved": "2020-11-20T11:02:33Z"}, "b": {**TOLD, "proved": "2999-01-01T00:00:00Z"}})
    assert "2020-11-20 11:02" in lines[1]
    assert "Hello, TensorFlow!" in lines[2]


def test_refused_failed_and_unreachable(run: Run) -> None:
    run.event(
        "failed",
        "a",
        {"msg": ["a: No AVX.", "a: Too little space."]},
        action="ansible.builtin.assert",
        role="tensorflow",
    )
    run.event("failed", "b", {"msg": "No package matching"})
    run.event("failed", "c", {"msg": ["c: 2.20.0 is installed"]}, action="ansible.builtin.assert", role="validate")
    run.event("unreachable", "d", {"msg": "ssh: connect to host 10.0.0.9 port 22: No route to host"})
    lines = run.end({"b": TOLD}, failures={"a": 1, "b": 1, "c": 1}, dark={"d": 1})
    assert [line.split()[5] for line in lines[1:5]] == ["refused", "failed", "failed", "unreachable"]
    assert lines[6:12] == [
        "a: No AVX.",
        "a: Too little space.",
        "b: Install a thing: No package matching",
        "  cause: unknown; it is none of docs/troubleshooting.md",
        "c: Install a thing: 2.20.0 is installed",
        "d: ssh: connect to port 22: No route to host",
    ]
    assert lines[-1] == "4 hosts: 1 refused, 2 failed, 1 unreachable; none changed."


LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process {} (unattended-upgr)"


def test_equal_failures_of_several_hosts_are_told_once(run: Run) -> None:
    for number, host in enumerate("abc"):
        failure = {"msg": "'/usr/bin/apt-get' failed", "stderr": LOCKED.format(number), "rc": 100}
        run.event("failed", host, failure, name="Install Python {{ python_version }}")
    lines = run.end({}, failures=dict.fromkeys("abc", 1))
    assert lines[5:9] == [
        "a, b, c: Install Python failed",
        "  cause: another program installs packages right now; often unattended upgrades",
        "  remedy: wait for it and run again; `fuser -v /var/lib/dpkg/lock-frontend` shows who it is",
        "  see: docs/troubleshooting.md#dpkg-locked",
    ]


def test_all_that_failed_steps_have_printed_is_in_a_file_of_the_user_s_own(run: Run, home: Path) -> None:
    run.event("failed", "a", {"msg": "first", "stderr": "rescued"})
    run.event("failed", "a", {"msg": "no", "stderr": LOCKED.format(7), "rc": 100, "cmd": ["x", "https://bob:pw@y/"]})
    run.event("failed", "b", {"msg": "b is rescued"})
    lines = run.end({"b": TOLD}, failures={"a": 1})
    log = home / "tensorwright" / "failures.log"
    assert f"All that failed steps have printed: {log}" in lines
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text() == (
        f"--- a: Install a thing\nmsg: no\ncmd: ['x', 'https://y/']\nrc: 100\nstderr: {LOCKED.format(7)}\n\n"
    )


def test_a_home_that_cannot_be_written_is_no_failure(run: Run, home: Path) -> None:
    (home / "tensorwright").write_text("")
    run.event("failed", "a", {"msg": "no"})
    assert not [line for line in run.end({}, failures={"a": 1}) if "have printed" in line]


def test_rescued_and_ignored_failures_are_none(run: Run) -> None:
    run.event("failed", "a", {"msg": "rescued"})
    run.event("failed", "b", {"msg": "ignored"}, ignore_errors=True)
    text = "\n".join(run.end({"a": TOLD, "b": TOLD}, failures={"a": 0}))
    assert "rescued" not in text
    assert "ignored" not in text


def test_the_last_failure_counts(run: Run) -> None:
    run.event("failed", "a", {"msg": "rescued"})
    run.event("failed", "a", {"msg": "final"})
    run.event("failed", "a", {"msg": "ignored"}, ignore_errors=True)
    lines = run.end({}, failures={"a": 1})
    assert lines[3] == "a: Install a thing: final"


def test_the_start_reads_ahead_and_survives_what_it_cannot_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(receipts, "roles", lambda: ["python", "cuda"])
    monkeypatch.setattr(receipts, "code", read.append)
    run.callback.v2_playbook_on_start(None)
    assert read == ["python", "cuda"]

    def unreadable() -> list[str]:
        raise FileNotFoundError("roles")

    monkeypatch.setattr(receipts, "roles", unreadable)
    run.callback.v2_playbook_on_start(None)
