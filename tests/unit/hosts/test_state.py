# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison that tells whether an uninstallation gives a host back as it was: it has to see each kind of thing."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts import state

BEFORE: state.State = {
    "files": {"/etc": "directory 755 0:0", "/etc/passwd": "file 644 0:0 aa", "/bin": "link 777 0:0 to usr/bin"},
    "packages": {"python3:amd64": "ii 3.11"},
    "asked": {"python3": "asked for"},
    "users": {"alice": "alice:x:1000"},
    "groups": {"video": "video:x:44:"},
    "units": {"ssh.service": "enabled"},
}


@pytest.mark.parametrize(
    ("kind", "name", "now"),
    [
        ("files", "/etc/passwd", "file 644 0:0 bb"),
        ("files", "/etc/passwd", "file 600 0:0 aa"),
        ("files", "/bin", "link 777 0:0 to elsewhere"),
        ("files", "/opt/tensorflow", "link 777 0:0 to .tensorwright/x"),
        ("files", "/var/lib/tensorwright", "directory 755 0:0"),
        ("files", "/tmp/left", "file 644 0:0 aa"),
        ("packages", "python3:amd64", "ii 3.12"),
        ("packages", "python3-apt:amd64", "ii 2"),
        ("asked", "python3-apt", "asked for"),
        ("users", "alice", "alice:x:1001"),
        ("groups", "video", "video:x:44:alice"),
        ("units", "ssh.service", "disabled"),
    ],
)
def test_each_kind_of_difference_is_seen(kind: str, name: str, now: str) -> None:
    after = copy.deepcopy(BEFORE)
    after[kind][name] = now  # type: ignore[literal-required]
    (told,) = state.differences(BEFORE, after)
    assert told.startswith(f"{kind}: {name}: ")
    (back,) = state.differences(after, BEFORE)
    assert back.startswith(f"{kind}: {name}: ")


def test_what_others_changed_and_noise_is_not_told() -> None:
    after = copy.deepcopy(BEFORE)
    for path in ("/home/alice/x", "/var/log/apt/history.log", "/root/.ansible/tmp", "/var/lib/apt/lists/x_Packages"):
        after["files"][path] = "file 644 0:0 aa"
    assert state.differences(BEFORE, after, but_for=("/home/alice/",)) == []
    assert len(state.differences(BEFORE, after)) == 1


def test_the_program_sees_files_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "same").hardlink_to(tmp_path / "file")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "opaque").mkdir()
    (tmp_path / "opaque" / "hidden").write_text("x")
    program = state.PROGRAM.partition("def lines")[0] + f"look({str(tmp_path)!r})\nprint(json.dumps(files))\n"
    command = [sys.executable, "-", json.dumps([str(tmp_path / "opaque")])]
    found = json.loads(subprocess.run(command, input=program, check=True, capture_output=True, text=True).stdout)
    said = {Path(path).name: text.split() for path, text in found.items()}
    assert set(said) == {tmp_path.name, "file", "same", "link", "opaque"}
    assert said["file"] == said["same"]
    assert said["file"][:2] == ["file", "640"]
    assert len(said["file"][3]) == 32
    assert said["link"][-2:] == ["to", "nowhere"]
