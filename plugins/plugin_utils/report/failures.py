# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed task has to say to its user: the sentences, without traces, and by the table of known troubles why and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable, printable_line
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, matcher

REFUSING = ("assert", "fail", "validate_argument_spec")
REPORTING = ("validate", "diagnosis")  # roles whose assertions tell what they found
OURS = "tensorwright.fleet."
PAGE = "docs/troubleshooting.md"
# Where results keep what programs printed: what they complain about first, then the rest.
COMPLAINTS = ("msg", "reason", "stderr", "module_stderr", "exception")
OUTPUTS = ("output", "stdout", "module_stdout")


def is_refusal(action: str, role: str = "", result: Mapping[str, Any] | None = None) -> bool:
    """Whether the task that failed is one that refuses, before anything has changed, and not one that tried."""
    return bool((result or {}).get("refused")) or (
        action.rpartition(".")[2] in REFUSING and role.rpartition(".")[2] not in REPORTING
    )


def lines(value: Any) -> list[str]:
    """The lines of a text or of a list of texts, without blank ones."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [line.strip() for item in items for line in printable(str(item)).splitlines() if line.strip()]


# What Ansible says of a module that did not live to answer: up to 2.18, and from 2.19 on.
DIED = ("MODULE FAILURE", "Module result deserialization failed")
ENDED_ROW = "ansible-killed"
ENDED = (
    "the step gave no answer: the connection dropped and the host goes on with it, or it was killed there, memory ran out, or the host "
    "went down; run again, which waits for what still goes on, and with -vvv see what it printed"
)
DROPPED = (
    "the connection to the host dropped in the middle of the step; the host goes on with what was begun and may finish it: "
    "run again, which waits for that and goes on from there"
)
# What OpenSSH says when a connection ends that was there; of one that was never made it says other things.
DROPS = re.compile(
    r"[Cc]onnection to \S+ closed|client_loop: send disconnect|[Bb]roken pipe|mux_client|packet_write_wait|"
    r"Timeout, server \S+ not responding"
)
SSH_LOST = 255  # with this status OpenSSH ends where the connection does


def _without_answer(result: Mapping[str, Any]) -> bool:
    """Whether there is nothing that the module itself has said."""
    printed = f"{result.get('module_stderr', '')}{result.get('module_stdout', '')}{result.get('exception', '')}"
    return any(words in str(result.get("msg")) for words in DIED) and "Traceback" not in printed


def dropped(result: Mapping[str, Any]) -> bool:
    """Whether the way to the host was lost while a module ran there, which goes on."""
    lost = result.get("rc") == SSH_LOST or DROPS.search(str(result.get("module_stderr")))
    return _without_answer(result) and bool(lost)


def died(result: Mapping[str, Any]) -> bool:
    """Whether the module was ended before it could answer, or could not be heard."""
    found = _row(result)
    unexplained = found is None or found.row.id == "memory-short"
    return _without_answer(result) and (unexplained or dropped(result))


def failed_items(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The failed items of a task that ran over a list."""
    return [item for item in result.get("results") or [] if isinstance(item, Mapping) and item.get("failed")]


def changed(result: Mapping[str, Any]) -> bool:
    """Whether a failed task has changed something before it failed, by itself or by one of its items."""
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping)]
    return any(one.get("changed") is True for one in (result, *items))


def problems(result: Mapping[str, Any]) -> list[str]:
    """A failed task's own message, or those of its failed items."""
    if died(result):
        return [DROPPED if dropped(result) else ENDED]
    items = failed_items(result)
    if items:
        return [line for item in items for line in problems(item)]
    return lines(result.get("argument_errors") or result.get("msg") or result.get("censored") or "no reason given")


# --- why, and what to do ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diagnosis:
    """What the table says of a failure; `told` where the message of the task says it already."""

    row: catalog.Row
    cause: str
    remedy: str
    told: bool = False

    @property
    def page(self) -> str:
        """Where there is more about it."""
        return f"{PAGE}#{self.row.id}"

    def lines(self) -> list[str]:
        """The cause, the remedy and where there is more."""
        said = [] if self.told else [f"cause: {self.cause}", f"remedy: {self.remedy}"]
        return [*said, f"see: {self.page}"]


