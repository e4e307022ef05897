# SPDX-License-Identifier: GPL-3.0-or-later
"""Every road on which what a host says reaches a terminal, a log or a report, walked by a host that answers with attacks."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import problems
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import document as report
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import (
    failures,
    plan_view,
    progress_pipe,
    result_table,
    terminal,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.board import Board

from tests.doubles.hostile_python import ESCAPES, HTML
from tests.unit.plugin_utils.plan.hosts import debian, gpu, planned
from tests.unit.support.terminal import play

ROOT = Path(__file__).resolve().parents[3]
LOGIN = "https://user:pass@sesame@index.test/ and https://to-ken@index.test"
EVIL = f"begin{ESCAPES}{HTML}\x1b[8mhidden {LOGIN}\nh2  virtualenv  gpu\u2028end"
# Where our own code on the control node hands text to a terminal, a log or a file that people read.
ROADS = {
    "callback/board.py": {"_print": 2, "display": 1},  # what others display, above the board; the last count
    "callback/fleet.py": {"display": 3},
    "callback/result.py": {"display": 1, "warning": 1, "write": 2},  # the table, its warning, the log, the report
    "plugin_utils/report/board.py": {"write": 1},  # the board
    "plugin_utils/report/progress_pipe.py": {"write": 1},  # what a host is at, for the board
    "plugin_utils/report/document.py": {"write": 1},
    "plugin_utils/report/terminal.py": {"_display": 1},  # all that Ansible displays
}
MODULE = f"""
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(dict(fails=dict(type="bool")))
text = {EVIL!r}
module.warn("warning " + text)
answer = dict(msg=text, stdout=text, stderr=text, output=text, log=text, progress=text, value=text, notes=[text], changed=True)
answer["items"] = [text, text]
answer["diff"] = dict(before=text, after=text + "x", before_header=text, after_header=text)
(module.fail_json if module.params["fails"] else module.exit_json)(**answer)
"""
PLAYBOOK = """
- name: Let a host speak
  hosts: all
  gather_facts: false
  tasks:
    - name: Hear it
      speaking: {fails: false}
      register: said
      diff: true
    - name: Show it {{ said.value }}
      ansible.builtin.debug:
        msg: "{{ said.value }}"
    - name: Show all of it
      ansible.builtin.debug:
        var: said
    - name: Loop over it
      ansible.builtin.command: echo "{{ item }}"
      loop: "{{ said['items'] }}"
      changed_when: true
    - name: Wait for it
      speaking: {fails: false}
      register: waited
      until: waited.attempts > 1
      retries: 2
      delay: 0
    - name: Tell it
      ansible.builtin.set_stats:
        per_host: true
        data:
          said: "{{ said.value }}"
          tensorflow_results:
            /opt/tensorflow:
              method: "{{ said.value }}"
              device: "{{ said.value }}"
              python: "{{ said.value }}"
              tensorflow: "{{ said.value }}"
              session: "{{ said.value }}"
              activate: "{{ said.value }}"
              notes: ["{{ said.value }}"]
    - name: Fail with it, and go on
      speaking: {fails: true}
      ignore_errors: true
    - name: Fail with it
      speaking: {fails: true}
      when: inventory_hostname == 'failing'
    - name: Refuse it
      ansible.builtin.fail:
        msg: ["{{ said.value }}"]
      when: inventory_hostname == 'refused'
