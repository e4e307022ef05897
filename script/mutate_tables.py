#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change every value of the compatibility tables, one at a time, and tell which changes the unit tests would not see.

    mutate_tables.py             all values
    mutate_tables.py --every N   each Nth of them

What is written for readers alone (sources, notes, reasons) is left as it is. Exits with 1 if a change stayed unseen.
"""

from __future__ import annotations

import copy
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables  # noqa: E402 (the path is set above)

from tests.unit.plugin_utils.compatibility import table_checks  # noqa: E402 (as above)

# For readers: no program acts on them, and any wording is right.
PROSE = ("sources", "note", "why", "use")


class Mutant(NamedTuple):
    """One value of one table, and what to put in its place."""

    place: tuple[Any, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))}: {self.before!r} -> {self.after!r}"


def mutants(value: Any, place: tuple[Any, ...] = ()) -> Iterator[Mutant]:
    """Every change of a single value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in PROSE:
                yield from mutants(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from mutants(inner, (*place, number))
    else:
        yield from (Mutant(place, value, other) for other in others(value))


def others(value: Any) -> list[Any]:
    """Wrong values that look right: another number, a word less, a switch thrown."""
    if value is None:
        return ["1.0"]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value * 2 + 1]
    found = [_next(value)]
    words = value.split()
    if len(words) > 1:
        found.append(" ".join(words[:-1]))
    return found


def _next(text: str) -> str:
    """The text with its last number one greater, or with a letter more where it has none."""
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return f"{text}x"
    last = numbers[-1]
    return f"{text[: last.start()]}{int(last.group()) + 1:0{len(last.group())}d}{text[last.end() :]}"


def seen(raw: dict[str, Any], mutant: Mutant) -> bool:
    """Whether some check complains of the tables with this one change."""
    table = mutant.place[0]
    changed = {**raw, table: copy.deepcopy(raw[table])}
    inner: Any = changed
    for name in mutant.place[:-1]:
        inner = inner[name]
    inner[mutant.place[-1]] = mutant.after
    return any(True for _ in table_checks.wrong(changed))


def main(arguments: list[str]) -> int:
    """Try the changes and tell the share that was seen."""
    every = 1
    if arguments:
        if len(arguments) != 2 or arguments[0] != "--every" or not arguments[1].isdecimal() or arguments[1] == "0":
            print(__doc__, file=sys.stderr)
            return 2
        every = int(arguments[1])
    raw = tables.read()
    tried: Counter[str] = Counter()
    unseen: list[Mutant] = []
    started = time.monotonic()
    for mutant in islice(mutants(raw), 0, None, every):
        tried[mutant.place[0]] += 1
        if not seen(raw, mutant):
            unseen.append(mutant)
            print(f"unseen: {mutant}")
    missed = Counter(mutant.place[0] for mutant in unseen)
    for table, number in tried.items():
        print(f"{table:<12} {number - missed[table]:>5} of {number:>5} seen")
    total = tried.total()
    share = 100 * (total - len(unseen)) / total
    print(f"{total - len(unseen)} of {total} changes seen ({share:.1f} %) in {time.monotonic() - started:.0f} s")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
