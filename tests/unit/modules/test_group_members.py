# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is put into a group and who is taken out, with a gpasswd and a groupdel that only note it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.modules import group_members


@pytest.fixture
def gpasswd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "log"
    log.touch()
    for name in ("gpasswd", "groupdel"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(group_members, "members", lambda _group: ["alice", "eve", "old"])
    monkeypatch.setattr(group_members, "exists", lambda user: user != "nobody-knows")
    return log


def run(capsys: pytest.CaptureFixture[str], **arguments: Any) -> dict[str, Any]:
    with patch_module_args({"group": "docker", **arguments}), pytest.raises(SystemExit):
        group_members.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_in_and_out(capsys: pytest.CaptureFixture[str], gpasswd: Path) -> None:
    answer = run(capsys, present=["alice", "bob"], absent=["old", "gone"])
    assert (answer["changed"], answer["others"]) == (True, ["eve"])
    assert gpasswd.read_text() == "gpasswd --add bob docker\ngpasswd --delete old docker\n"


def test_nothing_to_do(capsys: pytest.CaptureFixture[str], gpasswd: Path) -> None:
    assert run(capsys, present=["alice"], absent=["alice", "bob"])["changed"] is False
    assert gpasswd.read_text() == ""


def test_check_mode(capsys: pytest.CaptureFixture[str], gpasswd: Path) -> None:
    assert run(capsys, present=["bob"], _ansible_check_mode=True)["changed"] is True
    assert gpasswd.read_text() == ""


def test_an_unknown_user_is_refused_before_any_change(capsys: pytest.CaptureFixture[str], gpasswd: Path) -> None:
    answer = run(capsys, present=["bob", "nobody-knows"])
    assert answer["msg"] == "there is no user nobody-knows to be put into group docker"
    assert gpasswd.read_text() == ""


def test_the_group_goes_with_its_last_member(
    capsys: pytest.CaptureFixture[str], gpasswd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, absent=["alice"], with_group=True)["changed"] is True
    assert "groupdel" not in gpasswd.read_text()
    assert run(capsys, absent=["alice", "eve", "old"], with_group=True)["changed"] is True
    assert gpasswd.read_text().endswith("groupdel docker\n")
    monkeypatch.setattr(group_members, "members", lambda _group: None)
    assert run(capsys, absent=["alice"], with_group=True)["changed"] is False


def test_a_group_that_is_not_there_has_no_members() -> None:
    assert group_members.members("no-such-group") is None
    assert group_members.exists("root") is True
    assert group_members.exists("no-such-user") is False
