# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a run ends with, and the report that it leaves."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader
from ansible.utils.color import ANSIBLE_COLOR
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_line
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due, role_code
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import document as report
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures, result_table, terminal
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.failures import without_host

DOCUMENTATION = r"""
name: result
type: aggregate
short_description: The table that a run ends with, and the report that it leaves
version_added: 0.1.0
description:
  - Prints one row for each host, what went wrong and what to type next, once the run is over.
  - A host's rows are what the run left in the statistics of that host under C(tensorflow_results), by environment, or how it failed.
  - What a failed task has printed is written into C(tensorwright/failures.log) below Ansible's home; the last run's only.
  - Leaves C(report.json), C(junit.xml) and C(index.html) in a directory of the run's own, named after its begin in UTC; the newest 100
    of these stay. They are their owner's alone, for they name machines, paths and what failed there. No login of a URL is in them, and
    nothing of a task that has C(no_log).
  - Prints and leaves nothing after runs that left neither.
options:
  reports:
    description:
      - The directory of the reports; a relative one is below that of C(ansible.cfg). V(none) leaves no reports.
      - Empty means C(tensorwright/reports) below Ansible's home.
    type: str
    default: ""
    env:
      - name: TENSORWRIGHT_REPORTS
    ini:
      - section: tensorwright
        key: reports
requirements:
  - named in C(callbacks_enabled) of ansible.cfg
"""

STOPPED = "the run stopped before it was done here, for too many hosts had failed"
# What a host's plan, and what is due by it, are made with in each task of each host.
FILTERS = tuple(
    f"tensorwright.fleet.{name}"
    for name in (
        "requests",
        "facts_at",
        "plans",
        "plan",
        "builder",
        "due",
        "inputs",
        "refusal",
        "accounts",
        "package_cache",
        "of",
    )
)
CELLS = ("method", "device", "python", "tensorflow")


