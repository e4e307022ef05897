# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems: why a request cannot be met, and what would be accepted, in words that need no second look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_line

PREFIX = "tensorflow_"
_LONGEST = 80


class Problem(TypedDict):
    """about: the request's key. message: the variable, what was given and why not. accepted: what would do."""

    about: str
    message: str
    accepted: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a release cannot be had as asked, as a clause that stands alone ("this host has no NVIDIA GPU").

    It becomes a problem only where no other release will do.
    """

    about: str
    clause: str
    accepted: str
    passing: bool = False  # the host is about to change, and nothing should be decided by what it is now


def problem(about: str, given: object, why: str, accepted: str) -> Problem:
    """A problem with the value of one variable; `why` goes on from 'tensorflow_x is y, '."""
    return {"about": about, "message": f"{PREFIX}{about} is {show(given)}, {why}", "accepted": accepted}


def show(value: object) -> str:
    """A value as its author wrote it, on one line, and never longer than a glance."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return one_line(repr(value))
    if isinstance(value, str):
        return f"'{one_line(value)}'"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else "neither text nor number"


def one_line(text: str) -> str:
    """A text of anybody's as part of a sentence: printable, without line breaks, not too long."""
    line = printable_line(text[: _LONGEST * 4])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def either(choices: Iterable[str]) -> str:
    """'a', 'a or b', 'a, b or c'."""
    names = list(choices)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "nothing"


def both(choices: Iterable[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    names = list(choices)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


def sentence(host: str, trouble: Mapping[str, object]) -> str:
    """One problem of one host as one sentence."""
    return printable_line(f"{host}: {trouble.get('message', '')}; accepted: {trouble.get('accepted', '')}.")
