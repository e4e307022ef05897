# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts that a user has forged, where a user may make them; root looks at the host and uninstalls by what it has found.

The user writes them anew all the time, each another one: of every role, with files of root's, memberships of others, packages, units.
Among them are pipes without a writer and links to devices, at which a look would never end.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift

from tests.attacks.programs import duel, product

PLACES = ("/data/tensorflow", "/home/alice/tensorflow", "/srv/shared/tensorflow")
ROLES = (
    *(
        "tensorflow_users",
        "tensorflow_pip",
        "python",
        "docker",
        "tensorflow_docker",
        "ca_certificates",
        "package_cache",
    ),
    *("package_cache_server", "nvidia_driver", "cuda", "tensorflow_source", "conda", "nvidia_docker"),
)
FILES = ("/etc/precious.conf", "/root/precious/one", "/root/.bashrc", "/etc/shadow", "/usr/bin/python3", "/etc/passwd")
SECONDS = 20  # after which a look at the host has been stopped by the attacker


def receipt(role: str, choice: random.Random) -> dict[str, Any]:
    """Return a receipt that would harm, if it were believed."""
    files = choice.sample(FILES, 2)
    return {
        "schema": 1,
        "role": role,
        "inputs": "x",
        "written": "2026-01-01T00:00:00Z",
        "environments": {"/opt/tensorflow": "x"},
        "footprint": {
            "files": dict.fromkeys(files, "0" * 64),
            "links": {"/etc/localtime": "/x"},
            "members": {"sudo": ["bob"], "root": ["bob"]},
            "trees": {"/root/precious": {"group": "vision", "private": False}},
            "packages": {"openssh-server": None, "sudo": None},
            "asked": ["openssh-server"],
            "units": {"ssh.service": {"enabled": True, "active": True}},
            "users": {"bob": 1001},
        },
    }


def spots(place: str) -> list[str]:
    """Where receipts for the environment at a place may lie."""
    store = os.path.join(os.path.dirname(place), ".tensorwright")
    name = os.path.basename(place)
    return [
        f"{store}/receipts/{name}.json",
        f"{store}/builds/{name}.json",
        f"{store}/runtimes/conda.json",
        f"{store}/runtimes/python3.12.json",
    ]


def put(path: str, number: int, choice: random.Random) -> None:
    """As the attacker: put one there, by rename; also one that is a link, a pipe, a device, or no JSON at all."""
    fresh = path + ".fresh"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    kind = number % 16
    if kind == 13:
        os.mkfifo(fresh, 0o666)
    elif kind == 14:
        os.symlink("/dev/zero" if number % 32 == 14 else "/etc/shadow", fresh)
    elif kind == 15:
        Path(fresh).write_text("[" * 100_000)
    else:
        Path(fresh).write_text(json.dumps(receipt(ROLES[number % len(ROLES)], choice)))
    os.rename(fresh, path)


def directories() -> list[str]:
    """Where receipts beside an environment in a directory of all may lie."""
    return [f"/data/.tensorwright/{kind}" for kind in ("receipts", "builds", "runtimes")]


def put_many(count: int) -> None:
    """As the attacker: put many at once, each in a file of its own, none that would hold up the look."""
    choice = random.Random(2)
    for number in range(count):
        place = directories()[number % 3]
        name = "tensorflow" if number < 3 else f"{ROLES[number % len(ROLES)]}-{number}"
        Path(place, f"{name}.json").write_text(json.dumps(receipt(ROLES[number // 3 % len(ROLES)], choice)))


def lay_out() -> None:
    """As the attacker: make the stores before root does."""
    for place in PLACES:
        for path in spots(place):
            os.makedirs(os.path.dirname(path), exist_ok=True)


def uninstall(found: list[dict[str, Any]]) -> product.Answer:
    """Do as playbooks/uninstall.yml and a changed inventory do, with what the look at the host has told."""
    former: dict[str, Any] = next((one["footprint"] for one in found if one["role"] == "tensorflow_users"), {})
    return product.users(state="absent", former=former, discard=True)


def main() -> None:
    """Let root look and uninstall."""
    product.provide()
    for directory, mode in (("/data", 0o1777), ("/srv/shared", 0o2775)):
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, mode)
    shutil.chown("/srv/shared", "root", "vision")
    duel.as_user("alice", lay_out)
    os.system("gpasswd --add bob sudo >/dev/null")
    precious = duel.Precious("/root", "/etc")
    told: list[str] = []
    if sys.argv[1] == "lay-out":
        duel.as_user("alice", functools.partial(put_many, int(sys.argv[2])))
        duel.Result(tries=sum(len(os.listdir(place)) for place in directories())).tell()
        return
    numbers, choice = itertools.count(), random.Random(1)
    paths = itertools.cycle(path for place in PLACES for path in spots(place))

    def attack(board: duel.Board) -> None:
        put(next(paths), next(numbers), choice)
        board.count()

    def work(_number: int) -> product.Answer:
        found = drift.survey(drift.DIRECTORY, list(PLACES))
        told.extend(f"root believed {one['file']}" for one in found if not one["file"].startswith(drift.DIRECTORY))
        return uninstall(found)

    def spoils() -> list[str]:
        lost = ["bob is no longer in sudo"] if "bob" not in duel.members("sudo") else []
        return [*told, *lost, *precious.changes()]

    duel.duel(work, attack, spoils, rounds=int(sys.argv[1]), patience=SECONDS).tell()


if __name__ == "__main__":
    main()
