# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal without glass: runs a program on a pty, and tells what its user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|\x1b.|[\s\S]")
PATIENCE = 120  # seconds


@dataclass
class Glass:
    """The lines that were written so far, those that have scrolled away as well. Knows the few sequences that the board may use."""

    columns: int
    rows: int
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0

    def feed(self, text: str) -> None:
        """Write to the terminal."""
        for token in TOKEN.finditer(text):
            self._one(token.group(), token.group(1), token.group(2))

    def _one(self, character: str, number: str, command: str | None) -> None:
        if command == "A":
            assert int(number) < self.rows, "the cursor cannot go above the screen"
            self.row -= int(number)
            assert self.row >= 0
        elif command == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        elif command == "m":
            pass
        elif character == "\r":
            self.column = 0
        elif character == "\n":
            self._next()
        elif character == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        else:
            assert character.isprintable(), f"{character!r} changes the terminal"
            if self.column == self.columns:
                self.column = 0
                self._next()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _next(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    @property
    def text(self) -> str:
        """What there is to see."""
        return "\n".join(line.rstrip() for line in self.lines)


@dataclass(frozen=True)
class Session:
    """A program's run on a terminal."""

    status: int
    glass: Glass
    frames: Sequence[str]  # what was to be seen whenever the program had written something
    unchanged: bool  # whether the terminal's settings are those of the beginning


def play(
    command: Sequence[str],
    columns: int,
    environment: Mapping[str, str],
    interrupt: Callable[[str], bool] = lambda _text: False,
    rows: int = 30,
) -> Session:
    """Run a program on a terminal of so many columns, with Ctrl-C typed once what is to be seen is of that kind."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], list(command), dict(environment))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    before = termios.tcgetattr(terminal)
    glass, frames, pending, typed = Glass(columns, rows), [""], b"", False
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                pending += os.read(terminal, 65536)
            except OSError:  # its other end is closed
                break
            written, _, rest = pending.rpartition(b"\n")
            glass.feed((written + b"\n").decode() if written else "")
            pending = rest
            frames.append(glass.text)
        if not typed and interrupt(glass.text):
            os.write(terminal, b"\x03")
            typed = True
    glass.feed(pending.decode())
    unchanged = termios.tcgetattr(terminal) == before
    os.close(terminal)
    return Session(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), glass, frames, unchanged)
