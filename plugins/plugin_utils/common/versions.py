# SPDX-License-Identifier: GPL-3.0-or-later
"""Version numbers: ordering, ranges, and the nearest of several."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

_PATTERN = re.compile(r"v?(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?(?:\.post(\d+))?(?:\.dev(\d+))?", re.ASCII)
_RANGE = re.compile(r"(>=|<=|==|<|>)\s*(\S+)")
_STAGES = {"a": 0, "b": 1, "rc": 2}
_FINAL = 3
_NO_DEV = 1 << 62


class Key(NamedTuple):
    """What versions are ordered by: 2.15 = 2.15.0 < 2.15.0.post1 < 2.16.0rc0 < 2.16.0."""

    release: tuple[int, ...]
    stage: int
    stage_number: int
    post: int
    dev: int


@lru_cache(maxsize=4096)
def key(version: str) -> Key | None:
    """The ordering key of a version, or None for a text that is no version."""
    match = _PATTERN.fullmatch(version)
    if not match or len(version) > 64:
        return None
    release, stage, stage_number, post, dev = match.groups()
    numbers = [int(number) for number in release.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    # 2.16.dev1 comes before 2.16rc0, 2.16rc0.dev1 before 2.16rc0.
    rank = _STAGES[stage] if stage else (_FINAL if dev is None or post else -1)
    return Key(tuple(numbers), rank, int(stage_number or 0), int(post or -1), _NO_DEV if dev is None else int(dev))


def order(version: str) -> Key:
    """A key for sorting that also takes what is no version, and puts it first."""
    return key(version) or Key((-1,), 0, 0, 0, 0)


def at_least(version: str | None, floor: str | None) -> bool:
    """Whether a version reaches a floor. What is not known holds nobody up."""
    if version is None or floor is None:
        return True
    ours, theirs = key(version), key(floor)
    return ours is None or theirs is None or ours >= theirs


def series(version: str) -> str:
    """Major and minor: 2.15 of 2.15.0.post1, 535.104 of 535.104.05."""
    return ".".join(version.split(".")[:2])


def major(version: str) -> int:
    """The first number, -1 where there is none."""
    found = key(version)
    return found.release[0] if found else -1


@lru_cache(maxsize=1024)
def _bounds(text: str) -> tuple[tuple[str, Key], ...]:
    bounds = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        bound = key(match.group(2)) if match else None
        if match is None or bound is None:
            raise ValueError(f"{text!r} is not a range of versions such as '>=2.7,<2.12'")
        bounds.append((match.group(1), bound))
    return tuple(bounds)


def within(version: str, text: str) -> bool:
    """Whether a version lies in a range such as '>=2.7,<2.12'; an empty range holds every version."""
    if not text.strip():
        return True
    ours = key(version)
    if ours is None:
        return False
    compare = {
        ">=": ours.__ge__,
        "<=": ours.__le__,
        "==": ours.__eq__,
        "<": ours.__lt__,
        ">": ours.__gt__,
    }
    return all(compare[operator](bound) for operator, bound in _bounds(text))


def ascending(versions: Iterable[str]) -> list[str]:
    """Versions without repeats, oldest first."""
    return sorted(set(versions), key=order)


def nearest(wanted: str, versions: Iterable[str]) -> str | None:
    """The neighbour of the wanted version among those that exist; of two equally close ones the newer."""
    known = ascending(versions)
    place = bisect_left([order(version) for version in known], order(wanted))
    neighbours = known[max(place - 1, 0) : place + 1]

    def gap(version: str) -> list[int]:
        pairs = zip_longest(order(wanted).release, order(version).release, fillvalue=0)
        return [abs(ours - theirs) for ours, theirs in pairs]

    return min(reversed(neighbours), key=gap, default=None)
