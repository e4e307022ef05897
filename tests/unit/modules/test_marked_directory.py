# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory is removed with all that is in it only where our mark says that it is ours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.modules import marked_directory

MARK = ".tensorwright-test"
CONTENTS = ["files", "pages"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "below" / "cache"


def run(capsys: pytest.CaptureFixture[str], path: Path, state: str, **arguments: Any) -> dict[str, Any]:
    asked = {"path": str(path), "state": state, "mark": MARK, "contents": CONTENTS, **arguments}
    with patch_module_args(asked), pytest.raises(SystemExit):
        marked_directory.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_what_was_made_goes_again_with_all_that_is_in_it(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert run(capsys, place, "present", mode="0750", _ansible_check_mode=True)["changed"]
    assert not place.parent.exists()
    assert run(capsys, place, "present", mode="0750")["changed"]
    assert place.stat().st_mode & 0o7777 == 0o750
    assert not run(capsys, place, "present", mode="0750")["changed"]
    (place / "files" / "deep").mkdir(parents=True)
    assert not run(capsys, place, "present", mode="0750")["changed"]
    assert run(capsys, place, "absent", _ansible_check_mode=True)["changed"]
    assert (place / "files" / "deep").is_dir()
    assert run(capsys, place, "absent")["changed"]
    assert not place.exists()
    assert not run(capsys, place, "absent")["changed"]
    place.parent.rmdir()
    assert not run(capsys, place, "absent")["changed"]


def test_a_directory_of_somebody_s_is_neither_taken_nor_removed(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "alice").mkdir(parents=True, mode=0o755)
    place.chmod(0o711)
    for state in ("present", "absent"):
        answer = run(capsys, place, state, required=True)
        assert str(place) in answer["msg"]
        assert "alice" in answer["msg"]
        assert "accepted is a directory" in answer["msg"]
    answer = run(capsys, place, "absent")
    assert not answer["changed"]
    assert answer["left"] == f"{place} is not removed: the mark {MARK} of what we have made is not in it, but alice"
    assert [one.name for one in place.iterdir()] == ["alice"]
    assert place.stat().st_mode & 0o7777 == 0o711


def test_an_empty_one_is_taken_and_then_ours(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    place.mkdir(parents=True)
    assert not run(capsys, place, "absent")["changed"]
    assert run(capsys, place, "present")["changed"]
    assert run(capsys, place, "absent")["changed"]


def test_one_that_was_made_before_there_were_marks(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    for name in CONTENTS:
        (place / name).mkdir(parents=True)
    assert run(capsys, place, "present")["changed"]
    assert (place / MARK).is_file()
    (place / MARK).unlink()
    (place / "more").touch()
    assert not run(capsys, place, "absent")["changed"]
    (place / "more").unlink()
    assert run(capsys, place, "absent")["changed"]


@pytest.mark.parametrize("kind", ["link", "another name", "directory"])
def test_a_mark_that_is_none(capsys: pytest.CaptureFixture[str], place: Path, kind: str) -> None:
    place.mkdir(parents=True)
    (place / "letters").touch()
    other = place.parent / "other"
    other.touch()
    if kind == "link":
        (place / MARK).symlink_to(other)
    elif kind == "directory":
        (place / MARK).mkdir()
    else:
        (place / MARK).hardlink_to(other)
    assert not run(capsys, place, "absent")["changed"]
    assert (place / "letters").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes files of others")
def test_a_mark_of_somebody_else_s(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    run(capsys, place, "present", owner="nobody")
    assert place.stat().st_uid == 65534
    assert (place / MARK).stat().st_uid == 0
    (place / "letters").touch()
    os.chown(place / MARK, 65534, 65534)
    assert not run(capsys, place, "absent", owner="nobody")["changed"]


def test_a_link_is_not_followed(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    run(capsys, place, "present")
    link = place.parent / "link"
    link.symlink_to(place)
    for state in ("present", "absent"):
        assert "is no directory of its own" in run(capsys, link, state)["msg"]
    assert place.is_dir()


def test_a_place_that_others_can_write_is_refused(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    run(capsys, place, "present")
    place.parent.chmod(0o777)
    for state in ("present", "absent"):
        assert "can be written by all users" in run(capsys, place, state)["msg"]
    assert place.is_dir()
