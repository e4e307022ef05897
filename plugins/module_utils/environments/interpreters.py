# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of a host on which an environment can be built."""

import glob
import os
import re
import subprocess
import sys
from typing import Dict, Iterable, List, Optional, Tuple

NAME = re.compile(r"python\d+\.\d+$")
SECONDS = 5
# The version, or nothing: wheels for CPython serve neither PyPy, nor free-threaded or debug builds, nor pre-releases.
VERSION = (
    "'%d.%d.%d' % sys.version_info[:3] if sys.version_info[3] == 'final' and sys.maxsize > 2 ** 32 "
    "and not hasattr(sys, 'pypy_version_info') and getattr(sys, 'abiflags', '') in ('', 'm') else ''"
)
PROBE = "import sys; sys.stdout.write({})".format(VERSION)


def directories(home: str, path: str) -> List[str]:
    """Where interpreters may lie, the distribution's own place first."""
    return (
        ["/usr/bin", "/usr/local/bin"]
        + [os.path.normpath(entry) for entry in path.split(os.pathsep) if entry.startswith("/")]
        + sorted(glob.glob(home + "/.pyenv/versions/*/bin"))
        + [home + "/.local/bin"]
        + sorted(glob.glob(home + "/.local/share/uv/python/*/bin"))
        + [os.path.join(sys.base_prefix, "bin")]
    )


def _is_program(path: str) -> bool:
    """A program, and not a script that stands for one, as the shims of pyenv and its kin are."""
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False


def candidates(places: Iterable[str]) -> Dict[str, str]:
    """Real file -> the path to name it by: its own where that was found, else the first link to it."""
    found: Dict[str, str] = {}
    for place in places:
        if os.path.exists(os.path.join(os.path.dirname(place), "pyvenv.cfg")):
            continue  # a virtual environment's; what it stands on is found in its own place
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in filter(NAME.match, names):
            path = os.path.join(place, name)
            real = os.path.realpath(path)
            if path == real or real not in found:
                found[real] = path
    return {real: path for real, path in found.items() if _is_program(real)}


def _order(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _own_version() -> str:
    """What PROBE would say in this process."""
    return str(eval(VERSION, {"sys": sys}))


class Search:
    """Starts every other interpreter at once when made, so that their start-up passes beside other work."""

    def __init__(self, places: Iterable[str], seconds: float = SECONDS, own: str = sys.executable or "") -> None:
        self.seconds = seconds
        found = candidates(places)
        itself = found.pop(os.path.realpath(own), None)
        self.known = {} if itself is None else {itself: _own_version()}
        self.running = {path: self._start(path) for path in found.values()}

    @staticmethod
    def _start(path: str) -> "Optional[subprocess.Popen[bytes]]":
        try:
            return subprocess.Popen(
                [path, "-E", "-s", "-S", "-c", PROBE],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            return None

    def _answer(self, process: "Optional[subprocess.Popen[bytes]]") -> str:
        if process is None:
            return ""
        try:
            output = process.communicate(timeout=self.seconds)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return ""
        return output.decode("ascii", "replace") if process.returncode == 0 else ""

    def pythons(self) -> List[Dict[str, str]]:
        """The interpreters that answered, by version, then path."""
        versions = dict(self.known)
        versions.update((path, self._answer(process)) for path, process in self.running.items())
        right = ({"path": path, "version": version} for path, version in versions.items() if version)
        return sorted(right, key=lambda python: (_order(python["version"]), python["path"]))
