# SPDX-License-Identifier: GPL-3.0-or-later
"""A group's environment that root looks at, puts right and removes, while a member exchanges what is in it.

Directories become links to /etc and back, files become pipes without a writer, links to devices and hard links, and modes change.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
from typing import Any

from tests.attacks.programs import duel, product

TREE = "/srv/vision"
PLACES = ("include", "bin", "lib", "lib/python3.11", "lib/python3.11/site-packages")
PTH = "lib/python3.11/site-packages/tensorwright.pth"
GROUP = {"name": "vision", "path": TREE, "environment": product.ENVIRONMENT}
SECONDS = 30  # after which the member has stopped root


def attack(board: duel.Board) -> None:
    """Exchange a directory for a link to /etc and back, with a change of something else in between."""
    choice = random.Random(board.tries)
    inner = os.path.join(TREE, PLACES[choice.randrange(len(PLACES))])
    above = os.path.dirname(inner)
    link = os.path.join(above, "swap")
    with contextlib.suppress(OSError):
        os.symlink(choice.choice(["/etc", "/root/precious", "/opt/tensorflow"]), link)
    swap = duel.Exchange(inner, link)
    board.count()
    if not swap():
        return
    board.count()
    with contextlib.suppress(OSError):
        strange(board.tries, choice)
    swap()
    with contextlib.suppress(OSError):
        os.unlink(link)
    with contextlib.suppress(OSError):  # or root would have nothing to do there
        shutil.copyfile("/home/alice/tensorwright.pth", os.path.join(TREE, "fresh"))
        os.chmod(os.path.join(TREE, "fresh"), 0o664)
        os.rename(os.path.join(TREE, "fresh"), os.path.join(TREE, PTH))


def strange(number: int, choice: random.Random) -> None:
    """Put something that root should not touch, or not wait for, where root looks."""
    fresh = os.path.join(TREE, "fresh")
    with contextlib.suppress(OSError):
        os.unlink(fresh)
    kind = number % 8
    if kind == 0:
        os.mkfifo(fresh)
    elif kind == 1:
        os.symlink("/dev/zero", fresh)
    elif kind == 2:
        os.link("/etc/precious.conf", fresh)
    elif kind == 3:
        shutil.copyfile("/bin/true", fresh)
        os.chmod(fresh, 0o6777)
    else:
        shutil.copyfile("/home/alice/tensorwright.pth", fresh)
        os.chmod(fresh, choice.choice([0o600, 0o666, 0o664]))
    names = (PTH, "pyvenv.cfg", "bin/pip", "include/new", "lib/python3.11/site-packages/new.py", "bin/new")
    os.rename(fresh, os.path.join(TREE, names[number // 8 % len(names)]))


def main() -> None:
    """Let root provide the tree, put it right, and remove it, again and again."""
    product.provide()
    os.makedirs("/srv", exist_ok=True)
    precious = duel.Precious("/etc", "/root/precious")

    def users(state: str) -> product.Answer:
        groups = [GROUP] if state == "present" else []
        former = {"trees": {TREE: {"group": "vision", "private": False}}}
        asked: dict[str, Any] = {"environments": [product.plan()], "groups": groups, "former": former, "discard": True}
        return product.users(**asked)

    def work(number: int) -> product.Answer:
        return users("absent" if number % 10 == 0 else "present")

    product.done(users("present"))
    shutil.copyfile(os.path.join(TREE, PTH), "/home/alice/tensorwright.pth")
    os.chmod("/home/alice/tensorwright.pth", 0o644)
    duel.duel(work, attack, precious.changes, rounds=int(sys.argv[1]), patience=SECONDS).tell()


if __name__ == "__main__":
    main()
