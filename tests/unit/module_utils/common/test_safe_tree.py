# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths are trusted, and what is done in them by descriptor: on real files, with real owners where root runs the tests."""

from __future__ import annotations

import ctypes
import functools
import os
import pwd
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

OTHER = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
EXCHANGE = 2  # RENAME_EXCHANGE of renameat2


def exchange(one: Path, other: Path) -> None:
    """Let two names change places in one step."""
    ctypes.CDLL(None).renameat2(-100, os.fsencode(one), -100, os.fsencode(other), EXCHANGE)


class Interrupted:
    """The module os, but before its call number `at` something else happens once."""

    def __init__(self, at: int, event: Callable[[], None]) -> None:
        self.left, self.event = at, event

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in ("chmod", "chown", "fstat", "listdir", "open", "rename", "rmdir", "stat", "unlink"):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                self.event()
            return found(*arguments, **options)

        return call


def test_a_path_that_only_root_and_the_acting_user_can_write_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    assert safe_tree.look(str(tmp_path / "deep" / "not" / "made" / "yet")) is None


@pytest.mark.parametrize(("mode", "by"), [(0o777, "all users"), (0o775, "group ")])
@as_root
def test_a_directory_that_others_can_write_is_refused_by_name(tmp_path: Path, mode: int, by: str) -> None:
    open_to_others = tmp_path / "srv"
    open_to_others.mkdir()
    os.chown(open_to_others, -1, OTHER.pw_gid)
    open_to_others.chmod(mode)
    with pytest.raises(safe_tree.UnsafePathError) as refused:
        safe_tree.open_directory(str(open_to_others / "tensorflow"), make=0o755)
    told = str(refused.value)
    assert told.startswith(f"{open_to_others} belongs to root and can be written by {by}")
    assert "accepted is a path of which every directory belongs to root and can be written by nobody else" in told
    assert not (open_to_others / "tensorflow").exists()


@as_root
def test_a_directory_below_one_of_another_user_is_refused_whoever_owns_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "roots" / "own").mkdir(parents=True)
    os.chown(home, OTHER.pw_uid, OTHER.pw_gid)
    fault = safe_tree.look(str(home / "roots" / "own"))
    assert fault
    assert (fault.path, fault.why) == (str(home), "belongs to user nobody")
    assert safe_tree.look(str(home / "roots" / "own"), frozenset((0, OTHER.pw_uid))) is None


def test_what_root_trusts_can_be_asked_by_another_user(tmp_path: Path) -> None:
    nobody_s = frozenset((987654,))
    fault = safe_tree.look(str(tmp_path), nobody_s)
    assert fault
    assert (fault.path, fault.why) == ("/", "belongs to user root")


@as_root
def test_in_a_sticky_directory_our_own_is_trusted_and_nothing_else(tmp_path: Path) -> None:
    shared = tmp_path / "scratch"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "ours").mkdir()
    (shared / "theirs").mkdir()
    os.chown(shared / "theirs", OTHER.pw_uid, -1)
    (shared / "link").symlink_to("ours")
    (shared / "laid").symlink_to("ours")
    os.chown(shared / "laid", OTHER.pw_uid, -1, follow_symlinks=False)
    assert safe_tree.look(str(shared / "ours" / "new")) is None
    assert safe_tree.look(str(shared / "link")) is None
    faults = [safe_tree.look(str(shared / name / "new")) for name in ("theirs", "laid")]
    assert [fault and fault.why for fault in faults] == ["belongs to user nobody", "is a link of user nobody"]


@as_root
def test_a_link_is_trusted_as_far_as_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", OTHER.pw_uid, -1)
    (tmp_path / "link").symlink_to("home/../home")
    (tmp_path / "loop").symlink_to("loop")
    fault = safe_tree.look(str(tmp_path / "link" / "below"))
    assert fault
    assert fault.path == str(tmp_path / "home")
    with pytest.raises(OSError, match="symbolic links"):
        safe_tree.open_directory(str(tmp_path / "loop"))


