# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment of root's in a directory where everybody may make entries: a user makes the names that root is about to make.

The store, its directories, the link and the temporary link are there before root makes them, as directories of the user's with links in
them to files of root's, as links, or as pipes; in a moment they are gone again, so that root may also come in between.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import sys

from tests.attacks.programs import duel, product
from tests.attacks.programs.foreign_parent import owned, store

PATH = "/data/tensorflow"
NAMES = (".tensorwright", "tensorflow", ".tensorflow.tensorwright-new", "tensorflow-group", ".tensorflow-group.new")
TARGETS = ("/root/precious", "/root/precious/one", "/etc", "/opt/tensorflow", "/home/alice/store", "/data/alice")


def attack(board: duel.Board) -> None:
    """Make one of the names, and take it away again."""
    choice = random.Random(board.tries)
    path = os.path.join("/data", choice.choice(NAMES))
    kind = choice.randrange(4)
    board.count()
    with contextlib.suppress(OSError):
        if kind == 0:
            os.symlink(choice.choice(TARGETS), path)
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            os.mkdir(path, 0o777)
        else:
            os.rename("/data/store", path)
    for _ in range(choice.randrange(200)):
        if os.path.lexists(os.path.join(path, "locks")):
            break
    board.count()
    with contextlib.suppress(OSError):
        if os.path.isdir(os.path.join(path, "tools")) and not os.path.islink(path):
            os.rename(path, "/data/store")
        elif os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    if not os.path.isdir("/data/store/tools"):
        shutil.rmtree("/data/store", ignore_errors=True)
        store("/data/store")


def main() -> None:
    """Let root make the environment, and a group's, and take both away."""
    product.provide()
    os.makedirs("/data")
    os.chmod("/data", 0o1777)
    for place in ("/data/store", "/home/alice/store"):
        duel.as_user("alice", functools.partial(store, place))
    precious = duel.Precious("/root/precious", "/etc", "/opt/tensorflow/bin")
    group = {"name": "vision", "path": PATH + "-group", "environment": product.ENVIRONMENT}

    def work(number: int) -> product.Answer:
        # Nobody answers there, so the build fails once the store is made: what is attacked is over by then.
        asked = product.parameters("http://127.0.0.1:9/simple", PATH, timeout=1)
        kind = number % 4
        if kind == 0:
            return product.module("environment", path=PATH, state="absent", lock_timeout=0)
        if kind == 1:
            former = {"trees": {group["path"]: {"group": "vision", "private": False}}}
            groups = [group] if number % 8 == 1 else []
            return product.users(environments=[product.plan()], groups=groups, former=former, discard=True)
        return product.module("environment", **asked)

    def spoils() -> list[str]:
        return [*precious.changes(), *product.loot(), *owned(("/data", "/home/alice"))]

    duel.duel(work, attack, spoils, rounds=int(sys.argv[1])).tell()


if __name__ == "__main__":
    main()
