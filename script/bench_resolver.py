#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long a plan takes, and how long the tables take to load. Exits with 1 if a plan takes more than 2 ms.

Each kind of host is resolved many times, and the median counts, of the processor's time: other work on the machine does not.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables  # noqa: E402 (the path is set above)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve  # noqa: E402 (as above)

from tests.unit.plugin_utils.plan.hosts import A100, GOOD, K80, V100, debian, pythons, ubuntu  # noqa: E402 (as above)

ROUNDS = 30
LIMIT_MS = 2.0
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "newest release, CPU": ({}, debian()),
    "newest release, GPU": ({}, debian(gpus=[A100], driver=GOOD)),
    "an old release": ({"version": "1.15.5"}, debian(pythons=pythons("3.7"))),
    "newest that an old Python runs": ({}, debian(pythons=pythons("2.7"), become=False)),
    "newest that an old GPU runs": ({"device": "gpu"}, ubuntu("22.04", gpus=[K80])),
    "CUDA from apt": ({"device": "gpu", "version": "1.12.0"}, ubuntu("16.04", gpus=[V100, V100])),
    "refused: unknown version": ({"version": "9.9"}, debian()),
    "refused: no Python will do": ({}, ubuntu("26.04")),
    "refused: no driver": ({"device": "gpu"}, debian(gpus=[A100], become=False)),
    "refused: no such machine": ({}, debian(architecture="riscv64")),
    "refused: misspelt names": ({"verison": "2", "metod": "x", "devise": "gpu"}, debian()),
}


def milliseconds(request: dict[str, Any], host: dict[str, Any]) -> float:
    """The time of one plan."""
    times = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        resolve(request, host)
        times.append(1000 * (time.thread_time() - started))
    return median(times)


def loading() -> float:
    """The time to load the tables in a process of their own, less what the imports take."""
    program = (
        "import sys, time; sys.path.insert(0, 'collections')\n"
        "from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables\n"
        "started = time.thread_time(); tables.load(); print(1000 * (time.thread_time() - started))"
    )
    times = [
        float(
            subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        )
        for _ in range(5)
    ]
    return median(times)


def main() -> int:
    """Print the times."""
    tables.load()
    worst = 0.0
    for name, (request, host) in KINDS.items():
        resolve(request, host)
        took = milliseconds(request, host)
        worst = max(worst, took)
        print(f"{name:<32} {took:6.2f} ms")
    print(f"{'the slowest of them':<32} {worst:6.2f} ms, allowed are {LIMIT_MS:.0f}")
    print(f"{'loading the tables, once a run':<32} {loading():6.2f} ms")
    return 1 if worst > LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())
