# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that a run leaves: JSON for programs, JUnit for CI, and one HTML page for people, all of the same document."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, matcher
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures, plan_view, result_table
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.result_table import (
    FAILURES,
    SINGLE_ROWS,
    Result,
)

SCHEMA = 1
KEPT = 100  # reports of one directory; older ones are removed
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
TEMPLATE = Path(__file__).with_name("report.html.j2")
COLUMNS = ("method", "device", "python", "tensorflow", "driver", "system")

Document = dict[str, Any]
Times = Mapping[tuple[str, str], Mapping[str, float]]  # role and step -> host -> seconds


@dataclass(frozen=True)
class Machine:
    """What a run has seen of a host, whether it ended well or not."""

    system: str = ""
    driver: str = ""
    drift: Sequence[str] = field(default_factory=tuple)

    @classmethod
    def seen(cls, facts: Mapping[str, Any]) -> Machine:
        """The machine that the host facts describe."""
        driver = facts.get("driver") or {}
        named = (str(facts.get(name) or "") for name in ("distribution", "release", "architecture"))
        return cls(
            system=" ".join(filter(None, named)),
            driver=str(driver.get("loaded") or driver.get("installed") or ""),
            drift=tuple(
                f"{receipt['role']}: {line}"
                for receipt in facts.get("receipts") or ()
                for line in receipt.get("drift") or ()
            ),
        )


@dataclass(frozen=True)
class Run:
    """A run that is over."""

    playbook: str
    check: bool
    started: str  # ISO 8601, UTC
    seconds: float
    results: Sequence[Result]
    machines: Mapping[str, Machine]
    plans: Mapping[str, Mapping[str, Any]]
    times: Times


# --- the document -------------------------------------------------------------------------------------------------------


def document(run: Run) -> Document:
    """All that the three files say, printable and without any login."""
    results = result_table.in_order(run.results)
    hosts = [_host(result, run.machines.get(result.host, Machine())) for result in results]
    made: Document = {
        "schema": SCHEMA,
        "playbook": run.playbook,
        "check": run.check,
        "started": run.started,
        "seconds": round(run.seconds, 1),
        "summary": result_table.summary(results) if results else "",
        "hosts": hosts,
        "failures": _failures(results),
        "plans": _plans(run.plans),
        "steps": _steps(run.times),
    }
    return {key: clean(value) for key, value in made.items()}


