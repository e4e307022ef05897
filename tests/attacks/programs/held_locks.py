# SPDX-License-Identifier: GPL-3.0-or-later
"""Users who hold every lock that they can open, and name every path that they know, while root builds, clears and uninstalls."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys

from tests.attacks.programs import duel, product

PATH = "/srv/site/tensorflow"
STORE = "/srv/site/.tensorwright"


def attack(board: duel.Board) -> None:
    """Open all that can be opened below the store, and lock it, shared or alone; a new one of us holds what was found for a while."""
    held = []
    for directory, names, files in os.walk(STORE):
        for name in [*files, *names]:
            path = os.path.join(directory, name)
            if not any(word in name for word in ("lock", "hold", "store", "runtimes")) and board.tries % 7:
                continue
            board.count()
            for flags in (os.O_RDWR, os.O_RDONLY):
                with contextlib.suppress(OSError):
                    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
                    held.append(descriptor)
                    with contextlib.suppress(OSError):
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
    mine = board.number
    names = [os.path.join(STORE, "tensorflow", one) for one in listed(os.path.join(STORE, "tensorflow"))]
    # A process that only names the releases: in its command line, in its environment, and as where it stands.
    sleeper = subprocess.Popen(["sleep", "1000", *names[:0]], env={"LOOK": ":".join([PATH, *names])}, cwd="/")
    try:
        for _ in range(100):
            if board.number != mine:
                break
            board.count()
            duel.nap(0.01)
    finally:
        sleeper.kill()
        sleeper.wait()
        for descriptor in held:
            os.close(descriptor)


def listed(directory: str) -> list[str]:
    """Return the names in a directory that may not be there."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def main() -> None:
    """Let root install, upgrade and uninstall, as often as was said."""
    product.provide()
    os.makedirs("/srv/site")
    os.environ["UV_LOCK_TIMEOUT"] = "5"  # or a build that is held up would take five minutes to fail
    with product.index() as served:

        def install(version: str) -> product.Answer:
            return product.module("environment", **product.parameters(served.url, PATH, version, keep=1))

        works = [
            lambda: install(product.VERSION),
            lambda: install("2.21.0"),
            lambda: product.module("environment", path=PATH, state="absent", **product.overrule()),
        ]

        def work(number: int) -> product.Answer:
            answer = works[(number - 1) % len(works)]()
            if answer.get("failed"):
                stopped.append(str(answer["msg"]))
            return answer

        stopped: list[str] = []
        duel.duel(work, attack, lambda: stopped, rounds=int(sys.argv[1])).tell()


if __name__ == "__main__":
    main()
