"""Contestants that take turns, so that a slow minute of the machine falls on all of them."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.runs import ROOT, environment

ROUNDS = 5


@dataclass
class Contestant:
    """Something to be timed: `prepare` is not counted."""

    name: str
    work: Callable[[], object]
    prepare: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)

    def median(self) -> float:
        """Return the median of the rounds so far."""
        return statistics.median(self.seconds)

    def cells(self) -> str:
        """Return the time cells of this contestant's row."""
        return f"{self.median():.1f} | {min(self.seconds):.1f}–{max(self.seconds):.1f}"


def race(*contestants: Contestant) -> None:
    """Time every contestant once in each round."""
    for turn in range(ROUNDS):
        for contestant in contestants:
            contestant.prepare()
            os.sync()  # what the one before has left to write is not this one's to wait for
            started = time.monotonic()
            contestant.work()
            contestant.seconds.append(time.monotonic() - started)
            print(f"  round {turn + 1}: {contestant.name}: {contestant.seconds[-1]:.1f} s", flush=True)


def quietly(arguments: list[str], **variables: str) -> str:
    """Run a program that must succeed, and return what it printed."""
    finished = subprocess.run(
        arguments,
        env={**environment(), **variables},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise SystemExit(f"{arguments} failed:\n{finished.stdout}")
    return finished.stdout
