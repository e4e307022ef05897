# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role is about to do, written down before it does it."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import host_lock
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints, rules

INSTALLED = {"nginx": dpkg.Package("nginx", "1.22", "amd64", False)}
CUT = "a run of role package_cache_server was cut off before its end"
ROLE = "package_cache_server"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(drift, "DIRECTORY", str(tmp_path / "receipts"))
    monkeypatch.setattr(dpkg, "packages", lambda names: {name: INSTALLED[name] for name in names if name in INSTALLED})
    monkeypatch.setitem(rules.SCOPES, ROLE, dict.fromkeys(footprints.KINDS, rules.ANY))
    return tmp_path / "receipts"


def survey(directory: Path) -> list[tuple[str, Any, list[str]]]:
    return [(one["role"], one["environments"], one["drift"]) for one in drift.survey(str(directory), [])]


def test_what_a_run_that_was_cut_off_was_about_to_make_is_found(directory: Path) -> None:
    assert drift.intend(ROLE, {"packages": ["nginx"], "asked": ["nginx"]}, ["/nonexistent/tensorflow"])
    assert survey(directory) == [(ROLE, {}, [CUT])]
    known = drift.of_role(ROLE)
    assert (known["packages"], known["asked"]) == ({"nginx": None}, ["nginx"])


def test_intents_of_one_run_add_up(directory: Path, tmp_path: Path) -> None:
    drift.intend(ROLE, {"files": [str(tmp_path / "a")]})
    drift.intend(ROLE, {"files": [str(tmp_path / "b")], "trees": {str(tmp_path): {"group": "vision"}}})
    known = drift.of_role(ROLE)
    assert sorted(known["files"]) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert known["trees"] == {str(tmp_path): {"group": "vision"}}


def test_the_receipt_takes_over_what_is_there_and_the_intent_is_over(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    drift.intend(
        ROLE,
        {
            "files": [str(tmp_path / "there"), str(tmp_path / "never-written")],
            "packages": ["nginx", "never-installed"],
            "asked": ["nginx"],
            "links": [str(tmp_path / "never-linked")],
            "units": ["never.service"],
        },
    )
    file = str(directory / f"{ROLE}.json")
    assert drift.write(file, ROLE, "x", footprints.record({"links": []}))
    (found,) = drift.survey(str(directory), [])
    footprint = found["footprint"]
    assert (list(footprint["files"]), footprint["packages"], footprint["asked"]) == (
        [str(tmp_path / "there")],
        {"nginx": None},
        ["nginx"],
    )
    assert (footprint["links"], footprint["units"], found["drift"]) == ({}, {}, [])
    assert sorted(os.listdir(directory)) == [f"{ROLE}.json"]


def test_what_the_receipt_names_is_no_news(directory: Path) -> None:
    drift.write(str(directory / f"{ROLE}.json"), ROLE, "x", footprints.record({"packages": ["nginx"]}))
    assert not drift.intend(ROLE, {"packages": ["nginx"], "held": []})
    assert sorted(os.listdir(directory)) == [f"{ROLE}.json"]


def test_only_who_is_not_in_a_group_yet_is_put_into_it(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "members", lambda _group: ["bob"])
    assert not drift.intend(ROLE, {"members": {"docker": ["bob"]}})
    assert drift.intend(ROLE, {"members": {"docker": ["alice", "bob"]}})
    assert drift.of_role(ROLE)["members"] == {"docker": ["alice"]}
    monkeypatch.setattr(drift, "members", lambda _group: ["bob", "alice"])
    drift.write(str(directory / f"{ROLE}.json"), ROLE, "x", footprints.record({}))
    assert drift.of_role(ROLE)["members"] == {"docker": ["alice"]}


def test_a_rehearsal_writes_nothing(directory: Path) -> None:
    assert drift.intend(ROLE, {"packages": ["nginx"]}, check_mode=True)
    assert not directory.exists()


def test_removing_the_receipt_removes_the_intent(directory: Path) -> None:
    drift.intend(ROLE, {"packages": ["nginx"]})
    assert drift.remove(str(directory / f"{ROLE}.json"))
    assert not directory.exists()


def test_the_intent_is_on_the_disk_before_anything_is_done(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    drift.intend(ROLE, {"packages": ["nginx"]})
    assert [os.path.dirname(synced[-2]), synced[-1]] == [str(directory), str(directory)]  # the file, then its name


# -- one lock of the host ---------------------------------------------------------------------------------------------


def rely(file: str, lock: str, number: int) -> None:
    host_lock.FILE = lock
    drift.write(file, "python", "x", {"packages": {}}, environments=[f"environment-{number}"])


def test_of_runs_at_once_none_forgets_what_another_has_written(tmp_path: Path) -> None:
    file = str(tmp_path / "python.json")
    drift.write(file, "python", "x", {"packages": {str(number): None for number in range(5000)}})
    context = multiprocessing.get_context("fork")
    runs = [context.Process(target=rely, args=(file, host_lock.FILE, number)) for number in range(12)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(60)
    receipt = json.loads(Path(file).read_text())
    assert sorted(receipt["environments"]) == sorted(f"environment-{number}" for number in range(12))


def hold(lock: str, begun: Any, done: Any) -> None:
    host_lock.FILE = lock
    with host_lock.held("packages of role docker"):
        begun.set()
        done.wait(60)


def test_who_holds_the_lock_is_named_and_no_other_user_can(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(host_lock.FILE, begun, done))
    other.start()
    assert begun.wait(60)
    assert os.stat(host_lock.FILE).st_mode & 0o777 == 0o600
    said = rf"^process {other.pid} \(packages of role docker\) is still at work, after 0 s"
    with pytest.raises(host_lock.LockedError, match=said), host_lock.held("role cuda", timeout=0.2):
        pass
    done.set()
    other.join(60)
    with host_lock.held("role cuda", timeout=0.2), host_lock.held("receipt of role cuda", timeout=0.2):
        pass
    with host_lock.held("a rehearsal", rehearse=True):
        assert Path(host_lock.FILE).read_text() == ""


# -- in the roles -----------------------------------------------------------------------------------------------------

# Their modules write down themselves what they are about to do, and these roles do nothing beside.
BY_THEIR_MODULES = {"cudnn", "nccl", "tensorflow_source", "tensorflow_users"}


def test_every_role_writes_down_what_it_is_about_to_make() -> None:
    intending = set()
    for file in (Path(drift.__file__).resolve().parents[3] / "roles").glob("*/tasks/*.yml"):
        tasks = yaml.safe_load(file.read_text())
        found = [task["tensorwright.fleet.receipt"] for task in tasks if "tensorwright.fleet.receipt" in task]
        intending |= {one["role"] for one in found if one.get("state") == "intended"}
        states = [one.get("state", "present") for one in found if one.get("state") != "absent"]
        assert "intended" not in states[1:], file
    assert intending == set(rules.SCOPES) - BY_THEIR_MODULES
