# SPDX-License-Identifier: GPL-3.0-or-later
"""The board: which hosts are done, what the others are at, and for how long; and the lines of a terminal that show it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_line

STATES = ("done", "running", "waiting", "refused", "failed", "unreachable")
ROWS = 20  # more than that is nobody's to read


@dataclass
class _Host:
    state: str = "waiting"
    role: str = ""
    step: str = ""
    since: float = 0.0
    at: str = ""  # what it is at within the step, where that is known


@dataclass
class Board:
    """How far a run is. All times are those of one clock, in seconds. It may be looked at by another thread than writes it."""

    begin: float
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def expect(self, hosts: Iterable[str]) -> None:
        """These hosts take part."""
        for host in hosts:
            self._hosts.setdefault(host, _Host())

    def start(self, host: str, role: str, step: str, now: float) -> None:
        """The host begins with a step."""
        self._hosts[host] = _Host("running", role, step, now)

    def tell(self, host: str, at: str) -> None:
        """The host has said what it is at."""
        if at and host in self._hosts:
            self._hosts[host].at = at

    def end(self, host: str, state: str = "waiting") -> None:
        """The host's step is over, and with another state than `waiting`, the host's run as well."""
        self._hosts.setdefault(host, _Host()).state = state

    def finish(self) -> None:
        """The run is over: whoever has not failed is done."""
        for host in self._hosts.values():
            if host.state in ("waiting", "running"):
                host.state = "done"

    def headline(self) -> str:
        """How many hosts there are in which state."""
        states = [host.state for host in list(self._hosts.values())]
        counts = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
        return f"{len(states)} {'host' if len(states) == 1 else 'hosts'}: {counts or 'none yet'}"

    def lines(self, now: float, width: int, height: int) -> list[str]:
        """The board for a terminal of this size: the count, and the running hosts, who has been at a step for longest first."""
        running = sorted(
            ((name, host) for name, host in list(self._hosts.items()) if host.state == "running"),
            key=lambda item: item[1].since,
        )
        room = max(1, min(ROWS, height - 3))
        shown = running if len(running) <= room else running[: room - 1]
        names = min(max((len(name) for name, _ in shown), default=0), width // 3)
        roles = min(max((len(host.role) for _, host in shown), default=0), width // 5)
        lines = [_line([(self.headline(), width - 9)], clock(now - self.begin), width)]
        for name, host in shown:
            cells = [("", 0), (name, names), (host.role, roles), (host.at or host.step, width - names - roles - 15)]
            lines.append(_line(cells, clock(now - host.since), width))
        if len(shown) < len(running):
            lines.append(_fit(f"  … and {len(running) - len(shown)} more", width - 1))
        return lines


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _line(cells: Sequence[tuple[str, int]], time: str, width: int) -> str:
    """The cells, printable, of these widths, and the time at the right. The last column stays free: some terminals wrap there."""
    left = "  ".join(_fit(printable_line(text), room).ljust(room) for text, room in cells)
    return _fit(f"{left.ljust(width - 1 - len(time))}"[: width - 1 - len(time)] + time, width - 1)


class Screen:
    """The last lines of a terminal, which are replaced where they stand.

    The cursor is moved up and what is below it is erased, and nothing else: no mode of the terminal is changed, so there is
    nothing to put back, however the run ends.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: list[str] = []

    def size(self) -> tuple[int, int]:
        """Columns and lines, of a terminal that may just have been resized."""
        try:
            width, height = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return 80, 24
        return width or 80, height or 24

    def show(self, lines: Sequence[str]) -> None:
        """Replace the lines."""
        if list(lines) != self._shown:
            self._write(self._erase() + "".join(f"{line}\n" for line in lines))
            self._shown = list(lines)

    def clear(self) -> None:
        """Take the lines away; what is written next stands in their place."""
        if self._shown:
            self._write(self._erase())
            self._shown = []

    def _erase(self) -> str:
        width = self.size()[0]  # lines that were wider than a narrowed terminal have become several
        rows = sum(max(1, -(-len(line) // width)) for line in self._shown)
        return f"\r\x1b[{rows}A\x1b[J" if rows else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
