# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed task has to say to its user: the sentences, without traces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REFUSING = ("assert", "fail", "validate_argument_spec")


def is_refusal(action: str, role: str = "") -> bool:
    """Whether the task that failed is one that refuses, before anything has changed, and not one that tried."""
    return action.rpartition(".")[2] in REFUSING and role.rpartition(".")[2] != "validate"


def lines(value: Any) -> list[str]:
    """The lines of a text or of a list of texts, without blank ones."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [line.strip() for item in items for line in str(item).splitlines() if line.strip()]


# What Ansible says of a module that did not live to answer: up to 2.18, and from 2.19 on.
DIED = ("MODULE FAILURE", "Module result deserialization failed")
ENDED = (
    "the step ended on the host without an answer: it was killed, memory ran out, or the host went down; "
    "run again, and with -vvv see what it printed"
)


def died(result: Mapping[str, Any]) -> bool:
    """Whether the module was ended before it could answer."""
    said = str(result.get("msg"))
    printed = f"{result.get('module_stderr', '')}{result.get('module_stdout', '')}{result.get('exception', '')}"
    return any(words in said for words in DIED) and "Traceback" not in printed


def problems(result: Mapping[str, Any]) -> list[str]:
    """A failed task's own message, or those of its failed items."""
    if died(result):
        return [ENDED]
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping) and item.get("failed")]
    if items:
        return [line for item in items for line in problems(item)]
    return lines(result.get("argument_errors") or result.get("msg") or result.get("censored") or "no reason given")


def unreachable(result: Mapping[str, Any]) -> list[str]:
    """Why there is no way to a host, in words that are the same for every host that has the same reason."""
    return [re.sub(r"connect to host \S+ port", "connect to port", line) for line in problems(result)]


def without_host(statement: str, host: str) -> str:
    """The statement without the host's name at its begin, where that is said already."""
    return statement.removeprefix(f"{host}: ")