def clean(value: Any) -> Any:
    """The same data, all of it printable, without the user and password of any URL in it."""
    if isinstance(value, str):
        return matcher.without_logins(printable(value))
    if isinstance(value, Mapping):
        return {clean(key): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _host(result: Result, machine: Machine) -> Document:
    return {
        "host": result.host,
        "environment": result.environment,  # empty where the host has one only
        "label": result.label,
        "state": result.state,
        "changed": result.changed,
        "method": result.method,
        "device": result.device,
        "python": result.python,
        "tensorflow": result.tensorflow,
        "driver": machine.driver,
        "system": machine.system,
        "session": result.session if result.state not in FAILURES else "",
        "proved": result.proved,  # empty where the session ran in this run
        "outcome": result.outcome,
        "drift": list(machine.drift),
        "activate": result.activate,
        "notes": list(result.notes),
        "problems": list(result.problems),
        "seconds": round(result.seconds, 1),
    }


def _failures(results: Iterable[Result]) -> list[Document]:
    """What went wrong, each thing once with its hosts; what befell most hosts comes first."""
    told: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for problem in result.problems:
            told.setdefault((result.state, failures.without_host(problem, result.host)), []).append(result.host)
    found = [
        {"state": state, **_explained(failures.parts(said)), "hosts": hosts} for (state, said), hosts in told.items()
    ]
    return sorted(found, key=lambda one: -len(one["hosts"]))


def _explained(parts: dict[str, str]) -> dict[str, str]:
    """With cause and remedy also where a module of ours has put both into its sentence."""
    _, _, page = parts.get("see", "").rpartition("#")
    known = {
        row.id: {"cause": matcher.filled(row.cause, {}), "remedy": matcher.filled(row.remedy, {})}
        for row in catalog.ROWS
        if row.id == page
    }
    return {**known.get(page, {}), **parts}


def _plans(plans: Mapping[str, Mapping[str, Any]]) -> list[Document]:
    """Each distinct plan once, with its hosts and how a person reads it."""
    return [
        {"hosts": [host for host, _ in group], "rows": list(plan_view.rows(group[0][1])), "plan": dict(group[0][1])}
        for group in plan_view.groups([(host, due.plain(plan)) for host, plan in plans.items()])
    ]


def _steps(times: Times) -> list[Document]:
    """What took how long, the longest first."""
    steps = []
    for (role, step), by_host in times.items():
        slowest = max(by_host, key=lambda host: by_host[host])
        steps.append(
            {
                "role": role,
                "step": step,
                "hosts": len(by_host),
                "seconds": round(sum(by_host.values()), 2),
                "median": round(median(by_host.values()), 2),
                "longest": round(by_host[slowest], 2),
                "slowest": slowest,
            }
        )
    return sorted(steps, key=lambda one: -one["longest"])


# --- its three forms ----------------------------------------------------------------------------------------------------


def junit(made: Document) -> str:
    """A test case for each host: refused or failed is a failure, no answer an error, and what the run did not come to is skipped."""
    hosts = made["hosts"]
    count = {state: sum(host["state"] == state for host in hosts) for state in FAILURES}
    suite = ET.Element(
        "testsuite",
        name=made["playbook"],
        tests=str(len(hosts)),
        failures=str(count["refused"] + count["failed"]),
        errors=str(count["unreachable"]),
        skipped=str(count["stopped"]),
        timestamp=made["started"].removesuffix("Z"),
        time=str(made["seconds"]),
    )
    for host in hosts:
        case = ET.SubElement(
            suite, "testcase", classname=made["playbook"], name=host["label"], time=str(host["seconds"])
        )
        if host["state"] in FAILURES:
            kind = {"unreachable": "error", "stopped": "skipped"}.get(host["state"], "failure")
            text = "\n".join(host["problems"])
            ET.SubElement(case, kind, type=host["state"], message=text.partition("\n")[0]).text = text
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def page(made: Document) -> str:
    """One HTML page that needs nothing beside itself."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    states: dict[str, int] = {}
    for host in {one["host"]: one for one in sorted(made["hosts"], key=_gravity)}.values():
        states[host["state"]] = states.get(host["state"], 0) + 1
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=made,
        states=states,
        failures=FAILURES,
        hosts=rows(made["hosts"], single=True),
        groups=rows(made["hosts"], single=False) if len(made["hosts"]) > SINGLE_ROWS else [],
        changed=len({host["host"] for host in made["hosts"] if host["changed"]}),
        drifted=len({host["host"] for host in made["hosts"] if host["drift"]}),
    )


def _gravity(host: Mapping[str, Any]) -> int:
    """Orders what needs attention before what is right."""
    order = ("failed", "unreachable", "refused", "stopped")
    return order.index(host["state"]) if host["state"] in order else len(order)


def rows(hosts: Sequence[Document], single: bool) -> list[Document]:
    """The rows of the fleet: each host its own, or those together of which the same is said; bad ones first."""
    found: dict[Any, list[Document]] = {}
    for host in hosts:
        same = (host["state"], *(host[column] for column in COLUMNS))
        found.setdefault(host["label"] if single else same, []).append(host)
    groups = sorted(found.values(), key=lambda group: (_gravity(group[0]), 0 if single else -len(group)))
    return [_row(group) for group in groups]


def _row(group: Sequence[Document]) -> Document:
    drift: dict[str, list[str]] = {}
    for host in group:
        for line in host["drift"]:
            drift.setdefault(line, []).append(host["label"])
    bad = group[0]["state"] in FAILURES
    return {
        **{name: group[0][name] for name in ("state", *COLUMNS)},
        "hosts": [host["label"] for host in group],
        "changed": sum(host["changed"] for host in group),
        "session": "" if bad else min(host["outcome"] for host in group),  # of several dates the oldest
        "drift": drift,
        "seconds": max(host["seconds"] for host in group),
    }


# --- where it lies ------------------------------------------------------------------------------------------------------


def write(made: Document, directory: str) -> str:
    """Write the files into a new directory below this one, for their owner alone; return where the page is.

    They name machines, paths and what failed there, which is nobody else's business unless their owner says so.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    place = _new(Path(directory), made["started"].replace(":", "-"))
    files = {
        "report.json": json.dumps(made, indent=1, ensure_ascii=False) + "\n",
        "junit.xml": junit(made),
        "index.html": page(made),
    }
    for name, content in files.items():
        with open(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    _forget(Path(directory))
    return str(place / "index.html")


def _new(directory: Path, name: str) -> Path:
    """A new directory of that name, or with a number where another run of the same second has it."""
    number = 1
    while True:
        place = directory / (name if number == 1 else f"{name}-{number}")
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return place


def _forget(directory: Path) -> None:
    """Remove the oldest reports, and nothing that is none."""
    ours = [entry for entry in directory.iterdir() if NAME.fullmatch(entry.name) and (entry / "report.json").is_file()]
    for entry in sorted(ours)[:-KEPT]:
        shutil.rmtree(entry, ignore_errors=True)
