# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.callback import result as plugin
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due, role_code
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import role_variables

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
        display = SimpleNamespace(display=self.printed.append, warning=self.printed.append, verbosity=0)
        self.callback = plugin.CallbackModule(display=display)
        self.callback._plugin_options = {"reports": "none"}

    def start(self, *hosts: str, name: str = "Install a thing", uuid: str = "1") -> None:
        for host in hosts:
            task = SimpleNamespace(name=name, action="ansible.builtin.apt", _role=None, _uuid=uuid)
            self.callback.v2_runner_on_start(SimpleNamespace(get_name=lambda host=host: host), task)

    def event(self, kind: str, host: str, result: Any = None, action: str = "ansible.builtin.apt", **more: Any) -> None:
        self.now += 1
        role = more.pop("role", None)
        task = SimpleNamespace(
            action=action,
            name=more.pop("name", "Install a thing"),
            _uuid=more.pop("uuid", "1"),
            _role=SimpleNamespace(get_name=lambda: role) if role else None,
        )
        happened = SimpleNamespace(_host=SimpleNamespace(get_name=lambda: host), _task=task, _result=result or {})
        getattr(self.callback, f"v2_runner_on_{kind}")(happened, **more)

    def end(
        self, told: dict[str, Any], failures: dict[str, int] | None = None, dark: dict[str, int] | None = None
    ) -> list[str]:
        custom = {host: {"tensorflow_results": {"/opt/tensorflow": said}} for host, said in told.items()} | {
            "_run": {"other": 1}
        }
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
    assert lines[-1] == "4 hosts: 1 refused, 2 failed, 1 unreachable; 1 changed."


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"msg": "no"}, "none changed"),
        ({"msg": "the store belongs to somebody else", "changed": True}, "1 changed"),
        (
            {"msg": "one or more items failed", "results": [{"changed": True}, {"failed": True, "msg": "no"}]},
            "1 changed",
        ),
        ({"msg": "MODULE FAILURE\nSee stdout/stderr for the exact error", "module_stdout": ""}, "1 may have changed"),
    ],
)
def test_none_changed_is_said_of_a_step_that_failed_only_where_it_is_so(
    run: Run, result: dict[str, Any], outcome: str
) -> None:
    run.start("a")
    run.event("failed", "a", result)
    assert run.end({}, failures={"a": 1})[-1] == f"1 host: 1 failed; {outcome}."


def test_a_host_that_failed_after_it_was_changed_has_changed(run: Run) -> None:
    run.event("ok", "a", {"changed": True})
    run.event("failed", "a", {"msg": "no"})
    run.callback.v2_playbook_on_stats(SimpleNamespace(custom={}, failures={"a": 1}, dark={}, changed={"a": 1}))
    assert "".join(run.printed).strip().splitlines()[-1] == "1 host: 1 failed; 1 changed."


def test_a_host_that_is_lost_in_the_middle_may_have_changed(run: Run) -> None:
    run.event("unreachable", "a", {"msg": "no"})
    run.event("ok", "b")
    run.event("unreachable", "b", {"msg": "no"})
    assert run.end({}, dark={"a": 1, "b": 1})[-1] == "2 hosts: 2 unreachable; 1 may have changed."


LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process {} (unattended-upgr)"


