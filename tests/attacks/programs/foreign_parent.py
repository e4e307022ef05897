# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments at places whose ancestors somebody else may write: their owner exchanges the store while root works in it.

The store that is put in the place of root's has a uv of the attacker's, and links in the places of the log, the cache, the receipts and
the locks that lead to files of root's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import time
from collections.abc import Callable

from tests.attacks.programs import duel, product

PROGRAM = f'#!/bin/sh\nid -u >>{product.LOOT}\nexec {product.UV} "$@"\n'
NAME = "tensorflow"
# Each with the directory in which the attacker exchanges, and the name there that root's path goes through.
PLACES = {
    "/home/alice/tensorflow": ("/home/alice", ".tensorwright"),
    "/srv/shared/tensorflow": ("/srv/shared", ".tensorwright"),
    "/srv/teams/alice/deep/tensorflow": ("/srv/teams/alice", "deep"),
    "/data/link/tensorflow": ("/data", "link"),
}
LINKS = {
    f"log/{NAME}.log": "/root/precious/one",
    "cache": "/root/precious",
    f"receipts/{NAME}.json": "/root/precious/two",
    f"locks/{NAME}.lock": "/root/precious/three",
}


def prepare() -> None:
    """Make the places, as root and as the attacker."""
    for place in ("/srv/teams/alice", "/srv/shared", "/data"):
        os.makedirs(place, exist_ok=True)
    os.chown("/srv/teams/alice", duel.uid("alice"), -1)
    shutil.chown("/srv/shared", "root", "vision")
    os.chmod("/srv/shared", 0o2775)
    os.chmod("/data", 0o1777)
    duel.as_user("alice", lay_out)


def lay_out() -> None:
    """As the attacker: lay out stores in which everything leads elsewhere, beside where root's will be."""
    store("/home/alice/.evil")
    os.chmod("/home/alice", 0o755)
    store("/srv/shared/.evil")
    store("/srv/teams/alice/.evil/.tensorwright")
    os.makedirs("/data/alice", exist_ok=True)
    store("/data/alice/.tensorwright")
    os.symlink("/data/alice", "/data/link")
    os.makedirs("/srv/teams/alice/deep", exist_ok=True)


def store(path: str) -> None:
    """Make one such store."""
    for name in ("tools", "log", "receipts", "locks", NAME, "runtimes", "builds"):
        os.makedirs(os.path.join(path, name), exist_ok=True)
    for name, target in LINKS.items():
        with contextlib.suppress(FileExistsError):
            os.symlink(target, os.path.join(path, name))
    product.write(os.path.join(path, "tools", "uv-0.0.1"), PROGRAM, 0o755)
    for name in ("python", "python3.11", "tensorflow-env"):
        product.write(os.path.join(path, NAME, "0123456789ab", "bin", name), PROGRAM, 0o755)
    product.write(os.path.join(path, NAME, "0123456789ab", "pyvenv.cfg"), "home = /usr/bin\n")
    with contextlib.suppress(FileExistsError):
        os.symlink(f".tensorwright/{NAME}/0123456789ab", os.path.join(os.path.dirname(path), NAME))


def attack(board: duel.Board) -> None:
    """Exchange the store, or the directory above it, and back again: at once, or when root is about to run its uv."""
    patient = board.number // len(PLACES) % 2 == 0
    for directory, name in PLACES.values():
        evil = "alice" if directory == "/data" else ".evil"
        swap = duel.Exchange(f"{directory}/{name}", f"{directory}/{evil}")
        board.count()
        if not patient:
            swap()
            continue
        store = f"{directory}/{name}" + ("" if name == ".tensorwright" else "/.tensorwright")
        if uid_of(store, "tools/uv-0.0.1") == 0 and swap():
            mine = board.number
            while board.number == mine and board.working:
                board.count()
                time.sleep(0.001)
            swap()


def owned(tops: tuple[str, ...]) -> list[str]:
    """Tell what of root's lies in directories of the attacker's: root has worked there."""
    found = []
    for top in tops:
        for directory, names, files in os.walk(top):
            if uid_of(directory, ".") in (0, -1) and directory != "/srv/shared":  # root's, or gone by now
                continue
            found += [os.path.join(directory, one) for one in names + files if uid_of(directory, one) == 0]
    return [f"root has made {', '.join(found[:3])}"] if found else []


def uid_of(directory: str, name: str) -> int:
    """Return whose a path is; -1 where it is gone."""
    try:
        return os.lstat(os.path.join(directory, name)).st_uid
    except OSError:
        return -1


def works(url: str) -> list[Callable[[str], product.Answer]]:
    """What root does at a place."""
    return [
        lambda path: product.module("environment", **product.parameters(url, path)),
        lambda path: product.module("environment", path=path, state="absent", lock_timeout=0),
        lambda path: product.module("environment", path=path, state="rolled_back", lock_timeout=0),
        lambda path: product.module(
            "users",
            environments=[product.plan()],
            groups=[{"name": "vision", "path": path + "-group", "environment": product.ENVIRONMENT}],
        ),
        # A group's environment at a good place, that stands on one of the attacker's: its command is a program of his.
        lambda path: product.module(
            "users",
            environments=[product.plan(path)],
            groups=[{"name": "vision", "path": "/srv/good/vision", "environment": path}],
            kernels=True,
        ),
        lambda path: product.module(
            "receipt",
            role="python",
            inputs="x",
            file=os.path.join(os.path.dirname(path), f".tensorwright/receipts/{NAME}.json"),
            footprint={"files": ["/etc/hostname"]},
        ),
    ]


def main() -> None:
    """Let root work at all these places."""
    product.provide()
    prepare()
    precious = duel.Precious("/root/precious")
    with product.index() as served:
        todo = itertools.cycle(itertools.product(works(served.url), PLACES))

        def work(_number: int) -> product.Answer:
            do, path = next(todo)
            return do(path)

        spoils = lambda: [*precious.changes(), *product.loot()]  # noqa: E731
        result = duel.duel(work, attack, spoils, rounds=int(sys.argv[1]))
    result.won += owned(("/home/alice", "/srv/shared", "/srv/teams/alice", "/data/alice"))
    result.tell()


if __name__ == "__main__":
    main()
