# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts: a run works on an ext4 of its own, and what its disk has at some instant is copied and mounted as after a reboot.

A copy of the backing file is what a disk without power has: what the kernel had not written yet is not in it.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import cache_marks

from tests.support import interruptions
from tests.unit.support import environment_site

SIZE = 96  # MB, most of it never written
# In the kernel's memory for as long as can be: the disk gets what is synced, and names earlier than content.
OPTIONS = "loop,commit=60,dioread_nolock"


def unsupported() -> str:
    """Return why this machine cannot mount a file system of its own, or nothing."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    made = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return "" if made.returncode == 0 else f"there is no loop device: {made.stderr.strip()}"


@dataclass
class Disk:
    """An ext4 in a file, and the place where it is mounted."""

    image: Path
    place: Path

    def copy(self, target: Path) -> None:
        """Write down what the disk has now."""
        subprocess.run(["cp", "--sparse=always", self.image, target], check=True)


@contextlib.contextmanager
def disk(directory: Path) -> Iterator[Disk]:
    """Mount an empty ext4 below a directory until the end of the block."""
    made = Disk(directory / "disk", directory / "mounted")
    made.place.mkdir()
    with made.image.open("wb") as image:
        image.truncate(SIZE << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,nodiscard", made.image], check=True)
    subprocess.run(["mount", "-o", OPTIONS, made.image, made.place], check=True)
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", made.place], check=True)


@dataclass(frozen=True)
class Found:
    """What users find after a power cut, and after the run that follows it."""

    version: str | None
    damaged: list[str]
    healed_version: str | None
    healed_damage: list[str]
    answer: environment_site.Answer
    again: environment_site.Answer
    litter: list[str]


def after(disk: Disk, copy: Path, path: Path, parameters: dict[str, Any]) -> Found:
    """Mount a copy in the disk's place, for a process of its own; look at the environment, and run the module again."""
    asked = json.dumps({"path": str(path), "parameters": parameters})
    program = 'mount --make-rprivate / && mount -o loop "$1" "$2" && exec "$3" -m tests.support.power_cuts'
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", program, "sh", copy, disk.place, sys.executable],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        cwd=environment_site.ROOT,
        env={**os.environ, "PYTHONPATH": f"{environment_site.ROOT}:{environment_site.ROOT}/collections"},
    )
    assert ran.returncode == 0, ran.stderr
    return Found(**json.loads(ran.stdout))


def imported(path: Path) -> str | None:
    """Return the version of TensorFlow that users of the environment import; None where there is no environment."""
    if not os.path.lexists(path):
        return None
    program = "import tensorflow, tensorflow.lazy; print(tensorflow.__version__)"
    ran = subprocess.run([path / "bin" / "python", "-c", program], capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ran.stderr.strip().splitlines()[-1]


def damage(path: Path) -> list[str]:
    """Return the files of the environment in use that are not what their wheels brought."""
    found = []
    for record in path.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        lines = record.read_text().splitlines()
        found += [] if lines else [str(record)]
        for name, digest, _size in csv.reader(lines):
            file = record.parent.parent / name
            if not file.exists() or (digest and digest != "sha256=" + _digest(file.read_bytes())):
                found.append(name)
    return sorted(found)


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def litter(path: Path) -> list[str]:
    """Return what no run leaves for good: unfinished files and directories, in the store and beside it."""
    signs = (".new", ".part", "unfinished-", "tensorwright-new", ".tensorwright-", ".building")
    top = path.parent
    names = [str(one.relative_to(top)) for one in top.rglob("*")]
    mine = {".tensorwright", ".tensorwright.json", ".tensorwright.hold", ".tensorwright.files"}
    return sorted(
        name
        for name in names
        if os.path.basename(name) not in mine and any(sign in os.path.basename(name) for sign in signs)
    )


def main() -> None:
    """Look at an environment after a cut, let the next run heal it, and print what was found."""
    asked = json.load(sys.stdin)
    path = Path(asked["path"])
    cache_marks.BOOT = "/proc/sys/kernel/ostype"  # another text than the number of this boot, as after a cut
    version, damaged = imported(path), damage(path) if os.path.lexists(path) else []
    answer = environment_site.run_module("environment", **asked["parameters"])
    healed = imported(path), damage(path)
    again = environment_site.run_module("environment", **asked["parameters"])
    told = Found(version, damaged, *healed, answer, again, litter(path))
    json.dump(told.__dict__, sys.stdout)


def copies(disk: Disk, directory: Path, chosen: str = "", most: int = 0) -> interruptions.Action:
    """Return an action that copies the disk before each change whose description has `chosen` in it."""
    seen: list[int] = []

    def copy(count: int, what: str) -> None:
        if chosen in what and (not most or len(seen) < most):
            seen.append(count)
            name = what.replace("/", "|")[:150]
            disk.copy(directory / f"{count:04} {name}")

    return copy


AS_PROCESS = """
import json, sys
from pathlib import Path
from tests.support import interruptions, power_cuts
from tests.unit.support.environment_site import run_module
asked = json.load(sys.stdin)
disk = power_cuts.Disk(Path(asked["image"]), Path(asked["place"]))
interruptions.watch(disk.place, power_cuts.copies(disk, Path(asked["copies"]), asked["chosen"], asked["most"]))
json.dump(run_module("environment", **asked["parameters"]), sys.stdout)
"""


def run(
    disk: Disk, copies: Path, parameters: dict[str, Any], chosen: str = "", most: int = 0
) -> environment_site.Answer:
    """Run the module in a process that copies the disk before its changes, and once more at its end."""
    copies.mkdir(exist_ok=True)
    asked = {"image": str(disk.image), "place": str(disk.place), "copies": str(copies), "chosen": chosen, "most": most}
    ran = subprocess.run(
        [sys.executable, "-c", AS_PROCESS],
        input=json.dumps({**asked, "parameters": parameters}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{environment_site.ROOT}:{environment_site.ROOT}/collections"},
    )
    disk.copy(copies / f"{9999} end")
    assert ran.returncode == 0, ran.stderr
    answer: environment_site.Answer = json.loads(ran.stdout)
    return answer


def different(copies: Path) -> Iterator[Path]:
    """Yield the copies in the order of their instants, but for those that are as the one before: nothing had reached the disk since."""
    before: Path | None = None
    for copy in sorted(copies.iterdir()):
        is_known = before and subprocess.run(["cmp", "--silent", before, copy], check=False).returncode == 0
        if not is_known:
            yield copy
        if before:
            before.unlink()
        before = copy


def settle(disk: Disk) -> None:
    """Write all that the kernel still has, as half a minute does."""
    subprocess.run(["sync", "--file-system", disk.place], check=True)
    time.sleep(0.1)


if __name__ == "__main__":
    main()
