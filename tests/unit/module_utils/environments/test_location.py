# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path
from unittest.mock import ANY

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location


def make_release(
    parent: Path, name: str = "tensorflow", release: str = "3f9c2a", seal: str | None = '{"version": "2.21.0"}'
) -> Path:
    directory = parent / ".tensorwright" / name / release
    directory.mkdir(parents=True)
    if seal is not None:
        (directory / ".tensorwright.json").write_text(seal)
    return directory


def test_home_is_expanded_and_what_was_given_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location.describe("~/a/../tensorflow/") == {
        "given": "~/a/../tensorflow/",
        "absolute": f"{tmp_path}/tensorflow",
        "blocked_by": None,
        "writable": True,
        "occupied": False,
        "filesystem": tmp_path.stat().st_dev,
        "untrusted": {} if os.geteuid() == 0 else {"root": {"path": str(tmp_path), "why": ANY}},
    }


def test_a_relative_path_is_not_made_absolute() -> None:
    place = location.describe("tensorflow")
    assert (place["absolute"], place["writable"]) == ("tensorflow", False)
    assert location.free_mb("tensorflow") is None


@pytest.mark.parametrize("below", ["file/tensorflow", "file/a/b/tensorflow", "dangling/tensorflow"])
def test_blocked_by_what_stands_where_a_parent_must_be(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    place = location.describe(str(tmp_path / below))
    assert place["blocked_by"] == str(tmp_path / below.split("/")[0])
    assert place["writable"] is False


def test_a_link_to_a_directory_is_no_block(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert location.describe(str(tmp_path / "link" / "tensorflow"))["blocked_by"] is None


@pytest.mark.parametrize("locked", ["parent", "store", "releases"])
def test_writable_needs_every_place_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    make_release(tmp_path)
    place = {
        "parent": tmp_path,
        "store": tmp_path / ".tensorwright",
        "releases": tmp_path / ".tensorwright" / "tensorflow",
    }
    path = tmp_path / ("tensorflow" if locked != "store" else "other")
    assert location.describe(str(path))["writable"] is True
    monkeypatch.setattr(os, "access", lambda asked, _mode: asked != str(place[locked]))
    assert location.describe(str(path))["writable"] is False


def test_writable_is_judged_by_the_nearest_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def access(path: str, _mode: int) -> bool:
        asked.append(path)
        return True

    monkeypatch.setattr(os, "access", access)
    location.describe(str(tmp_path / "a" / "b" / "tensorflow"))
    assert asked == [str(tmp_path)]


@pytest.mark.parametrize("kind", ["file", "directory", "foreign link", "link into another environment", "link above"])
def test_occupied(tmp_path: Path, kind: str) -> None:
    make_release(tmp_path)
    make_release(tmp_path, "other")
    path = tmp_path / "tensorflow"
    if kind == "file":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    else:
        target = {"foreign link": "/usr", "link into another environment": ".tensorwright/other/3f9c2a"}
        path.symlink_to(target.get(kind, ".tensorwright/tensorflow"))
    assert location.describe(str(path))["occupied"] is True
    assert location.environment(str(path)) is None


@pytest.mark.parametrize("absolute", [True, False])
def test_an_environment_of_ours(tmp_path: Path, absolute: bool) -> None:
    release = make_release(tmp_path)
    path = tmp_path / "tensorflow"
    path.symlink_to(release if absolute else ".tensorwright/tensorflow/3f9c2a")
    assert location.describe(str(path))["occupied"] is False
    assert location.environment(str(path)) == {"release": "3f9c2a", "sealed": {"version": "2.21.0"}}


@pytest.mark.parametrize("seal", [None, "{half"])
def test_a_release_without_a_seal(tmp_path: Path, seal: str | None) -> None:
    make_release(tmp_path, seal=seal)
    (tmp_path / "tensorflow").symlink_to(".tensorwright/tensorflow/3f9c2a")
    assert location.environment(str(tmp_path / "tensorflow")) == {"release": "3f9c2a", "sealed": None}


def test_a_link_whose_release_is_gone(tmp_path: Path) -> None:
    (tmp_path / "tensorflow").symlink_to(".tensorwright/tensorflow/3f9c2a")
    assert location.environment(str(tmp_path / "tensorflow")) == {"release": "3f9c2a", "sealed": None}
    assert location.describe(str(tmp_path / "tensorflow"))["occupied"] is False


def test_free_space_of_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    free = location.free_mb(str(tmp_path / "a" / "b" / "tensorflow"))
    assert free is not None
    assert free == pytest.approx(space.f_bavail * space.f_frsize / 2**20, rel=0.05)


def test_places() -> None:
    assert location.releases("/opt/tensorflow") == "/opt/.tensorwright/tensorflow"
    assert location.receipt("/opt/tensorflow") == "/opt/.tensorwright/receipts/tensorflow.json"
    assert json.dumps(location.describe("/")["absolute"]) == '"/"'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories to others")
def test_it_tells_whom_a_directory_on_the_way_keeps_from_trusting_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    make_release(home)
    os.chown(home, 65534, -1)
    of_another = {"path": str(home), "why": "belongs to user nobody"}
    assert location.untrusted(str(home / "tensorflow")) == {"root": of_another, "user": of_another}
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert location.describe(str(home / "tensorflow"))["untrusted"] == {"root": of_another}
    home.chmod(0o777)
    assert location.untrusted(str(home))["user"]["why"] == "belongs to nobody and can be written by all users"
