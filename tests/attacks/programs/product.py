# SPDX-License-Identifier: GPL-3.0-or-later
"""The product as root uses it on this host: its modules, with the packages of a stand-in index."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

from tests.doubles import tensorflow_wheel
from tests.doubles.package_index import PackageIndex
from tests.doubles.wheels import Wheel

LOOT = "/var/tmp/loot"  # programs of an attacker's write here as whom they run
UV = "/usr/local/lib/attacks/uv"
PYTHON = "/usr/bin/python3"
ENVIRONMENT = "/opt/tensorflow"
VERSION = "2.20.0"
Answer = dict[str, Any]


class CrashError(Exception):
    """A module ended without an answer."""


def module(name: str, /, **parameters: Any) -> Answer:
    """Run a module's main() as Ansible does, and return its answer. Raises CrashError where a module ends with a trace."""
    main = importlib.import_module(f"ansible_collections.tensorwright.fleet.plugins.modules.{name}").main
    out, mask = io.StringIO(), os.umask(0o022)
    try:
        with patch_module_args(parameters), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main()
    except Exception as error:
        raise CrashError(f"the module {name} ended with a trace: {error!r}") from error
    finally:
        os.umask(mask)
    answer: Answer = json.loads(out.getvalue())
    return answer


def done(answer: Answer) -> Answer:
    """Return the answer of a module that must have succeeded."""
    if answer.get("failed"):
        raise SystemExit(f"root's own work failed: {answer}")
    return answer


def uv_wheel(program: str = f'#!/bin/sh\nexec {UV} "$@"\n') -> Wheel:
    """Return a wheel of uv whose program is the real uv, or another text."""
    return Wheel("uv", "0.0.1", {"uv-0.0.1.data/scripts/uv": program})


def pin(wheel: Wheel) -> dict[str, Any]:
    """Return the pin of a tool as the plan has it."""
    return {"name": "uv", "version": wheel.version, "wheel": {"file": wheel.file, "sha256": wheel.sha256}}


@contextlib.contextmanager
def index(*more: Any) -> Iterator[PackageIndex]:
    """Serve the stand-in packages, and more: wheels, or what looks like one."""
    with PackageIndex() as served:
        served.add(uv_wheel(), tensorflow_wheel.numpy(), tensorflow_wheel.pip(), tensorflow_wheel.tensorflow(VERSION))
        served.add(tensorflow_wheel.tensorflow("2.21.0"), *more)
        yield served


def parameters(url: str, path: str = ENVIRONMENT, version: str = VERSION, **changes: Any) -> dict[str, Any]:
    """Return the parameters of the module `environment`."""
    return {
        "path": path,
        "python": PYTHON,
        "requirements": [f"tensorflow-cpu=={version}", "pip"],
        "version": version,
        "installer": pin(uv_wheel()),
        "index_url": url,
        "retries": 0,
        "timeout": 5,
        "lock_timeout": 0,
        "inputs": "inputs",
        **changes,
    }


def users(former: dict[str, Any] | None = None, **asked: Any) -> Answer:
    """Let users reach environments as the role does: the module, then the receipt. `former`: what an earlier one is to have said."""
    if '"former": {' in source("users"):  # the module has been told by the playbook once
        asked["former"] = former or {}
    answer = module("users", **asked)
    if not answer.get("failed"):
        about = (
            {"state": "absent"} if asked.get("state") == "absent" else {"inputs": "x", "footprint": answer["footprint"]}
        )
        done(module("receipt", role="tensorflow_users", **about))
    return answer


def source(name: str) -> str:
    """Return the text of a module: which parameters it has."""
    found = importlib.util.find_spec(f"ansible_collections.tensorwright.fleet.plugins.modules.{name}")
    return Path(str(found and found.origin)).read_text()


def plan(path: str = ENVIRONMENT) -> dict[str, Any]:
    """Return as much of an environment's plan as the module `users` reads."""
    return {
        "path": {"absolute": path},
        "method": "virtualenv",
        "device": "cpu",
        "python": {"version": "3.11", "path": PYTHON},
        "tensorflow": {"version": VERSION},
    }


def provide(path: str = ENVIRONMENT) -> None:
    """Make the environment that the others stand on, where it is missing; what earlier attacks have left goes."""
    clear("/data", "/srv", "/root/precious", "/home/alice", LOOT)
    shutil.copytree("/etc/skel", "/home/alice")
    for home in Path("/home/alice").rglob("*"):
        shutil.chown(home, "alice", "alice")
    shutil.chown("/home/alice", "alice", "alice")
    for name in ("one", "two", "three"):
        write(f"/root/precious/{name}", "root's own\n")
    write("/etc/precious.conf", "root's own\n")
    write(LOOT, "", 0o666)
    if not os.path.exists(path):
        with index() as served:
            done(module("environment", **parameters(served.url, path)))


def clear(*paths: str) -> None:
    """Remove whatever is at these paths; only for what a test has made itself, with no attacker at work."""
    for path in paths:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        elif os.path.isdir(path):
            shutil.rmtree(path)


def write(path: str, text: str, mode: int = 0o644) -> Path:
    """Write a file of a test's own, with the directories above it."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def loot() -> list[str]:
    """Tell which programs of an attacker's have run as root since the last time."""
    ran = [line for line in Path(LOOT).read_text().splitlines() if line.split()[:1] == ["0"]]
    Path(LOOT).write_text("")
    return [f"{len(ran)} times a program of the attacker's ran as root, the first time: {ran[0]}"] if ran else []


def overrule() -> dict[str, Any]:
    """Return the parameters by which root has its way whatever users hold, where the module has them."""
    return {"in_use": "ignore"} if '"in_use":' in source("environment") else {}
