# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed files held against their wheels' hashes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import wheel_records


def install(place: Path, files: dict[str, str]) -> None:
    """Lay out what a wheel brings; RECORD is as installers write it."""
    info = place / "numpy-2.3.0.dist-info"
    info.mkdir(parents=True)
    lines = []
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        lines.append(f'"{name}",sha256={digest},{len(text)}\n')
    (info / "RECORD").write_text("".join([*lines, f"{info.name}/RECORD,,\n", "\n"]))


def test_what_was_changed_is_found_among_what_is_asked_about(tmp_path: Path) -> None:
    place = tmp_path / "lib" / "python3.11" / "site-packages"
    install(place, {"numpy/a, b.py": "1\n", "numpy/c.py": "2\n", "../../../bin/f2py": "3\n"})
    everything = [str(path) for path in tmp_path.rglob("*") if path.is_file()]
    assert wheel_records.altered(str(place), everything) == []
    for path in (place / "numpy" / "a, b.py", place / "numpy" / "c.py", tmp_path / "bin" / "f2py"):
        path.write_text("changed\n")
    (place / "numpy" / "c.py").write_text("2\n")
    assert wheel_records.altered(str(place), everything) == [
        str(tmp_path / "bin" / "f2py"),
        str(place / "numpy" / "a, b.py"),
    ]
    assert wheel_records.altered(str(place), [str(place / "numpy" / "a, b.py")]) == [str(place / "numpy" / "a, b.py")]
    assert wheel_records.altered(str(place), []) == []


def test_bytecode_that_a_wheel_brought_may_be_compiled_anew(tmp_path: Path) -> None:
    place = tmp_path / "lib" / "python3.11" / "site-packages"
    install(place, {"numpy/a.py": "1\n", "numpy/__pycache__/a.cpython-311.pyc": "code\n"})
    (place / "numpy" / "__pycache__" / "a.cpython-311.pyc").write_text("compiled anew\n")
    assert wheel_records.damaged(str(place), thoroughly=True) == []
    (place / "numpy" / "a.py").write_text("")
    assert wheel_records.damaged(str(place)) == [str(place / "numpy" / "a.py")]
