# SPDX-License-Identifier: GPL-3.0-or-later
"""A host to attack: a systemd container of Debian's with the product on it, users, and the programs of the attacks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import uv

from tests.hosts import Host, down, inside, up
from tests.hosts.containers import address_of

GROUP = "attacks"
CHECKOUT = Path(__file__).resolve().parents[2]
# Another checkout may be attacked in place of this one: that an attack wins where it is known to shows that it is worth something.
PRODUCT = Path(os.environ.get("TENSORWRIGHT_ATTACKED", CHECKOUT))
PLACE = "/usr/local/lib/attacks"
USERS = """set -e
groupadd vision
for user in alice bob carol; do id $user >/dev/null 2>&1 || useradd --create-home --shell /bin/sh $user; done
gpasswd --add alice vision
"""


def _leave_out(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what no program needs, and give all of it to root."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return None if member.name.endswith((".pyc", "__pycache__")) else member


def _archive(target: Path) -> None:
    """Pack the product, ansible-core's Python packages, the tests' doubles and uv."""
    ansible = importlib.util.find_spec("ansible")
    assert ansible
    assert ansible.submodule_search_locations
    with tarfile.open(target, "w") as archive:
        archive.add(ansible.submodule_search_locations[0], "ansible", filter=_leave_out)
        archive.add(PRODUCT / "plugins", "ansible_collections/tensorwright/fleet/plugins", filter=_leave_out)
        archive.add(
            PRODUCT / "compatibility", "ansible_collections/tensorwright/fleet/compatibility", filter=_leave_out
        )
        archive.add(PRODUCT / "roles", "ansible_collections/tensorwright/fleet/roles", filter=_leave_out)
        for name in (
            "__init__.py",
            "attacks/__init__.py",
            "attacks/programs",
            "faults/programs",
            "doubles/__init__.py",
        ):
            archive.add(CHECKOUT / "tests" / name, f"tests/{name}", filter=_leave_out)
        for name in ("package_index.py", "tensorflow_wheel.py", "wheels.py"):
            archive.add(CHECKOUT / "tests" / "doubles" / name, f"tests/doubles/{name}", filter=_leave_out)
        archive.add(uv.find_uv_bin(), "uv", filter=_leave_out)


def start(group: str = GROUP, tmpfs: str = "/small:size=8m") -> Host:
    """Start the host; `tmpfs` is a place on it that is soon full."""
    down(group)
    (host,) = up(group, [{"name": "attacked", "distribution": "debian12", "tmpfs": [tmpfs]}])
    inside(host, USERS)
    refresh(host)
    return host


def refresh(host: Host) -> None:
    """Bring the product and the attacks' programs onto the host, as they are now."""
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory) / "attacks.tar"
        _archive(archive)
        unpack = ["podman", "exec", "--interactive", host.container, "sh", "-c"]
        script = f"rm -rf {PLACE}; mkdir -p {PLACE}; tar -C {PLACE} -xf -"
        with archive.open("rb") as stream:
            subprocess.run([*unpack, script], stdin=stream, check=True)


def address(host: Host) -> str:
    """Return where the host is reached."""
    return host.address or address_of(host.container)


def attack(host: Host, name: str, *arguments: object, seconds: int = 600) -> dict[str, Any]:
    """Run an attack's program as the host's root, which starts the attacker itself; return what it told at its end."""
    return program(host, f"attacks.programs.{name}", *arguments, seconds=seconds)


def program(host: Host, name: str, *arguments: object, seconds: int = 600) -> dict[str, Any]:
    """Run a program of the tests' as the host's root; return what it told at its end."""
    command = ["podman", "exec", "--env", f"PYTHONPATH={PLACE}", "--env", "PYTHONDONTWRITEBYTECODE=1", "--workdir", "/"]
    command += [host.container, "python3", "-m", f"tests.{name}", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told