"""


def calls() -> dict[str, dict[str, int]]:
    """How often a file of ours calls what hands text on, by the name of what it calls."""
    found: dict[str, dict[str, int]] = {}
    for file in sorted((ROOT / "plugins").rglob("*.py")):
        kind, *inner = file.relative_to(ROOT / "plugins").parts
        if kind not in ("action", "callback", "filter", "plugin_utils") or inner[0].startswith("bundle"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = _called(node)
            if name in (
                "print",
                "display",
                "_display",
                "_print",
                "warning",
                "deprecated",
                "banner",
                "write",
                "write_text",
            ):
                counts = found.setdefault(file.relative_to(ROOT / "plugins").as_posix(), {})
                counts[name] = counts.get(name, 0) + 1
    return found


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def test_these_are_all_roads() -> None:
    assert calls() == ROADS


def _is_printable(text: str, allowed: str = "\n\t") -> bool:
    return all(letter.isprintable() or letter in allowed for letter in text)


def _result(**values: Any) -> result_table.Result:
    return result_table.Result(**{"host": "h", "state": "installed", "seconds": 1.0, **values})


def _plan() -> dict[str, Any]:
    host = debian(gpus=[gpu(EVIL, "2330")], kernel=EVIL)
    plan: dict[str, Any] = dict(planned({}, host))
    plan["notes"] = [EVIL]
    plan["path"] = {**plan["path"], "absolute": EVIL}
    return plan


def _document(**values: Any) -> report.Document:
    run = report.Run(
        playbook="site.yml",
        check=False,
        started="2026-01-01T00:00:00Z",
        seconds=1.0,
        results=[_result(**values)],
        machines={"h": report.Machine(system=EVIL, driver=EVIL, drift=[EVIL])},
        plans={"h": _plan()},
        times={("role", EVIL): {"h": 1.0}},
    )
    return report.document(run)


CELLS = dict.fromkeys(("method", "device", "python", "tensorflow", "session", "activate", "environment"), EVIL)
FAILED = {
    "failed": True,
    **dict.fromkeys(("msg", "stderr", "stdout", "module_stderr", "exception", "log", "cmd"), EVIL),
}
TEXTS: dict[str, Callable[[], str]] = {
    "table": lambda: result_table.render([_result(**CELLS, notes=[EVIL])], EVIL, EVIL),
    "table of failures": lambda: result_table.render([_result(state="failed", problems=[EVIL])]),
    "failure": lambda: "\n".join(failures.told(FAILED, ours=True)),
    "failure of others": lambda: "\n".join(failures.told(FAILED, ours=False)),
    "failed items": lambda: "\n".join(failures.problems({"results": [FAILED, FAILED]})),
    "unreachable": lambda: "\n".join(failures.unreachable(FAILED)),
    "log": lambda: failures.log_entry("h", "task", FAILED),
    "plan": lambda: plan_view.view([("h", _plan())]),
    "sentence": lambda: problems.sentence("h", {"message": EVIL, "accepted": EVIL}),
    "value": lambda: problems.show(EVIL),
    "report.json": lambda: json.dumps(_document(**CELLS), ensure_ascii=False, indent=1),
    "junit.xml": lambda: report.junit(_document(state="failed", problems=[EVIL])),
    "index.html": lambda: report.page(_document(**CELLS, notes=[EVIL])),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_we_make_is_printable(name: str) -> None:
    text = TEXTS[name]()
    assert "begin" in text
    assert _is_printable(text), repr(text)
    assert "hidden" in text


def test_a_host_makes_no_row_of_its_own() -> None:
    table = TEXTS["table"]()
    assert len([line for line in table.splitlines() if line.startswith("h2")]) == 0
    assert "\n" not in TEXTS["sentence"]()


def test_strings_of_the_report_are_printable_however_json_writes_them() -> None:
    def strings(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for key, one in value.items():
                yield from (str(key), *strings(one))
        elif isinstance(value, (list, tuple)):
            for one in value:
                yield from strings(one)

    found = list(strings(_document(**CELLS, notes=[EVIL], problems=[EVIL])))
    assert sum("begin" in text for text in found) > 8
    assert all(map(_is_printable, found))


def test_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_pipe, "_pipe", None)
    progress_pipe.listen()
    progress_pipe.tell("h", progress_pipe.last([EVIL]))
    board = Board(0.0)
    board.start("h", EVIL, EVIL, 0.0)
    assert all(_is_printable(line, "") for line in board.lines(1.0, 200, 24))
    for host, said in progress_pipe.told():
        assert said.startswith("begin")
        assert _is_printable(said, "")
        board.tell(host, said)
    assert all(_is_printable(line, "") for line in board.lines(1.0, 200, 24))


def test_what_ansible_displays_keeps_its_own_colours_only() -> None:
    class Display:
        def __init__(self) -> None:
            self.said: list[str] = []

        def display(self, msg: str, color: str | None = None) -> None:
            self.said.append(msg)

    display: Any = Display()
    terminal.guard(display, colours=True)
    terminal.guard(display, colours=True)
    display.display(f"\x1b[0;32mok\x1b[0m {EVIL}", color="red")
    assert display.said[0].startswith("\x1b[0;32mok\x1b[0m begin")
    assert _is_printable(display.said[0].replace("\x1b[0;32m", "").replace("\x1b[0m", ""))
    plain: Any = Display()
    terminal.guard(plain, colours=False)
    plain.display("\x1b[0;32mok\x1b[0m")
    assert plain.said == ["ok"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a playbook in which hosts say attacks."""
    place = tmp_path_factory.mktemp("roads")
    (place / "play.yml").write_text(PLAYBOOK)
    (place / "library").mkdir()
    (place / "library" / "speaking.py").write_text(MODULE)
    (place / "hosts").write_text(
        "right\nfailing\nrefused\ngone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n"
    )
    return place


def command(place: Path, *arguments: str) -> list[str]:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, "-i", str(place / "hosts"), "-c", "local", str(place / "play.yml"), *arguments]


def environment(place: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOG_PATH": str(place / "ansible.log"),
        "ANSIBLE_SHOW_CUSTOM_STATS": "true",
        "TENSORWRIGHT_REPORTS": str(place / "reports"),
        "ANSIBLE_RETRY_FILES_ENABLED": "true",
        "ANSIBLE_RETRY_FILES_SAVE_PATH": str(place / "reports"),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    return {**kept, **ours, **more}


class Tags(HTMLParser):
    """Which elements a page has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)


@pytest.mark.parametrize("callback", ["tensorwright.fleet.fleet", "default", "-v"])
def test_a_run_s_output_log_and_files(place: Path, callback: str) -> None:
    for old in ("ansible.log", "home/tensorwright/failures.log"):
        (place / old).unlink(missing_ok=True)
    verbose, chosen = (["-vvv"], "tensorwright.fleet.fleet") if callback == "-v" else ([], callback)
    done = subprocess.run(
        command(place, *verbose),
        env=environment(place, ANSIBLE_STDOUT_CALLBACK=chosen),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    newest = max((place / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime_ns).parent
    written = [newest / name for name in ("report.json", "junit.xml", "index.html")]
    files = [
        *written,
        place / "home" / "tensorwright" / "failures.log",
        place / "ansible.log",
        *newest.parent.glob("*.retry"),
    ]
    texts = {"output": done.stdout.decode(), **{path.name: path.read_bytes().decode() for path in files}}
    assert {"failures.log", "ansible.log", "play.retry"} <= set(texts)
    for name, text in texts.items():
        assert _is_printable(text), f"{name}: {[hex(ord(one)) for one in text if not _is_printable(one)]}"
        assert "begin" in text or name.endswith(".retry")
        assert "sesame" not in text
        assert "to-ken" not in text
    assert "img" not in Tags(texts["index.html"]).found
    ET.fromstring(texts["junit.xml"])


def test_a_terminal_with_the_board(place: Path) -> None:
    session = play(
        command(place), 160, environment(place, ANSIBLE_NOCOLOR="1")
    )  # it refuses what would change the terminal
    assert "begin" in session.glass.text
    assert re.search(r"4 hosts: .*1 refused", session.glass.text)