@as_root
def test_a_group_s_access_list_is_seen_behind_root_s_own_group(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain").chmod(0o775)
    assert safe_tree.look(str(tmp_path / "plain")) is None  # root's own group, in which nobody else is
    entries = [
        (0x01, 7, 0xFFFFFFFF),
        (0x02, 7, OTHER.pw_uid),
        (0x04, 5, 0xFFFFFFFF),
        (0x10, 7, 0xFFFFFFFF),
        (0x20, 5, 0xFFFFFFFF),
    ]
    packed = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + number.to_bytes(4, "little")
        for tag, rights, number in entries
    )
    try:
        os.setxattr(tmp_path / "plain", "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("this file system has no access control lists")
    fault = safe_tree.look(str(tmp_path / "plain"))
    assert fault
    assert fault.why == "belongs to root and can be written by group root"


def test_a_file_is_written_with_its_mode_and_never_through_a_link_or_another_name(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to("precious")
    os.link(tmp_path / "precious", tmp_path / "other")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "other", "fifo", "precious"):
        for mode in ("a", "w"):
            with pytest.raises(OSError, match=name), safe_tree.open_file(str(tmp_path / name), mode) as out:
                out.write("PWNED")
    assert (tmp_path / "precious").read_text() == "mine"
    old = os.umask(0o077)
    try:
        for mode in ("w", "a"):
            with safe_tree.open_file(str(tmp_path / "new"), mode, 0o644) as out:
                out.write(mode)
    finally:
        os.umask(old)
    assert (tmp_path / "new").read_text() == "wa"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o644
    with pytest.raises(FileExistsError):
        safe_tree.open_file(str(tmp_path / "new"), "x")


@as_root
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_text("{}")
    os.chown(receipt, OTHER.pw_uid, -1)
    with pytest.raises(safe_tree.UnsafePathError, match="belongs to user nobody"):
        safe_tree.open_file(str(receipt))


def deep(top: Path, levels: int) -> None:
    """Nest directories deeper than paths may be long, each with a file in it."""
    top.mkdir()
    descriptor = os.open(top, os.O_RDONLY)
    for _level in range(levels):
        os.close(os.open("file", os.O_CREAT, 0o644, dir_fd=descriptor))
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def test_a_tree_of_any_depth_is_removed_with_few_descriptors(tmp_path: Path) -> None:
    deep(tmp_path / "tree", 2 * safe_tree.DEPTH + 50)
    (tmp_path / "tree" / "link").symlink_to(tmp_path)
    (tmp_path / "tree" / "closed").mkdir(mode=0)
    safe_tree.remove(str(tmp_path / "tree"))
    assert not os.listdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        safe_tree.remove(str(tmp_path / "tree"))


def test_a_tree_that_is_nested_without_end_is_not_walked(tmp_path: Path) -> None:
    deep(tmp_path / "tree", safe_tree.DEPTH + 2)
    with safe_tree.directory(str(tmp_path / "tree")) as top, pytest.raises(safe_tree.UnsafePathError, match="deep"):
        list(safe_tree.walk(top))


def test_owner_group_and_modes_of_a_tree_are_set_and_links_stay_what_they_are(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o600)
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "pip").touch(0o755)
    (tree / "bin" / "python").symlink_to(outside)

    def wanted(status: os.stat_result) -> safe_tree.Change:
        return safe_tree.Change(-1, os.getgid(), 0o2775 if stat.S_ISDIR(status.st_mode) else 0o664)

    with safe_tree.directory(str(tree)) as top:
        safe_tree.change_tree(top, wanted)
    assert [stat.S_IMODE(os.lstat(tree / name).st_mode) for name in ("", "bin", "bin/pip")] == [0o2775, 0o2775, 0o664]
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


def in_place(tree: Path) -> None:
    with safe_tree.directory(str(tree)) as top:
        safe_tree.change_tree(top, lambda status: safe_tree.Change(-1, -1, 0o711))


def removed(tree: Path) -> None:
    with safe_tree.directory(str(tree)) as top:
        safe_tree.remove_at(top, "inner")


@pytest.mark.parametrize("deed", [in_place, removed])
def test_a_directory_that_is_exchanged_for_a_link_at_any_instant_leads_nobody_out_of_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: Callable[[Path], None]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("shadow", "passwd"):
        (outside / name).touch(0o600)
    instant, left = 0, 0
    while left <= 0:  # until the deed is done before its instant comes
        instant += 1
        tree, link = tmp_path / f"tree{instant}", tmp_path / f"link{instant}"
        (tree / "inner" / "include").mkdir(parents=True)
        for name in ("shadow", "passwd"):
            (tree / "inner" / name).touch()
        link.symlink_to(outside)
        interrupted = Interrupted(instant, functools.partial(exchange, tree / "inner", link))
        with monkeypatch.context() as patched, suppress(OSError):  # to give up is right as well
            patched.setattr(safe_tree, "os", interrupted)
            deed(tree)
        left = interrupted.left
    assert instant > 20
    assert {name: stat.S_IMODE((outside / name).stat().st_mode) for name in os.listdir(outside)} == {
        "shadow": 0o600,
        "passwd": 0o600,
    }
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


@pytest.mark.parametrize("place", ["inner", "inner/include"])
@pytest.mark.parametrize("other", ["link", "file", "full"])
def test_what_is_exchanged_at_any_instant_is_removed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, other: str
) -> None:
    instant, left = 0, 0
    while left <= 0:  # until all is removed before its instant comes
        instant += 1
        tree, spare = tmp_path / f"tree{instant}", tmp_path / f"spare{instant}"
        (tree / "inner" / "include").mkdir(parents=True)
        (tree / "inner" / "include" / "file").touch()
        if other == "full":
            (spare / "more").mkdir(parents=True)
        elif other == "link":
            spare.symlink_to(tmp_path)
        else:
            spare.touch()
        interrupted = Interrupted(instant, functools.partial(exchange, tree / place, spare))
        with monkeypatch.context() as patched:
            patched.setattr(safe_tree, "os", interrupted)
            removed(tree)
        left = interrupted.left
        assert os.listdir(tree) == []
    assert instant > 8


def test_who_fills_a_directory_while_it_is_removed_does_not_hold_it_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    rmdir = os.rmdir
    times = []

    def filling(name: str, dir_fd: int) -> None:
        times.append(name)
        (tmp_path / "inner" / "more").touch()
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", filling)
    with pytest.raises(OSError, match="not empty"):
        removed(tmp_path)
    assert 1 < len(times) <= safe_tree.ROUNDS


def test_a_private_directory_is_nobody_else_s_and_is_renamed_into_its_place(tmp_path: Path) -> None:
    with safe_tree.directory(str(tmp_path)) as above:
        os.close(safe_tree.make_private(above, "new"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    safe_tree.rename(str(tmp_path / "new"), str(tmp_path / "place"))
    safe_tree.symlink("place", str(tmp_path / "link"))
    with pytest.raises(safe_tree.UnsafePathError, match="is a link"):
        safe_tree.change(str(tmp_path / "link"), mode=0o755)
    safe_tree.change(str(tmp_path / "place"), mode=0o711)
    safe_tree.unlink(str(tmp_path / "link"))
    assert os.listdir(tmp_path) == ["place"]
    assert stat.S_IMODE((tmp_path / "place").stat().st_mode) == 0o711
