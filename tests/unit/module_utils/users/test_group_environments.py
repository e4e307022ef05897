# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups' environments as root makes and removes them, where members may write meanwhile and a run may be killed at any instant."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env
from ansible_collections.tensorwright.fleet.plugins.module_utils.users import group_environments

GROUP = grp.getgrgid(os.getgid()).gr_name
CHANGES = ("open", "os.mkdir", "os.chmod", "os.chown", "os.rename", "os.symlink", "os.remove", "os.rmdir")
NOBODY = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


@pytest.fixture(autouse=True)
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release to stand on, as far as a virtualenv needs one."""
    place = tmp_path / ".tensorwright" / "tensorflow" / "0123"
    (place / "lib" / "python{}.{}".format(*sys.version_info[:2]) / "site-packages").mkdir(parents=True)
    (place / "pyvenv.cfg").touch()
    monkeypatch.setattr(tensorflow_env, "release", lambda: str(place))
    return place


def cut(work: Callable[[], object], instant: int) -> bool:
    """Do `work` in a process of its own that is killed before its change number `instant`; tell whether it came to it."""
    child = os.fork()
    if not child:
        seen = 0

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event not in CHANGES or (event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                return
            seen += 1
            if seen == instant:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_its_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "vision", []
    monkeypatch.setattr(tensorflow_env, "sync_filesystem", lambda _place: synced.append(os.path.lexists(path)))
    tensorflow_env.create(str(path), GROUP)
    assert synced == [False]
    assert path.is_dir()


def test_a_run_that_is_killed_at_any_instant_leaves_the_whole_environment_or_what_nobody_else_can_look_into(
    tmp_path: Path,
) -> None:
    place = tmp_path / "srv"
    place.mkdir()
    path = place / "vision"
    instant = 1
    whole = 0
    while cut(lambda: tensorflow_env.create(str(path), GROUP), instant):
        left = os.listdir(place)
        if "vision" in left:
            assert permissions.look(str(path), GROUP) == ([], [], [])
            assert (path / "bin" / "pip").stat().st_mode & 0o7777 == 0o775
            whole += 1
        assert [stat.S_IMODE((place / name).stat().st_mode) for name in left if name != "vision"] in ([], [0o700])
        assert group_environments.clear(str(path), True) == bool(set(left) - {"vision"})
        assert group_environments.clear(str(path), False) == bool(set(left) - {"vision"})
        assert os.listdir(place) == ["vision"] * ("vision" in left)
        if "vision" in left:
            safe_tree.remove(str(path))
        instant += 1
    assert instant > 30
    assert 0 < whole < 5, "it gets its name last"
    assert os.listdir(place) == ["vision"]


def test_what_a_killed_run_left_goes_when_the_next_one_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "srv" / "vision"
    assert cut(lambda: tensorflow_env.create(str(path), GROUP), 20)
    assert os.listdir(path.parent) == [".vision.tensorwright-new"]
    tensorflow_env.create(str(path), GROUP)
    assert os.listdir(path.parent) == ["vision"]


def test_a_removal_that_is_killed_leaves_it_or_what_nobody_else_can_look_into(tmp_path: Path) -> None:
    path = tmp_path / "srv" / "vision"
    tensorflow_env.create(str(path), GROUP)
    instant = 1
    while cut(lambda: group_environments.remove(str(path), True, False), instant):
        left = os.listdir(path.parent)
        if "vision" in left:
            assert (path / "bin" / "pip").exists(), "it is whole"
        else:
            assert stat.S_IMODE((path.parent / left[0]).stat().st_mode) == 0o700
            assert group_environments.clear(str(path), False)
            tensorflow_env.create(str(path), GROUP)
        instant += 1
    assert instant > 10
    assert os.listdir(path.parent) == []


def test_two_runs_do_not_work_in_the_same_place(tmp_path: Path) -> None:
    with (
        safe_tree.directory(str(tmp_path)) as above,
        tensorflow_env.workplace(above, "vision"),
        pytest.raises(tensorflow_env.RefusedError, match="another run is working on vision"),
    ):
        tensorflow_env.create(str(tmp_path / "vision"), GROUP)


@as_root
def test_root_makes_none_where_somebody_else_could_exchange_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
    group = group_environments.Group(GROUP, str(home / "deep" / "vision"), str(tmp_path / "tensorflow"), False)
    refusal = f"{group.path} cannot be made: {home} belongs to user nobody; accepted is a path of which every directory belongs"
    assert str(group_environments.faults(group)).startswith(refusal)
    with pytest.raises(safe_tree.UnsafePathError, match="belongs to user nobody"):
        tensorflow_env.create(group.path, GROUP)
    assert os.listdir(home) == []


@as_root
def test_root_runs_no_command_of_an_environment_that_is_somebody_else_s(tmp_path: Path) -> None:
    """Laid where root's would be, by the owner of the environment or of a directory above it; by a link as well."""
    home = tmp_path / "home"
    (home / "tensorflow" / "bin").mkdir(parents=True)
    (tmp_path / "tensorflow").symlink_to("home/tensorflow")
    group = group_environments.Group(GROUP, str(tmp_path / "vision"), str(tmp_path / "tensorflow"), False)
    assert group_environments.faults(group) is None
    for place in (home / "tensorflow", home):
        os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)
        assert str(group_environments.faults(group)).startswith(
            f"{group.path} cannot be made: {place} belongs to user nobody"
        )
        os.chown(place, 0, 0)
    os.lchown(tmp_path / "tensorflow", NOBODY.pw_uid, NOBODY.pw_gid)
    assert "is a link of user nobody" in str(group_environments.faults(group))


def test_an_environment_that_its_members_may_write_to_is_looked_into_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "vision"
    tensorflow_env.create(str(path), "users")  # a group that is nobody's own
    assert path.stat().st_mode & 0o020
    assert not group_environments.brought(str(path))
    assert group_environments.remove(str(path), False, False) is None
    assert not path.exists()


def test_what_nests_so_deep_that_somebody_must_have_meant_it_was_brought(tmp_path: Path) -> None:
    path = tmp_path / "vision"
    tensorflow_env.create(str(path), GROUP)
    assert not group_environments.brought(str(path))
    descriptor = os.open(path, os.O_RDONLY)
    for _level in range(safe_tree.DEPTH + 2):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    assert group_environments.brought(str(path))
    assert group_environments.remove(str(path), True, False) is None
    assert not path.exists()


def test_a_file_with_another_name_outside_of_a_new_environment_is_left_as_it_is(tmp_path: Path) -> None:
    other, made = tmp_path / "shadow", tmp_path / "made"
    other.touch(0o600)
    made.mkdir()
    (made / "hard.py").hardlink_to(other)
    (made / "own.py").touch(0o600)
    with safe_tree.directory(str(tmp_path)) as work:
        tensorflow_env.share(work, "made", os.getgid(), False)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "own.py").stat().st_mode) == 0o664