def test_equal_failures_of_several_hosts_are_told_once(run: Run) -> None:
    for number, host in enumerate("abc"):
        failure = {"msg": "'/usr/bin/apt-get' failed", "stderr": LOCKED.format(number), "rc": 100}
        run.event("failed", host, failure, name="Install Python {{ python_version }}")
    lines = run.end({}, failures=dict.fromkeys("abc", 1))
    assert lines[5:9] == [
        "a, b, c: Install Python failed",
        "  cause: another program installs packages right now; often unattended upgrades",
        "  remedy: wait for it and run again; `fuser -v /var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock` shows who it is",
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


PLAN: dict[str, Any] = {"path": {"absolute": "/opt/tensorflow", "become": True}, "python": {"version": "3.12"}}


def test_the_start_reads_what_each_worker_would_read_for_itself(run: Run) -> None:
    role_code.code.cache_clear()
    role_variables.options.cache_clear()
    run.callback.v2_playbook_on_start(None)
    read, parsed = role_code.code.cache_info().misses, role_variables.options.cache_info().misses
    due.inputs(PLAN, "tensorflow_pip", {})
    role_variables.problems({})
    assert role_code.code.cache_info().misses == read > 0
    assert role_variables.options.cache_info().misses == parsed > 0


def test_the_start_survives_what_it_cannot_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> list[str]:
        raise FileNotFoundError("roles")

    monkeypatch.setattr(due, "roles", unreadable)
    monkeypatch.setattr(role_variables, "options", unreadable)
    run.callback.v2_playbook_on_start(None)


FACTS: dict[str, Any] = {
    "distribution": "Debian",
    "release": "12",
    "architecture": "x86_64",
    "driver": {"installed": "580.95.05", "loaded": None},
    "receipts": [{"role": "cuda", "drift": ["/etc/a was edited"]}, {"role": "python", "drift": []}],
}


def reported(run: Run, directory: Path) -> dict[str, Any]:
    (place,) = directory.iterdir()
    made: dict[str, Any] = json.loads((place / "report.json").read_text())
    assert f"Report: {place}/index.html" in "".join(run.printed)
    return made


def test_a_report_says_what_was_seen_of_each_host_and_how_long_steps_took(run: Run, tmp_path: Path) -> None:
    run.callback._plugin_options = {"reports": str(tmp_path / "reports")}
    run.callback.v2_playbook_on_start(SimpleNamespace(_file_name="/somewhere/site.yml"))
    run.start("a", "b", name="Gathering Facts")
    run.event("ok", "a", {"ansible_facts": {"tensorflow_host": FACTS}}, name="Gathering Facts")
    run.event("ok", "b", name="Gathering Facts")
    run.start("a", uuid="2")
    run.event("failed", "a", {"msg": "no"}, uuid="2", role="tensorwright.fleet.cuda", name="Install {{ cuda }} a thing")
    run.start("b", uuid="2")
    run.event("skipped", "b", uuid="2", role="tensorwright.fleet.cuda")
    run.end({"b": {**TOLD, "plan": {"problems": ["a plan that does not hold is not shown"]}}}, failures={"a": 1})
    made = reported(run, tmp_path / "reports")
    assert made["playbook"] == "site.yml"
    assert [(host["host"], host["state"], host["system"], host["driver"]) for host in made["hosts"]] == [
        ("a", "failed", "Debian 12 x86_64", "580.95.05"),
        ("b", "installed", "", ""),
    ]
    assert made["hosts"][0]["drift"] == ["cuda: /etc/a was edited"]
    assert [
        (step["role"], step["step"], step["hosts"], step["longest"], step["slowest"]) for step in made["steps"]
    ] == [
        ("", "Gathering Facts", 2, 2.0, "b"),
        ("cuda", "Install a thing", 1, 1.0, "a"),
    ]


def test_reports_lie_below_ansible_s_home_where_no_directory_is_named(run: Run, home: Path) -> None:
    run.callback._plugin_options = {"reports": ""}
    run.end({"a": TOLD})
    assert reported(run, home / "tensorwright" / "reports")["hosts"][0]["host"] == "a"


def test_a_relative_directory_is_that_of_the_settings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible.constants.CONFIG_FILE", str(tmp_path / "ansible.cfg"))
    run.callback._plugin_options = {"reports": "mine"}
    run.end({"a": TOLD})
    assert reported(run, tmp_path / "mine")


def test_a_page_below_the_working_directory_is_named_from_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run.callback._plugin_options = {"reports": str(tmp_path / "mine")}
    (report,) = [line for line in run.end({"a": TOLD}) if line.startswith("Report: ")]
    assert report.startswith("Report: mine/2")
    assert (tmp_path / report.removeprefix("Report: ")).is_file()


def test_a_report_that_cannot_be_written_is_a_warning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run.callback._plugin_options = {"reports": str(tmp_path / "file")}
    lines = run.end({"a": TOLD})
    assert lines[0].startswith(f"There is no report of this run: {tmp_path}/file cannot be written (")
    assert lines[-1] == "1 host: 1 installed; 1 changed."


def test_a_report_that_cannot_be_made_does_not_cost_the_table(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.callback._plugin_options = {"reports": "/nowhere"}

    def broken(_run: Any) -> Any:
        raise KeyError("plan")

    monkeypatch.setattr("ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.document.document", broken)
    lines = run.end({"a": TOLD})
    assert lines[0].startswith("There is no report of this run: /nowhere cannot be written (KeyError('plan')).")
    assert lines[-1] == "1 host: 1 installed; 1 changed."


def a_play(*hosts: str) -> Any:
    found = [SimpleNamespace(get_name=lambda host=host: host) for host in hosts]
    inventory = SimpleNamespace(get_hosts=lambda _pattern, ignore_restrictions: found)
    return SimpleNamespace(_uuid="1", hosts="all", get_variable_manager=lambda: SimpleNamespace(_inventory=inventory))


def test_hosts_that_were_stopped_because_of_others(run: Run) -> None:
    run.callback.v2_playbook_on_play_start(a_play("a", "b"))
    run.start("a", "b")
    run.event("failed", "a", {"msg": "no"})
    run.event("ok", "b")
    run.callback.v2_playbook_on_no_hosts_remaining()
    lines = run.end({}, failures={"a": 1})
    assert lines[2].split()[5] == "stopped"
    assert "b: the run stopped before it was done here, for too many hosts had failed" in lines
    assert lines[-1] == "2 hosts: 1 failed, 1 stopped; none changed."


def test_hosts_of_batches_that_were_left_out(run: Run) -> None:
    for _ in ("first batch", "second batch"):
        run.callback.v2_playbook_on_play_start(a_play("a", "b", "c"))
    run.start("a", "b")
    run.event("failed", "b", {"msg": "no"})
    lines = run.end({"a": TOLD}, failures={"b": 1})
    assert [line.split()[5] for line in lines[1:4]] == ["Hello,", "failed", "stopped"]


def test_hosts_of_a_play_that_tells_no_result_are_not_stopped(run: Run) -> None:
    run.callback.v2_playbook_on_play_start(a_play("a", "b"))
    run.start("a", "b")
    run.event("failed", "a", {"msg": "no"})
    assert run.end({}, failures={"a": 1})[-1] == "1 host: 1 failed; none changed."
