# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step that takes long tells the board what it is at: a pipe, made by the board before Ansible forks its workers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_line

LONGEST = 120  # characters of a line; with a host's name that is less than what a pipe takes in one piece
_pipe: tuple[int, int] | None = None


def listen() -> None:
    """Make the pipe."""
    global _pipe
    if _pipe is None:
        _pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)


def heard() -> bool:
    """Whether there is a board that listens."""
    return _pipe is not None


def tell(host: str, line: str) -> None:
    """Say what a host is at; where the board has no time, nobody needs to know."""
    if _pipe is not None:
        with suppress(OSError):
            os.write(_pipe[1], json.dumps([host[:255], printable_line(line[: 2 * LONGEST])[:LONGEST]]).encode() + b"\n")


def told() -> Iterator[tuple[str, str]]:
    """What has been said since it was asked last."""
    text = b""
    with suppress(BlockingIOError):
        while _pipe is not None and (part := os.read(_pipe[0], 65536)):
            text += part
    for line in text.splitlines():
        host, said = json.loads(line)
        yield host, said


def last(log: Iterable[str]) -> str:
    """What an installer's log ends with: its last statement, or the command that has said nothing yet.

    The packages that it lists in the end say less than the line before them, which counts them.
    """
    for line in reversed([line.strip() for line in log]):
        if line.startswith("$ "):
            program, *arguments = line[2:].split()
            words = [word for word in arguments if word.isalpha()][:2]
            return " ".join([os.path.basename(program), *words])
        if line and not line.startswith(("+ ", "- ", "~ ")):
            return line
    return ""
