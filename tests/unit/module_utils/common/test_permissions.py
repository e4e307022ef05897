# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read and write the files of an environment, on real files."""

from __future__ import annotations

import grp
import os
import resource
import stat
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions, safe_tree

GROUP = grp.getgrgid(os.getgid()).gr_name
RELEASE = {"": 0o755, "bin": 0o755, "bin/python": 0o755, "lib": 0o755, "lib/a.py": 0o644}
SHARED = {"": 0o2775, "bin": 0o2775, "bin/pip": 0o775, "lib": 0o2775, "lib/a.py": 0o664}


def lay_out(top: Path, modes: dict[str, int]) -> Path:
    """Make files and directories with these modes; a name with a dot, or in bin, is a file's."""
    top.mkdir()
    for name in list(modes)[1:]:
        path = top / name
        path.touch() if "." in name or name.startswith("bin/") else path.mkdir()
    for name, mode in modes.items():
        (top / name).chmod(mode)
    (top / "link").symlink_to("/etc/shadow")
    return top


def modes(top: Path, names: dict[str, int]) -> dict[str, int]:
    return {name: stat.S_IMODE((top / name).stat().st_mode) for name in names}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lib/a.py": 0o646}, "others than its owner may write {0}/lib/a.py"),
        ({"lib": 0o775}, "others than its owner may write {0}/lib"),
        ({"": 0o777}, "others than its owner may write {0}"),
        ({"lib/a.py": 0o600}, "not all users may read {0}/lib/a.py"),
        ({"lib": 0o711}, "not all users may read {0}/lib"),
        ({"bin/python": 0o744}, "not all users may read {0}/bin/python"),
        ({"lib/a.py": 0o600, "bin": 0o700}, "not all users may read {0}/bin and 1 more"),
    ],
)
def test_a_release_is_read_by_all_and_written_by_none(tmp_path: Path, change: dict[str, int], said: str) -> None:
    top = lay_out(tmp_path / "release", {**RELEASE, **change})
    assert list(permissions.sentences(str(top), permissions.look(str(top)))) == [said.format(top)]
    assert permissions.mend(str(top))
    assert modes(top, RELEASE) == RELEASE
    assert not permissions.mend(str(top))


def test_a_right_release_has_no_fault(tmp_path: Path) -> None:
    top = lay_out(tmp_path / "release", RELEASE)
    assert permissions.look(str(top)) == ([], [], [])
    assert not permissions.mend(str(top))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lib": 0o2755}, "not all of group {1} may read and write {0}/lib"),
        ({"lib": 0o775}, "not all of group {1} may read and write {0}/lib"),
        ({"lib/a.py": 0o644}, "not all of group {1} may read and write {0}/lib/a.py"),
        ({"lib/a.py": 0o666}, "others than group {1} may write {0}/lib/a.py"),
        ({"": 0o2777}, "others than group {1} may write {0}"),
    ],
)
def test_a_group_writes_and_others_do_not(tmp_path: Path, change: dict[str, int], said: str) -> None:
    top = lay_out(tmp_path / "group", {**SHARED, **change})
    found = permissions.look(str(top), GROUP)
    assert list(permissions.sentences(str(top), found, GROUP)) == [said.format(top, GROUP)]
    assert permissions.mend(str(top), GROUP)
    assert modes(top, SHARED) == SHARED
    assert not permissions.mend(str(top), GROUP)


def test_a_private_one_is_closed_to_others(tmp_path: Path) -> None:
    top = lay_out(tmp_path / "group", SHARED)
    assert permissions.look(str(top), GROUP, True).open == [str(top)]
    assert permissions.mend(str(top), GROUP, True)
    assert stat.S_IMODE(top.stat().st_mode) == 0o2770
    assert permissions.look(str(top), GROUP, True) == ([], [], [])


def test_what_a_member_links_into_it_is_left_alone(tmp_path: Path) -> None:
    """A run as root must not be led to files elsewhere: neither by symbolic links nor by hard ones."""
    top = lay_out(tmp_path / "group", {**SHARED, "lib": 0o2755})
    other = tmp_path / "other"
    other.touch(0o600)
    (top / "symbolic").symlink_to(other)
    (top / "hard.py").hardlink_to(other)
    assert permissions.mend(str(top), GROUP)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert permissions.look(str(top), GROUP) == ([], [], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_a_file_of_somebody_else_in_a_release_is_told(tmp_path: Path) -> None:
    top = lay_out(tmp_path / "release", RELEASE)
    os.chown(top / "lib" / "a.py", 65534, -1)
    assert permissions.look(str(top)).foreign == [str(top / "lib" / "a.py")]


def test_a_place_that_is_gone_has_no_fault(tmp_path: Path) -> None:
    assert permissions.look(str(tmp_path / "gone")) == ([], [], [])


def test_a_link_that_took_a_files_place_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch(0o600)
    (tmp_path / "link").symlink_to(other)
    directory = os.open(tmp_path, os.O_RDONLY)
    permissions._set("link", directory, None, GROUP, os.getgid())
    os.close(directory)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


def test_a_tree_that_is_nested_without_end_exhausts_nobody(tmp_path: Path) -> None:
    top = lay_out(tmp_path / "shared", {"": 0o2775})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    here = os.open(top, os.O_RDONLY)
    try:
        for _level in range(1500):  # deeper than Python calls itself
            os.mkdir("deep", 0o777, dir_fd=here)
            below = os.open("deep", os.O_RDONLY, dir_fd=here)
            os.fchmod(below, 0o2777)
            os.close(here)
            here = below
        assert len(permissions.look(str(top), GROUP).open) == safe_tree.DEPTH + 1
        assert permissions.mend(str(top), GROUP)
        assert not permissions.mend(str(top), GROUP)  # what is seen is what is put right
    finally:
        os.close(here)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        safe_tree.remove(str(top))
