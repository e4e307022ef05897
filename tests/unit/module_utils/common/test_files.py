# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files


def test_text_of_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert files.text(str(tmp_path / "missing")) == ""
    (tmp_path / "there").write_bytes(b"caf\xe9")
    assert files.text(str(tmp_path / "there")) == "caf�"


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert files.sha256(str(tmp_path / "file")) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert files.sha256(str(tmp_path / "missing")) is None


def test_replace_makes_directories_and_is_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    mask = os.umask(0o077)
    try:
        files.replace(str(path), "new\n")
    finally:
        os.umask(mask)
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [place.stat().st_mode & 0o777 for place in (tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o755]


def test_replace_leaves_the_old_content_and_no_rest_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(str(path), "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