def _texts(result: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return "\n".join(text for name in names if isinstance(text := result.get(name), str) and text)


def _row(result: Mapping[str, Any]) -> Diagnosis | None:
    complaint = _texts(result, COMPLAINTS)
    for row in catalog.ROWS:  # a module of ours has looked into the table on the host already
        if matcher.says(complaint, row):
            return Diagnosis(row, row.cause, row.remedy, told=True)
    for text in (complaint, _texts(result, OUTPUTS)):
        for found in matcher.findings(text):
            if found.row.id != ENDED_ROW:  # said better by what follows
                return Diagnosis(found.row, found.cause, found.remedy)
    return None


def diagnose(result: Mapping[str, Any]) -> Diagnosis | None:
    """What the table knows about a failure: of the first failed item about which it knows something, or of the task."""
    found = (_row(item) for item in failed_items(result) or [result])
    return next((one for one in found if one), None)


def last_words(result: Mapping[str, Any]) -> str:
    """The last lines that matter of what a program printed; empty where the message is all there is."""
    if died(result):
        return ""
    printed = _texts(result, ("stderr", "module_stderr")).strip() or _texts(result, OUTPUTS).strip()
    return matcher.last_words(printable(printed))


def told(result: Mapping[str, Any], ours: bool) -> Iterator[str]:
    """What a failure is told as: what happened; why, and what to do; of an unknown one, its last words and that it is unknown.

    With a cause from the table, what a program printed is left to the log: it differs from host to host, and the cause does not.
    """
    found = None if dropped(result) else diagnose(result)
    if found is None:
        yield from problems(result)
        yield from _place(result)
        words = "" if ours else last_words(result)
        if words:
            yield f"last words: {words}"
        if words or not (ours or died(result)):
            yield f"cause: unknown; it is none of {PAGE}"
        return
    if ours or found.told:
        yield from problems(result)
    yield from found.lines()
    yield from _place(result)


def _place(result: Mapping[str, Any]) -> list[str]:
    return [printable_line(f"output: {result['log']} on the host")] if result.get("log") else []


LABELS = ("cause", "remedy", "see", "output", "last words")


def _label(line: str) -> str:
    """Which of the labels a line has; empty for none."""
    label, colon, _ = line.partition(": ")
    return label if colon and label in LABELS else ""


def statement(task: str, said: list[str]) -> str:
    """What a failure is told as in the closing table, under one heading."""
    heading = [line for line in said if not _label(line)]
    details = [line for line in said if _label(line)]
    return "\n".join(
        [f"{task}: {' '.join(heading)}" if heading else f"{task} failed", *(f"  {line}" for line in details)]
    )


def parts(statement: str) -> dict[str, str]:
    """A statement taken apart again: `what` happened, and what follows by its label."""
    what, *details = statement.splitlines()
    lines = [line.strip() for line in details]
    told = {label: line[len(label) + 2 :] for line in lines if (label := _label(line))}
    return {"what": " ".join([what, *(line for line in lines if not _label(line))]), **told}


def log_entry(host: str, task: str, result: Mapping[str, Any]) -> str:
    """All that a failed task has said, for the log."""
    parts = [f"--- {host}: {task}"]
    for item in failed_items(result) or [result]:
        for name in ("msg", "cmd", "rc", *COMPLAINTS[1:], *OUTPUTS):
            if item.get(name) not in (None, ""):
                parts.append(f"{name}: {matcher.without_logins(printable(str(item[name]))).rstrip()}")
    return "\n".join(parts) + "\n\n"


def unreachable(result: Mapping[str, Any]) -> list[str]:
    """Why there is no way to a host, in words that are the same for every host that has the same reason."""
    said = [
        re.sub(r"connect to host \S+ port", "connect to port", line).removeprefix("Task failed: ")
        for line in problems(result)
    ]
    if DROPS.search(str(result.get("msg"))):
        return [*said, DROPPED]
    found = _row(result)
    # Rows of other parts speak of what hosts reach; here it is the host that is not reached.
    of_host = (
        found is not None and found.row.part == catalog.HOST and found.row.id != "ssh-unreachable"
    )  # it is said already
    return [*said, *(found.lines() if found and of_host else [])]


def without_host(statement: str, host: str) -> str:
    """The statement without the host's name at its begin, where that is said already."""
    return statement.removeprefix(f"{host}: ")