class CallbackModule(CallbackBase):
    """Collects how each host fares, and tells it at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "tensorwright.fleet.result"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        terminal.guard(self._display, ANSIBLE_COLOR)  # whichever callback prints the rest
        self._started_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._begin = time.monotonic()
        self._playbook = ""
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._since: dict[tuple[str, str], float] = {}
        self._times: dict[tuple[str, str], dict[str, float]] = {}
        self._machines: dict[str, report.Machine] = {}
        self._failed: dict[str, tuple[str, list[str]]] = {}
        self._changed: set[str] = set()  # by steps that failed, which Ansible's own statistics leave out
        self._unanswered: set[str] = set()  # those of whose last step nobody knows what it did
        self._play = ""  # the last one, with those for whom it is, and those whom it came to
        self._asked: set[str] = set()
        self._reached: set[str] = set()
        self._stopped = False
        self._log: dict[str, str] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Read in the main process, once, what every worker would read for itself: workers are forked from it."""
        self._playbook = os.path.basename(str(getattr(playbook, "_file_name", "")))
        with suppress(Exception):  # a table that cannot be read is the plan's to refuse, with its reason
            from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
            from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import remote_gather
            from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import role_variables

            tables.load()
            role_variables.options()
            remote_gather.program()
            for name in FILTERS:
                filter_loader.get(name)
        with suppress(OSError):
            for role in due.roles():
                role_code.code(role, role_code.COLLECTION)
        gc.freeze()  # a worker that collects garbage would otherwise copy all memory that it shares with this process

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play, or with `serial` the next batch of it."""
        if play._uuid != self._play:
            self._play, self._reached = play._uuid, set()
            inventory = play.get_variable_manager()._inventory
            self._asked = {str(host.get_name()) for host in inventory.get_hosts(play.hosts, ignore_restrictions=True)}

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host's time begins with its first task, and a step's with its own."""
        name, now = str(host.get_name()), time.monotonic()
        self._reached.add(name)
        self._first.setdefault(name, now)
        self._since[name, task._uuid] = now

    def _seen(self, result: Any) -> str:
        name, now, task = str(result._host.get_name()), time.monotonic(), result._task
        self._last[name] = now
        since = self._since.pop((name, task._uuid), None)
        if since is not None:
            by_host = self._times.setdefault((_role(task), _heading(task)), {})
            by_host[name] = by_host.get(name, 0.0) + now - since
        return name

    def v2_runner_on_ok(self, result: Any) -> None:
        """A host's time ends with its last task. What the host is, its facts have told."""
        self._look(self._seen(result), result)

    def _look(self, name: str, result: Any) -> None:
        facts = result._result.get("ansible_facts")
        if isinstance(facts, Mapping) and isinstance(facts.get("tensorflow_host"), Mapping):
            self._machines[name] = report.Machine.seen(facts["tensorflow_host"])

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A host's time ends with its last task; a step that was skipped took none."""
        name = str(result._host.get_name())
        self._last[name] = time.monotonic()
        self._since.pop((name, result._task._uuid), None)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The last failure of a host is the one that ended its run; earlier ones were rescued."""
        name = self._seen(result)
        self._look(name, result)
        if failures.changed(result._result):
            self._changed.add(name)
        if failures.died(result._result):
            self._unanswered.add(name)
        if ignore_errors:
            return
        task, heading = result._task, _heading(result._task)
        said = failures.problems(result._result)
        if failures.is_refusal(task.action, task._role.get_name() if task._role else "", result._result):
            self._failed[name] = ("refused", said)
        elif task.action.rpartition(".")[2] in failures.REFUSING:
            self._failed[name] = ("failed", [f"{heading}: {without_host(line, name)}" for line in said])
        else:
            told = list(failures.told(result._result, task.action.startswith(failures.OURS)))
            self._failed[name] = ("failed", [failures.statement(heading, [without_host(line, name) for line in told])])
            self._log[name] = failures.log_entry(name, heading, result._result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that does not answer; one that has answered before may have got the step."""
        if str(result._host.get_name()) in self._last:
            self._unanswered.add(str(result._host.get_name()))
        self._failed[self._seen(result)] = ("unreachable", failures.unreachable(result._result))

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """More hosts have failed than may fail, and the others are not gone on with."""
        self._stopped = True

    def _seconds(self, host: str) -> float:
        first = self._first.get(host, 0.0)
        return max(0.0, self._last.get(host, first) - first)

    def _ended_well(
        self, host: str, told: Mapping[str, Any], changed: bool, environment: str = ""
    ) -> result_table.Result:
        method, device, python, tensorflow = (_text(told, cell) for cell in CELLS)
        proved = _text(told, "proved")
        return result_table.Result(
            host=host,
            state=_text(told, "state") or "installed",
            seconds=self._seconds(host),
            changed=changed,
            method=method,
            device=device,
            python=python,
            tensorflow=tensorflow,
            session=_text(told, "session"),
            proved="" if proved >= self._started_at else proved,
            activate=_text(told, "activate"),
            notes=failures.lines(told.get("notes") or []),
            environment=environment,
        )

    def _ended_badly(self, host: str, changed: bool) -> result_table.Result:
        state, said = self._failed.get(host, ("failed", ["no reason given"]))
        return result_table.Result(
            host=host,
            state=state,
            seconds=self._seconds(host),
            changed=changed or host in self._changed,
            uncertain=host in self._unanswered,
            problems=said,
        )

    def _write_log(self, lost: set[str]) -> str:
        """Write what the failed tasks have said into a file, the last run's only; return where, or nothing."""
        entries = [entry for host, entry in sorted(self._log.items()) if host in lost]
        if not entries:
            return ""
        path = os.path.join(constants.ANSIBLE_HOME, "tensorwright", "failures.log")
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as log:
                log.write("".join(entries))
        except OSError:
            return ""
        return path

    def _write_report(self, results: list[result_table.Result], plans: Mapping[str, Mapping[str, Any]]) -> str:
        """Write the report; return where its page is, or nothing."""
        wanted = str(self.get_option("reports") or os.path.join(constants.ANSIBLE_HOME, "tensorwright", "reports"))
        if wanted == "none":
            return ""
        below = os.path.dirname(str(constants.CONFIG_FILE or ""))
        directory = os.path.abspath(os.path.join(below, os.path.expanduser(wanted)))
        run = report.Run(
            playbook=self._playbook,
            check=bool(context.CLIARGS.get("check")),
            started=self._started_at,
            seconds=time.monotonic() - self._begin,
            results=results,
            machines=self._machines,
            plans=plans,
            times=self._times,
        )
        try:
            page = report.write(report.document(run), directory)
        except Exception as error:  # whatever it is, the table must not be lost with it
            reason = getattr(error, "strerror", None) or repr(error)
            self._display.warning(f"There is no report of this run: {directory} cannot be written ({reason}).")
            return ""
        near = os.path.relpath(page)
        return page if near.startswith("..") else near

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the table, after the report that it names."""
        told = {
            host: custom["tensorflow_results"]
            for host, custom in stats.custom.items()
            if isinstance(custom, Mapping) and isinstance(custom.get("tensorflow_results"), Mapping)
        }
        lost = {host for host in {**stats.failures, **stats.dark} if stats.failures.get(host) or stats.dark.get(host)}
        results, plans = [], {}
        for host, by_place in told.items():
            for place, said in by_place.items() if host not in lost else ():
                own = str(place) if len(by_place) > 1 else ""
                results.append(self._ended_well(host, said, bool(stats.changed.get(host)), own))
                if isinstance(said.get("plan"), Mapping):
                    plans[results[-1].label] = said["plan"]
        results += [self._ended_badly(host, bool(stats.changed.get(host))) for host in lost]
        stopped = self._asked if self._stopped else self._asked - self._reached if self._reached else set()
        for host in stopped - told.keys() - lost:
            changed = bool(stats.changed.get(host))
            results.append(result_table.Result(host, "stopped", self._seconds(host), changed, problems=[STOPPED]))
        if results:
            text = result_table.render(results, self._write_log(lost), self._write_report(results, plans))
            self._display.display(f"\n{text}\n")


def _text(told: Mapping[str, Any], name: str) -> str:
    """What a host has answered for a cell of its row: one line, for no answer is a row of its own."""
    return printable_line(str(told.get(name) or ""))


def _role(task: Any) -> str:
    return str(task._role.get_name()).rpartition(".")[2] if task._role else ""


def _heading(task: Any) -> str:
    """What a task is called for all hosts alike: what a host fills into its name would keep equal ones apart."""
    return re.sub(r"\s*\{\{.*?\}\}", "", task.name) or str(task.action)
