# SPDX-License-Identifier: GPL-3.0-or-later
"""What users reach environments by, on files in a place of the test's own."""

from __future__ import annotations

import contextlib
import grp
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints, rules
from ansible_collections.tensorwright.fleet.plugins.module_utils.users import access_files
from ansible_collections.tensorwright.fleet.plugins.modules import users

from tests.unit.support.environment_site import Site, snapshot

GROUP = grp.getgrgid(os.getgid()).gr_name
PAM = """#!/bin/sh
# A stand-in for pam-auth-update: takes all profiles up, or none.
for file in {0}/pam.d/common-session {0}/pam.d/common-session-noninteractive; do
    case "$*" in *--remove*) : >$file ;; *) cat {0}/pam-configs/* >$file ;; esac
done
"""


class Users:
    """Runs of the module, each with the receipt that the one before it left."""

    def __init__(self, site: Site, root: Path) -> None:
        self.site, self.root = site, root

    def plan(self) -> dict[str, Any]:
        return {
            "path": {"absolute": str(self.site.path)},
            "method": "virtualenv",
            "tensorflow": {"version": "2.20.0"},
            "python": {"version": "3.11", "path": None},
            "device": "cpu",
        }

    @property
    def receipt(self) -> str:
        return f"{drift.DIRECTORY}/tensorflow_users.json"

    def run(self, check: bool = False, cut: bool = False, **asked: Any) -> dict[str, Any]:
        """Run the module and write its receipt, unless the run is cut off before; return the answer."""
        out = io.StringIO()
        parameters = {"environments": [self.plan()], "_ansible_check_mode": check, **asked}
        with patch_module_args(parameters), contextlib.redirect_stdout(out), pytest.raises(SystemExit):
            users.main()
        answer: dict[str, Any] = json.loads(out.getvalue())
        if asked.get("state") == "absent" and not answer.get("failed") and not cut:
            drift.remove(self.receipt, check)
        elif not answer.get("failed") and not cut:
            drift.write(self.receipt, "tensorflow_users", "x", footprints.record(answer["footprint"]), check)
        return answer

    def files(self) -> set[str]:
        """Return the files that are there, from the root of the test's host."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}


@pytest.fixture
def host(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    """A host with an environment, Lmod and PAM."""
    site.present("2.20.0")
    root = tmp_path / "root"
    for place in ("usr/local/bin", "etc/profile.d", "etc/lmod/modules", "etc/pam-configs", "etc/pam.d", "bin"):
        (root / place).mkdir(parents=True)
    monkeypatch.setattr(drift, "DIRECTORY", str(tmp_path / "var" / "receipts"))
    monkeypatch.setitem(rules.SCOPES, "tensorflow_users", dict.fromkeys(footprints.KINDS, rules.ANY))
    monkeypatch.setattr(tensorflow_env, "REGISTRY", str(root / "usr/local/share/tensorwright/environments.json"))
    for name, place in (
        ("COMMAND", "usr/local/bin/tensorflow-env"),
        ("PROFILE", "etc/profile.d/tensorwright-users.sh"),
        ("KERNELS", "usr/local/share/jupyter/kernels"),
        ("PAM_PROFILE", "etc/pam-configs/tensorwright-users"),
        ("PAM_SETTINGS", "etc/security/tensorwright"),
    ):
        monkeypatch.setattr(access_files, name, str(root / place))
    results = [root / "etc/pam.d" / name for name in ("common-session", "common-session-noninteractive")]
    for result in results:
        result.touch()
    monkeypatch.setattr(access_files, "PAM_RESULTS", tuple(map(str, results)))
    monkeypatch.setattr(access_files, "MODULE_TOOLS", ((str(root / "etc/lmod"), str(root / "etc/lmod/modules")),))
    tool = root / "bin" / "pam-auth-update"
    tool.write_text(PAM.format(root / "etc"))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return Users(site, root)


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, Any]:
    return {
        "groups": [
            {"name": GROUP, "path": str(tmp_path / "shared"), "environment": str(tmp_path / "site/opt/tensorflow")}
        ],
        "profile": True,
        "modules": "auto",
        "kernels": True,
        "gpus": [{"group": GROUP, "gpus": [0]}],
        "memory_growth": True,
    }


def test_it_comes_stays_and_goes(host: Users, everything: dict[str, Any], tmp_path: Path) -> None:
    before = snapshot(host.root)
    rehearsed = host.run(check=True, **everything)
    assert snapshot(host.root) == before
    made = host.run(**everything)
    assert made["changes"] == rehearsed["changes"]
    assert set(host.files()) >= {
        "usr/local/bin/tensorflow-env",
        "usr/local/share/tensorwright/environments.json",
        "usr/local/share/jupyter/kernels/tensorflow/kernel.json",
        "etc/profile.d/tensorwright-users.sh",
        "etc/lmod/modules/tensorflow/2.20",
        "etc/security/tensorwright/memory-growth.conf",
    }
    assert "conffile=" in (host.root / "etc/pam.d/common-session").read_text()
    assert host.run(**everything)["changed"] is False
    host.run(state="absent")
    after = snapshot(host.root)
    assert {name: row[0] for name, row in after.items()} == {name: row[0] for name, row in before.items()}
    assert not (tmp_path / "shared").exists()
    assert host.run(state="absent")["changed"] is False


def test_a_file_that_the_receipt_names_and_that_is_not_ours_stays(host: Users) -> None:
    host.run()
    other = host.root / "etc" / "precious.conf"
    other.write_text("of somebody else\n")
    known = drift.of_role("tensorflow_users")["files"]
    drift.write(host.receipt, "tensorflow_users", "x", {"files": {**known, str(other): None}})
    answer = host.run(state="absent")
    assert other.read_text() == "of somebody else\n"
    assert answer["notes"] == [f"{other} stays, as it is no longer what Tensorwright wrote."]
    assert "usr/local/bin/tensorflow-env" not in host.files()


def test_what_is_asked_for_no_more_goes(host: Users, everything: dict[str, Any]) -> None:
    host.run(**everything)
    left = host.run(modules="auto")
    assert left["changed"] is True
    assert host.files() == {
        "bin/pam-auth-update",
        "usr/local/bin/tensorflow-env",
        "usr/local/share/tensorwright/environments.json",
        "etc/lmod/modules/tensorflow/2.20",
        "etc/lmod/modules/tensorflow/.version",
        "etc/pam.d/common-session",
        "etc/pam.d/common-session-noninteractive",
    }
    assert (host.root / "etc/pam.d/common-session").read_text() == ""


def test_a_run_after_one_that_was_interrupted_goes_on(host: Users, everything: dict[str, Any]) -> None:
    host.run(**everything)
    Path(host.receipt).unlink()
    assert host.run(**everything)["changed"] is False


def test_what_somebody_else_has_put_there_is_kept(host: Users, everything: dict[str, Any]) -> None:
    kernel = host.root / "usr/local/share/jupyter/kernels/tensorflow/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text("{}")
    before = snapshot(host.root)
    refused = host.run(**everything)
    assert refused["msg"] == f"{kernel} is there already and was not made by Tensorwright; move it away"
    assert snapshot(host.root) == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"gpus": [{"group": "no-such-group", "gpus": [0]}]}, "there is no group no-such-group, whose GPUs are named"),
        ({"gpus": [{"user": "no-such-user", "gpus": [0]}]}, "there is no user no-such-user, whose GPUs are named"),
        (
            {"groups": [{"name": "no-such-group", "path": "/x", "environment": "/y"}]},
            "there is no group no-such-group, which is to have /x",
        ),
        (
            {"groups": [{"name": GROUP, "path": "/etc", "environment": "/y"}]},
            "/etc is there already and is no environment of a group",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_change(host: Users, asked: dict[str, Any], said: str) -> None:
    before = snapshot(host.root)
    assert said in host.run(**asked)["msg"]
    assert snapshot(host.root) == before


def test_a_pam_that_was_changed_by_hand_is_told(host: Users, everything: dict[str, Any]) -> None:
    (host.root / "bin" / "pam-auth-update").write_text("#!/bin/sh\n")
    assert "was changed by hand" in host.run(**everything)["msg"]


def test_a_profile_that_somebody_took_out_of_pam_comes_back(host: Users, everything: dict[str, Any]) -> None:
    host.run(**everything)
    (host.root / "etc/pam.d/common-session").write_text("")
    assert host.run(**everything)["changes"] == ["give sessions their GPUs again"]
    assert host.run(**everything)["changed"] is False


def test_a_group_s_environment_is_put_right(host: Users, everything: dict[str, Any], tmp_path: Path) -> None:
    host.run(**everything)
    (tmp_path / "shared" / "bin").chmod(0o755)
    assert host.run(**everything)["changes"] == [f"not all of group {GROUP} may read and write {tmp_path}/shared/bin"]
    assert stat.S_IMODE((tmp_path / "shared" / "bin").stat().st_mode) == 0o2775


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_what_members_installed_stays(host: Users, everything: dict[str, Any], tmp_path: Path) -> None:
    host.run(**everything)
    theirs = tmp_path / "shared" / "notes.txt"
    theirs.touch()
    os.chown(theirs, 65534, -1)
    kept = host.run(state="absent")
    assert [note for note in kept["notes"] if "stays, with what members of its group have installed" in note]
    assert theirs.exists()
    host.run(**everything)
    assert host.run(state="absent", discard=True)["notes"] == []
    assert not theirs.exists()


def test_a_group_s_environment_for_another_python_is_told(
    host: Users, everything: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run(**everything)
    (pth,) = (tmp_path / "shared").glob("lib/*/site-packages/tensorwright.pth")
    series = pth.parent.parent.name
    pth.write_text(pth.read_text().replace(f"/{series}/", "/python3.5/"))
    (note,) = host.run(**everything)["notes"]
    assert note.startswith(f"{tmp_path}/shared was made for Python 3.5, which {host.site.path} has no more")


@pytest.fixture
def vision(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The members of a group, which a stand-in for gpasswd changes."""
    there = ["carol"]
    monkeypatch.setattr(users, "exists", lambda _user: True)
    monkeypatch.setattr(drift, "members", lambda _group: list(there))

    def change(_work: users.Work, words: list[str]) -> None:
        if words[0] == "gpasswd":
            (there.append if words[1] == "--add" else there.remove)(words[2])

    monkeypatch.setattr(users.Work, "command", change)
    return there


@pytest.mark.parametrize("state", ["present", "absent"])
def test_who_was_put_into_a_group_by_a_run_that_was_cut_off_is_taken_out_again(
    host: Users, everything: dict[str, Any], vision: list[str], state: str
) -> None:
    row = {**everything["groups"][0], "members": ["alice", "carol"]}
    host.run(cut=True, groups=[row])
    assert vision == ["carol", "alice"]
    host.run(state=state, groups=[{**row, "members": ["carol"]}])
    assert vision == ["carol"]
    assert host.run(state=state, groups=[{**row, "members": ["carol"]}])["changed"] is False


def test_members_come_and_go_and_others_stay(host: Users, everything: dict[str, Any], vision: list[str]) -> None:
    there = vision
    row = {**everything["groups"][0], "members": ["alice", "carol"]}
    assert host.run(groups=[row])["footprint"]["members"] == {GROUP: ["alice"]}
    assert there == ["carol", "alice"]
    assert host.run(groups=[row])["changed"] is False
    host.run(groups=[{**row, "members": ["bob"]}])
    assert there == ["carol", "bob"]
    host.run(state="absent")
    assert there == ["carol"]
