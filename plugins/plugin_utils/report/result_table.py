# SPDX-License-Identifier: GPL-3.0-or-later
"""The closing result: a table of the hosts, and below it what there is to say about them, each thing once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable, printable_line
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.failures import without_host

HEADER = ("host", "method", "device", "Python", "TensorFlow", "session", "seconds")
FAILURES = ("refused", "failed", "unreachable", "stopped")
WITHOUT_SESSION = ("planned", "removed")
SINGLE_ROWS = 40  # of more hosts, those whose rows are equal share one
NAMED = 3
DATED = "A date (UTC): when this release last printed {}"


@dataclass(frozen=True)
class Result:
    """How one host ended."""

    host: str
    state: str  # installed, planned, validated, rolled back, removed, or one of FAILURES
    seconds: float
    changed: bool = False
    uncertain: bool = False  # its last step ended without an answer
    method: str = ""
    device: str = ""
    python: str = ""
    tensorflow: str = ""
    session: str = ""  # what it printed
    proved: str = ""  # when, in ISO 8601, if not in this run
    activate: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    problems: Sequence[str] = field(default_factory=tuple)
    environment: str = ""  # its path, where the host has several

    @property
    def label(self) -> str:
        """What the row is of."""
        return f"{self.host}:{self.environment}" if self.environment else self.host

    @property
    def cells(self) -> tuple[str, ...]:
        """What the row says beside the host, the session and the seconds."""
        return tuple(cell or "-" for cell in (self.method, self.device, self.python, self.tensorflow))

    @property
    def dated(self) -> bool:
        """Whether the row tells when the session ran, for it did not in this run."""
        return bool(self.proved) and self.state not in (*FAILURES, *WITHOUT_SESSION)

    @property
    def outcome(self) -> str:
        """What the session printed, or when, or why there is none."""
        if self.state in (*FAILURES, *WITHOUT_SESSION):
            return self.state
        return self.proved[:16].replace("T", " ") or self.session or "-"


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Orders web2 before web10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def in_order(results: Iterable[Result]) -> list[Result]:
    """The results by their hosts' names, web2 before web10."""
    return sorted(results, key=lambda result: _natural(result.host))  # a host's environments stay in their order


def _groups(results: Sequence[Result]) -> list[list[Result]]:
    """The hosts by rows: each its own, or those of equal rows together."""
    if len(results) <= SINGLE_ROWS:
        return [[result] for result in results]
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        session = result.session if result.dated else result.outcome
        problems = tuple(without_host(problem, result.host) for problem in result.problems)
        key = (result.cells, result.state, result.dated, session, problems)
        groups.setdefault(key, []).append(result)
    return list(groups.values())


def _row(group: Sequence[Result]) -> tuple[str, ...]:
    first, last = group[0], group[-1]
    host = first.label if first is last else f"{first.label}…{last.label} ({len(group)} hosts)"
    outcome = min(result.outcome for result in group)  # of several dates the oldest
    # In one line each: a host that answers with two would have a row for which nothing stands.
    return (*map(printable_line, (host, *first.cells, outcome)), f"{max(result.seconds for result in group):.1f}")


def _table(results: Sequence[Result]) -> list[str]:
    rows = [HEADER, *map(_row, _groups(results))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        *cells, seconds = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([*cells, seconds.strip().rjust(widths[-1])]))
    return lines


def _who(hosts: Sequence[str]) -> str:
    if len(hosts) <= NAMED:
        return ", ".join(hosts)
    return f"{len(hosts)} hosts ({', '.join(hosts[:NAMED])}, …)"


def _said(statements: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Statement -> the hosts of which it is said. A host's own name at its begin would keep equal ones apart."""
    said: dict[str, list[str]] = {}
    for host, statement in statements:
        hosts = said.setdefault(without_host(statement, host), [])
        if host not in hosts:
            hosts.append(host)
    return said


def _lines(label: str, said: Mapping[str, Sequence[str]], total: int) -> list[str]:
    """Each statement once, with its hosts unless it is said of all."""
    return [
        printable_line(f"{label}: {statement}" if len(hosts) == total else f"{label}, {_who(hosts)}: {statement}")
        for statement, hosts in said.items()
    ]


def _indented(statement: str) -> str:
    """A statement whose further lines cannot be taken for anything else's."""
    first, *rest = printable(statement).splitlines() or [""]
    return "\n".join([first, *(line if line.startswith("  ") else f"  {line}" for line in rest)])


def summary(results: Sequence[Result]) -> str:
    """How many hosts ended how, in one line."""
    states: dict[str, int] = {}
    hosts = {result.host: result for result in results}
    for result in hosts.values():
        states[result.state] = states.get(result.state, 0) + 1
    order = [state for state in states if state not in FAILURES] + [state for state in FAILURES if state in states]
    changed = sum(result.changed for result in hosts.values())
    verb = "would change" if "planned" in states else "changed"
    counts = ", ".join(f"{states[state]} {state}" for state in order)
    uncertain = sum(result.uncertain and not result.changed for result in hosts.values())
    effects = [f"{changed or 'none'} {verb}"] * bool(changed or not uncertain)
    effects += [f"{uncertain} may have changed"] * bool(uncertain)
    return f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}: {counts}; {', '.join(effects)}."


def render(results: Iterable[Result], log: str = "", report: str = "") -> str:
    """The whole text; empty where there is no host to speak of.

    `log` is the file with what failed tasks have printed, `report` the page.
    """
    hosts = in_order(results)
    if not hosts:
        return ""
    right = [result for result in hosts if result.state not in FAILURES]
    greetings = sorted({result.session or "its greeting" for result in right if result.dated})
    problems = _said((result.host, problem) for result in hosts for problem in result.problems)
    notes = _said((result.label, note) for result in right for note in result.notes)
    activations = _said((result.label, result.activate) for result in right if result.activate)
    blocks = [
        _table(hosts),
        [DATED.format(" or ".join(greetings))] if greetings else [],
        [_indented(f"{_who(names)}: {problem}") for problem, names in problems.items()],
        _lines("Note", notes, len(hosts)),
        _lines("Activate", activations, len(hosts)),
        [printable_line(f"All that failed steps have printed: {log}")] if log else [],
        [printable_line(f"Report: {report}")] if report else [],
        [summary(hosts)],
    ]
    return printable("\n\n".join("\n".join(block) for block in blocks if block))
