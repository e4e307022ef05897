# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the locks of apt for which apt does not wait, with a stand-in for apt-get that meets a real lock."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import locks
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set

APT = """#!/usr/bin/python3
import fcntl, sys
with open({lock!r}, "w") as stream:
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print("E: Could not get lock {lock}{held}")
        sys.exit(100)
print("done")
"""


def hold(lock: str, begun: Any, seconds: float) -> None:
    with open(lock, "w") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        begun.set()
        time.sleep(seconds)


@pytest.fixture
def locked(tmp_path: Path) -> Any:
    context = multiprocessing.get_context("fork")
    others = []

    def lock(seconds: float) -> Any:
        begun = context.Event()
        others.append(context.Process(target=hold, args=(str(tmp_path / "lock"), begun, seconds)))
        others[-1].start()
        assert begun.wait(30)
        return others[-1]

    yield lock
    for other in others:
        other.terminate()
        other.join()


def apt(tmp_path: Path, held: str = "") -> str:
    program = tmp_path / "apt-get"
    program.write_text(APT.format(lock=str(tmp_path / "lock"), held=held))
    program.chmod(0o755)
    return str(program)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PAUSE", 0.1)


def test_it_waits_until_the_lock_is_free(tmp_path: Path, locked: Any) -> None:
    locked(1)
    assert locks.patiently([apt(tmp_path)]) == (0, "done\n")


def test_who_holds_it_is_named_when_the_time_is_over(
    tmp_path: Path, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = locked(60)
    status, output = locks.patiently([apt(tmp_path)], seconds=0.3)
    name = Path(f"/proc/{other.pid}/comm").read_text().strip()
    assert (status, locks.holder(str(tmp_path / "lock"))) == (100, other.pid)
    assert output.startswith(f"E: Could not get lock {tmp_path}/lock. It is held by process {other.pid} ({name})\n")
    patiently = locks.patiently
    monkeypatch.setattr(locks, "patiently", lambda command: patiently(command, 0.3))
    with pytest.raises(package_set.PackagesError) as told:
        package_set.run([apt(tmp_path)])
    assert str(told.value) == (
        f"{name} (process {other.pid}) keeps apt's lock {tmp_path}/lock; run again when it has ended"
    )


def test_what_apt_itself_says_of_the_holder_is_enough(tmp_path: Path, locked: Any) -> None:
    locked(60)
    said = ". It is held by process 4 (apt-get)"
    _status, output = locks.patiently([apt(tmp_path, said)], seconds=0.1)
    assert output == f"E: Could not get lock {tmp_path}/lock{said}\n"


def test_another_failure_and_a_lock_for_which_apt_has_waited_are_told_at_once(tmp_path: Path) -> None:
    for said in ("E: no", "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4 (x)"):
        program = tmp_path / "failing"
        program.write_text(f"#!/bin/sh\necho '{said}'\nexit 100\n")
        program.chmod(0o755)
        begun = time.monotonic()
        assert locks.patiently([str(program)]) == (100, said + "\n")
        assert time.monotonic() - begun < 20


def test_nobody_holds_what_is_free_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "free").touch()
    assert locks.holder(str(tmp_path / "free")) is None
    assert locks.holder(str(tmp_path / "none")) is None
    assert os.path.exists(tmp_path / "free")
