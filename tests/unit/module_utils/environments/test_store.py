# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, workplaces
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store import Environment, StoreError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.support.environment_site import ROOT, hear, running, snapshot, wait_until

OTHER = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
CONTENTS: dict[str, Any] = {"python": ["/usr/bin/python3", "3.11"], "requirements": ["tensorflow==2.21.0"]}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    made = Environment(str(tmp_path / "opt" / "tensorflow"))
    made.prepare()
    return made


def make_release(environment: Environment, name: str, used: str | None = None, **distributions: str) -> Path:
    """Make a release as an installer leaves it; one with `used` is sealed."""
    directory = Path(environment.directory(name))
    packages = directory / "lib" / "python3.11" / "site-packages"
    for distribution, version in distributions.items():
        (packages / f"{distribution}-{version}.dist-info").mkdir(parents=True)
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "python").symlink_to(sys.executable)
    (directory / releases.HOLD).touch()
    if used is not None:
        environment.seal(name, {"contents": CONTENTS, "distributions": distributions, "used": used})
    return directory


@contextlib.contextmanager
def ready(*command: str | Path, cwd: Path | bytes | None = None, **variables: str) -> Iterator[int]:
    """A process that runs until the end of the block and has said so; its id."""
    with running(*command, cwd=cwd, **variables) as process:
        assert hear(process)
        yield process.pid


def sleeping(cwd: Path | bytes | None = None, **variables: str) -> contextlib.AbstractContextManager[int]:
    """A process that does nothing, in a directory and with variables."""
    return ready("sh", "-c", "echo ready; exec sleep 60", cwd=cwd, **variables)


# -- names ------------------------------------------------------------------------------------------------------------


def test_a_name_is_twelve_hexadecimal_digits() -> None:
    name = releases.release_name(CONTENTS)
    assert len(name) == 12
    assert int(name, 16)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(), st.lists(st.text())))
def test_equal_contents_have_the_same_name_in_whatever_order(contents: dict[str, list[str]]) -> None:
    turned = dict(reversed(contents.items()))
    assert releases.release_name(turned) == releases.release_name(contents)


@pytest.mark.parametrize(
    "other",
    [
        {**CONTENTS, "requirements": ["tensorflow==2.20.0"]},
        {**CONTENTS, "python": ["/usr/bin/python3", "3.12"]},
        {**CONTENTS, "constraints": ["protobuf<4"]},
        {},
    ],
)
def test_other_contents_have_another_name(other: dict[str, Any]) -> None:
    assert releases.release_name(other) != releases.release_name(CONTENTS)


def test_a_new_layout_makes_new_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    before = releases.release_name(CONTENTS)
    monkeypatch.setattr(releases, "LAYOUT", releases.LAYOUT + 1)
    assert releases.release_name(CONTENTS) != before


@pytest.mark.parametrize("path", ["/opt/cache", "/opt/locks", "/opt/.tensorwright", "/", "/opt/.tensorwright/x"])
def test_a_path_where_tensorwright_keeps_its_own_files_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="Tensorwright keeps its own files there"):
        Environment(path)


# -- the store --------------------------------------------------------------------------------------------------------


def test_the_store_is_readable_by_all(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        environment = Environment(str(tmp_path / "a" / "b" / "tensorflow"))
        environment.prepare()
    finally:
        os.umask(before)
    made = [Path(environment.parent), Path(environment.store), *Path(environment.store).iterdir()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o755}


@pytest.mark.parametrize("place", ["store", "releases"])
def test_a_link_in_the_stores_place_is_not_followed(tmp_path: Path, place: str) -> None:
    """In a directory that users may write, one of them could have laid it out for a run as root."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    environment = Environment(str(tmp_path / "opt" / "tensorflow"))
    link = Path(getattr(environment, place))
    link.parent.mkdir(parents=True)
    link.symlink_to(precious)
    before = snapshot(precious)
    with pytest.raises(StoreError, match="is not a directory of Tensorwright's"):
        environment.prepare()
    assert snapshot(precious).keys() >= before.keys()
    assert (precious / "file").read_text() == "x"


def test_a_store_that_others_may_write_is_refused(environment: Environment) -> None:
    Path(environment.releases).chmod(0o777)
    with pytest.raises(StoreError, match="can be written by others"):
        environment.prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a store that belongs to somebody else")
def test_a_store_of_another_user_is_refused(environment: Environment) -> None:
    os.chown(environment.store, 65534, 65534)
    with pytest.raises(StoreError, match=r"belongs to user nobody, and this run acts as root; run as that user"):
        environment.refuse_foreign()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories to others")
@pytest.mark.parametrize("deep", [False, True])
def test_a_place_below_a_directory_of_another_user_is_refused_and_nothing_is_made_there(
    tmp_path: Path, deep: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    environment = Environment(str(home / "deep" / "tensorflow" if deep else home / "tensorflow"))
    with pytest.raises(
        StoreError, match=f"^{home} belongs to user nobody; accepted is a path of which every directory"
    ):
        environment.prepare()
    with pytest.raises(StoreError, match="belongs to user nobody"), environment.locked(0):
        pytest.fail("it is locked")
    assert os.listdir(home) == []


def test_a_user_without_a_name_is_its_number() -> None:
    assert releases.user_name(os.getuid()) != ""
    assert releases.user_name(3_999_999) == "3999999"


# -- the link ---------------------------------------------------------------------------------------------------------


def test_no_path_has_no_release(environment: Environment) -> None:
    assert environment.current() is None


def test_the_link_is_relative_so_that_the_parent_can_be_mounted_elsewhere(environment: Environment) -> None:
    environment.switch("3f9c2a")
    assert os.readlink(environment.path) == ".tensorwright/tensorflow/3f9c2a"
    assert environment.current() == "3f9c2a"


def test_an_absolute_link_is_ours_too(environment: Environment) -> None:
    os.symlink(environment.directory("3f9c2a"), environment.path)
    assert environment.current() == "3f9c2a"


@pytest.mark.parametrize(
    "target",
    ["/usr", "elsewhere", ".tensorwright/other/3f9c2a", ".tensorwright/tensorflow/", ".tensorwright/tensorflow/.."],
)
def test_a_link_elsewhere_is_not_ours(environment: Environment, target: str) -> None:
    os.symlink(target, environment.path)
    with pytest.raises(StoreError, match=r"is there already and was not made by Tensorwright; move it away"):
        environment.current()


def test_a_link_that_was_led_astray_is_ours_where_a_receipt_tells(environment: Environment) -> None:
    os.symlink("/usr", environment.path)
    Path(environment.shared("receipts", "tensorflow.json")).touch()
    assert environment.current() is None


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_file_or_a_directory_is_not_ours(environment: Environment, kind: str) -> None:
    path = Path(environment.path)
    path.touch() if kind == "file" else path.mkdir()
    with pytest.raises(StoreError, match="was not made by Tensorwright"):
        environment.current()


def test_a_reader_always_finds_a_release_while_the_link_is_switched(environment: Environment) -> None:
    for name in ("one", "two"):
        (Path(environment.directory(name)) / "there").mkdir(parents=True)
    environment.switch("one")
    missed, seen, done = [], set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(os.readlink(environment.path))
                os.stat(os.path.join(environment.path, "there"))
            except OSError as error:
                missed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        environment.switch("two")
        environment.switch("one")
    done.set()
    reader.join()
    assert missed == []
    assert {os.path.basename(target) for target in seen} == {"one", "two"}


@as_root
@pytest.mark.parametrize("receipt", [False, True])
def test_a_link_of_another_user_with_our_text_is_not_ours(environment: Environment, receipt: bool) -> None:
    os.chmod(environment.parent, 0o1777)
    environment.switch("one")
    assert environment.current() == "one"
    if receipt:
        Path(environment.receipt).write_text("{}")
    os.lchown(environment.path, OTHER.pw_uid, OTHER.pw_gid)
    with pytest.raises(StoreError, match="was not made by Tensorwright; move it away"):
        environment.current()


def test_a_switch_that_was_killed_halfway_does_not_stand_in_the_way(environment: Environment) -> None:
    os.symlink("nowhere", environment.fresh_link)
    assert environment.stale() == [environment.fresh_link]
    environment.switch("one")
    assert environment.current() == "one"
    assert environment.stale() == []
    assert sorted(os.listdir(environment.parent)) == [".tensorwright", "tensorflow"]


def test_a_link_that_an_earlier_version_left_beside_the_environment_is_cleared(environment: Environment) -> None:
    os.symlink("nowhere", environment.fresh_link_beside)
    assert environment.clear_stale() == [environment.fresh_link_beside]
    assert os.listdir(environment.parent) == [".tensorwright"]


@as_root
def test_nobody_blocks_a_switch_in_a_directory_of_all(environment: Environment) -> None:
    os.chmod(environment.parent, 0o1777)
    blocker = Path(environment.parent) / ".tensorflow.tensorwright-new"
    blocker.mkdir()
    (blocker / "file").touch()
    os.chown(blocker, OTHER.pw_uid, OTHER.pw_gid)
    environment.switch("one")
    environment.switch("two")
    assert environment.current() == "two"
    assert environment.stale() == []
    assert (blocker / "file").exists()  # it is that user's


def test_a_store_on_a_file_system_of_its_own_is_switched_as_well(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = durable.rename

    def across(source: str, target: str) -> None:
        if source.startswith(environment.store):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target)

    monkeypatch.setattr(durable, "rename", across)
    environment.switch("one")
    environment.switch("two")
    assert environment.current() == "two"
    assert environment.stale() == []
    assert sorted(os.listdir(environment.parent)) == [".tensorwright", "tensorflow"]


# -- seals ------------------------------------------------------------------------------------------------------------


def test_a_seal_is_read_as_it_was_written(environment: Environment) -> None:
    directory = make_release(environment, "one")
    facts = {"contents": CONTENTS, "distributions": {"numpy": "2.1.0"}, "used": None, "session": {"greeting": "Grüße"}}
    environment.seal("one", facts)
    assert environment.sealed("one") == facts
    assert (directory / releases.SEAL).stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in directory.iterdir()) == [releases.HOLD, releases.SEAL, "bin"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"contents": {}}', b"\xff\xfe".decode("latin-1")])
def test_a_seal_that_makes_no_sense_is_none(environment: Environment, text: str) -> None:
    directory = make_release(environment, "one")
    (directory / releases.SEAL).write_text(text, encoding="latin-1")
    assert environment.sealed("one") is None


def test_intact_needs_every_distribution_in_its_version(environment: Environment) -> None:
    directory = make_release(environment, "one", "2026", numpy="2.1.0", tensorflow_cpu="2.21.0")
    # The seal spells names as indexes do.
    environment.seal(
        "one", {"contents": CONTENTS, "distributions": {"numpy": "2.1.0", "tensorflow-cpu": "2.21.0"}, "used": "2026"}
    )
    assert environment.intact("one")
    numpy = directory / "lib" / "python3.11" / "site-packages" / "numpy-2.1.0.dist-info"
    numpy.rename(numpy.with_name("numpy-2.2.0.dist-info"))
    assert not environment.intact("one")
    numpy.with_name("numpy-2.2.0.dist-info").rmdir()
    assert not environment.intact("one")


def test_intact_needs_a_python(environment: Environment) -> None:
    directory = make_release(environment, "one", "2026")
    assert environment.intact("one")
    (directory / "bin" / "python").unlink()
    (directory / "bin" / "python").symlink_to("/nowhere/python3.9")  # the distribution's was upgraded away
    assert not environment.intact("one")


def test_sealed_releases_of_earlier_versions_come_in_the_order_of_their_times(environment: Environment) -> None:
    make_release(environment, "aaa", "2026-01-02T00:00:00.000001Z")
    make_release(environment, "bbb", "2026-01-02T00:00:00.000002Z")
    make_release(environment, "ccc", "2026-01-01T00:00:00.000003Z")
    make_release(environment, "unsealed")
    assert environment.sealed_releases() == ["bbb", "aaa", "ccc"]


def test_a_release_that_was_never_in_use_is_not_an_earlier_one(environment: Environment) -> None:
    make_release(environment, "old", "2026-01-01")
    make_release(environment, "current", "2026-01-02")
    make_release(environment, "never", "")  # its run was killed between seal and switch
    environment.switch("current")
    assert environment.earlier() == ["old"]


def test_the_order_of_use_is_counted_whatever_the_clock_says(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, year in (("first", 2030), ("second", 2026), ("third", 2024)):
        monkeypatch.setattr(releases, "now", lambda year=year: f"{year}-01-01T00:00:00Z")
        make_release(environment, name, "")
        environment.put_to_use(name)
    assert environment.earlier() == ["second", "first"]
    assert environment.surplus(2) == ["first"]
    environment.put_to_use("second")
    assert environment.earlier() == ["third", "first"]
    assert environment.surplus(2) == ["first"]


def test_releases_of_earlier_versions_come_before_all_that_are_counted(environment: Environment) -> None:
    make_release(environment, "ahead", "2030-01-01")  # the clock was
    make_release(environment, "right", "2026-01-02")
    make_release(environment, "new", "")
    environment.switch("right")
    assert environment.sealed_releases() == ["right", "ahead", "new"]
    environment.put_to_use("new")
    assert environment.earlier() == ["right", "ahead"]
    assert environment.surplus(2) == ["ahead"]


def test_a_run_that_was_cut_before_it_counted_the_release_is_made_up_for(environment: Environment) -> None:
    for name in ("old", "cut", "new"):
        make_release(environment, name, "")
    environment.put_to_use("old")
    environment.switch("cut")
    assert environment.earlier() == ["old"]
    environment.put_to_use("new")
    assert environment.earlier() == ["cut", "old"]


def test_a_rollback_that_was_cut_before_it_counted_is_made_up_for(environment: Environment) -> None:
    for name in ("old", "new", "newest"):
        make_release(environment, name, "")
    environment.put_to_use("old")
    environment.put_to_use("new")
    environment.switch("old")
    environment.put_to_use("newest")
    assert environment.earlier() == ["old", "new"]


# -- clearing ---------------------------------------------------------------------------------------------------------


def test_unsealed_is_everything_without_a_seal_but_the_release_in_use(environment: Environment) -> None:
    make_release(environment, "sealed", "2026")
    make_release(environment, "rest")
    make_release(environment, "current")  # somebody damaged its seal
    (Path(environment.releases) / "stray").write_text("x")
    environment.switch("current")
    assert environment.unsealed() == ["rest", "stray"]


def test_an_unsealed_rest_that_runs_stays(environment: Environment) -> None:
    directory = make_release(environment, "rest")
    (directory / "program.py").write_text("pass\n")
    with ready("tail", "-f", str(directory / "program.py")):
        assert environment.unsealed() == []
    assert environment.unsealed() == ["rest"]


def test_remove_takes_the_seal_first(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    make_release(environment, "one", "2026")

    def stop(_path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(releases, "remove_tree", stop)
    with pytest.raises(KeyboardInterrupt):
        environment.remove("one")
    assert environment.sealed("one") is None
    assert environment.unsealed() == ["one"]


def test_remove_does_not_follow_a_link(environment: Environment, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / releases.SEAL).write_text("{}")
    os.symlink(elsewhere, environment.directory("link"))
    before = snapshot(elsewhere)
    environment.remove("link")
    assert environment.all_releases() == []
    assert snapshot(elsewhere) == before


def test_remove_takes_a_stray_file(environment: Environment) -> None:
    Path(environment.directory("stray")).write_text("x")
    environment.remove("stray")
    assert environment.all_releases() == []


def test_remove_opens_directories_that_their_owner_closed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_release(environment, "one", "2026")
    closed = directory / "closed" / "below"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0)
    closed.parent.chmod(0o500)
    program = "import sys; from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store import remove_tree"
    run_as_ordinary_user(program + "; remove_tree(sys.argv[1])", directory)
    assert not directory.exists()


def run_as_ordinary_user(program: str, directory: Path) -> None:
    """Run Python as a user without root's rights over all files; as ourselves, where we have none."""
    drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"] if os.geteuid() == 0 else []
    # Root without capabilities is refused what any owner is refused. Its uid stays 0, so the test has to say otherwise.
    prelude = "import os; os.geteuid = lambda: 1000\n"
    subprocess.run(
        [*drop, sys.executable, "-c", prelude + program, str(directory)],
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/collections"},
    )


@pytest.mark.parametrize(("keep", "surplus"), [(0, ["c", "b", "a"]), (1, ["c", "b", "a"]), (2, ["b", "a"]), (9, [])])
def test_surplus_is_what_goes_beyond_the_last(environment: Environment, keep: int, surplus: list[str]) -> None:
    for number, name in enumerate("abcd"):
        make_release(environment, name, f"2026-01-0{number + 1}")
    environment.switch("d")
    assert environment.surplus(keep) == surplus


def test_the_release_rolled_back_to_is_no_surplus(environment: Environment) -> None:
    for number, name in enumerate("abc"):
        make_release(environment, name, f"2026-01-0{number + 1}")
    environment.switch("a")
    assert environment.surplus(1) == ["c", "b"]


HOLDING = """
import os, sys, time
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, workplaces
with workplaces.workplace(sys.argv[1]):
    durable.rename = lambda temporary, path: print('ready', flush=True) or time.sleep(60)
    files.replace(sys.argv[2], 'text')
"""


def test_what_a_killed_run_left_is_stale_what_a_running_one_has_is_not(environment: Environment) -> None:
    """Whether it runs is told by its locks: over a store of several hosts, a process id says nothing."""
    tools, directory = environment.shared("tools"), make_release(environment, "one", "2026")
    Path(environment.shared("log", "tensorflow.log.pip")).touch()  # what pip says more, of a run that did not end
    Path(environment.shared("log", "other.log.pip")).touch()
    place = f"{ROOT}:{ROOT}/collections"
    with (
        running(sys.executable, "-c", HOLDING, tools, environment.receipt, PYTHONPATH=place) as dying,
        running(sys.executable, "-c", HOLDING, tools, directory / releases.SEAL, PYTHONPATH=place) as living,
    ):
        assert hear(dying) == hear(living) == "ready"
        kept = set(os.listdir(directory)), set(os.listdir(environment.shared("receipts")))
        dying.kill()
        dying.wait()
        (held,) = (path for path in Path(tools).glob("*.lock") if workplaces.is_held(str(path)))
        stale = environment.stale()
        assert stale[0] == environment.shared("log", "tensorflow.log.pip")
        assert [os.path.basename(path)[:30] for path in stale[1:2]] == [".tensorflow.json.tensorwright-"]
        assert len(stale) == 4  # and a workplace with its lock
        assert not {str(held), str(held.with_suffix(""))} & set(stale)
        environment.clear_stale()
        assert environment.stale() == []
        assert {path.name for path in Path(tools).iterdir()} == {held.name, held.stem}
        assert set(os.listdir(directory)) == kept[0]
        assert set(os.listdir(environment.shared("receipts"))) == kept[1] - {os.path.basename(stale[1])}
    assert len(environment.stale()) == 3


def test_a_writer_clears_what_one_before_it_left(environment: Environment) -> None:
    directory = make_release(environment, "one", "2026")
    rest = directory / f".{releases.SEAL}.tensorwright-abcdefgh"
    rest.touch()
    environment.seal("one", {**(environment.sealed("one") or {}), "place": 1})
    assert not rest.exists()


# -- who uses a release -----------------------------------------------------------------------------------------------


@pytest.fixture
def release(environment: Environment) -> Path:
    return make_release(environment, "abc", "2026")


def test_nobody(release: Path) -> None:
    assert releases.users_of(str(release)) == []


def test_a_process_with_a_file_of_it_mapped(release: Path) -> None:
    (release / "library.so").write_bytes(bytes(4096))
    program = (
        "import mmap, sys\n"
        "with open(sys.argv[1], 'rb') as f: m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
        "sys.argv[:] = []; print('ready', flush=True); sys.stdin.read()"
    )
    # The command line names another path, so that only the mapping tells.
    (release.parent.parent.parent / "lib").symlink_to(release)
    with ready(sys.executable, "-c", program, str(release.parent.parent.parent / "lib" / "library.so")) as pid:
        assert releases.users_of(str(release)) == [pid]


@pytest.fixture
def not_root(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not root may see less of others' processes."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_a_path_that_anybody_can_name_is_no_use_of_it_for_root(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with sleeping(cwd=release / "bin", VIRTUAL_ENV=str(release)):
        assert releases.users_of(str(release)) == []


def test_a_mapping_whose_name_only_contains_it_is_no_use_of_it(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = (
        "import mmap, os, sys\n"
        "f = os.memfd_create('x ' + os.environ['NAME']); os.ftruncate(f, 4096); m = mmap.mmap(f, 0)\n"
        "os.close(f); print('ready', flush=True); sys.stdin.read()"
    )
    with ready(sys.executable, "-c", program, NAME=str(release)):
        assert releases.users_of(str(release)) == []


@pytest.mark.usefixtures("not_root")
def test_a_process_in_a_directory_of_it(release: Path) -> None:
    with sleeping(cwd=release / "bin") as pid:
        assert releases.users_of(str(release)) == [pid]


@pytest.mark.usefixtures("not_root")
@pytest.mark.parametrize("value", ["{}", "/usr/bin:{}/bin"])
def test_a_process_of_an_activated_shell(release: Path, value: str) -> None:
    with sleeping(VIRTUAL_ENV=value.format(release)) as pid:
        assert releases.users_of(str(release)) == [pid]


def test_a_process_that_names_it_on_its_command_line(release: Path) -> None:
    with ready("tail", "-f", str(release / releases.SEAL)) as pid:
        assert releases.users_of(str(release)) == [pid]


@pytest.mark.usefixtures("not_root")
def test_a_user_of_another_release_whose_name_begins_alike(environment: Environment, release: Path) -> None:
    other = make_release(environment, "abc-2", "2026")
    with sleeping(cwd=other, VIRTUAL_ENV=str(other)) as pid:
        assert releases.users_of(str(other)) == [pid]
        assert releases.users_of(str(release)) == []


def test_a_process_in_a_directory_whose_name_is_no_utf8(release: Path, tmp_path: Path) -> None:
    strange = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(strange)
    with sleeping(cwd=strange):
        assert releases.users_of(str(release)) == []


def test_a_lock_tells_of_a_process_that_cannot_be_seen(release: Path) -> None:
    with open(release / releases.HOLD) as hold:
        fcntl.flock(hold, fcntl.LOCK_SH)
        assert releases.users_of(str(release)) == [0]
    assert releases.users_of(str(release)) == []


# -- the lock ---------------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store import Environment
with Environment(sys.argv[1]).locked(0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Another run that works on the environment; its process id."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}/collections")
    with ready(sys.executable, "-c", HOLDER, environment.path) as pid:
        yield pid


def test_a_second_run_waits_then_names_the_holder(environment: Environment, holder: int) -> None:
    started = time.monotonic()
    with pytest.raises(StoreError) as refused, environment.locked(0.6):
        pytest.fail("two runs at once")
    assert time.monotonic() - started >= 0.6
    user = releases.user_name(os.geteuid())
    assert (
        f"another run has been working on {environment.path} for 0 s or more: process {holder} of user {user} since 20"
        in str(refused.value)
    )
    assert str(refused.value).endswith("; wait for it or stop it")


def test_a_second_run_gets_the_lock_when_the_first_ends(environment: Environment, holder: int) -> None:
    threading.Timer(0.3, os.kill, (holder, signal.SIGTERM)).start()
    started = time.monotonic()
    with environment.locked(10):
        assert 0.2 < time.monotonic() - started < 5


def test_the_lock_of_a_killed_run_does_not_block(environment: Environment, holder: int) -> None:
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: Path(f"/proc/{holder}/stat").read_text().split()[2] == "Z")
    assert str(holder) in Path(environment.shared("locks", "tensorflow.lock")).read_text()
    with environment.locked(0):
        pass


def test_environments_beside_each_other_do_not_wait_for_each_other(environment: Environment) -> None:
    with environment.locked(0), Environment(environment.path + "-other").locked(0):
        pass


def test_nobody_else_can_open_the_lock_and_hold_it_for_ever(environment: Environment) -> None:
    with environment.locked(0):
        locks = Path(environment.shared("locks"))
        assert {path.stat().st_mode & 0o777 for path in locks.iterdir()} == {0o600}


def test_the_locks_file_says_nothing_afterwards(environment: Environment) -> None:
    with pytest.raises(ZeroDivisionError), environment.locked(0):
        _ = 1 / 0
    assert Path(environment.shared("locks", "tensorflow.lock")).read_text() == ""


@pytest.mark.parametrize("beside", [False, True])
def test_a_run_that_waited_while_the_environment_was_removed_has_a_lock_that_others_see(
    environment: Environment, beside: bool
) -> None:
    """The waiting run must not end up with the lock of a file that is gone, beside a third run with that of a new one."""
    entered, leave = threading.Event(), threading.Event()

    def wait() -> None:
        with Environment(environment.path).locked(10):
            entered.set()
            leave.wait(10)

    if beside:  # then the store stays, and with it the directory of locks
        Environment(environment.path + "-other").prepare()
    waiting = threading.Thread(target=wait)
    with environment.locked(0):
        waiting.start()
        time.sleep(0.1)
        os.rmdir(environment.releases)
        environment.drop_lock()
        assert environment.remove_store() is not beside
    try:
        assert entered.wait(10)
        with pytest.raises(StoreError, match="another run"), environment.locked(0):
            pytest.fail("two runs at once")
        assert Path(environment.releases).is_dir()
    finally:
        leave.set()
        waiting.join()


def test_a_lock_whose_file_was_removed_before_it_was_had_is_none(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = environment.shared("locks", "tensorflow.lock"), []
    real = releases._open

    def open_late(name: str) -> IO[str]:
        file = real(name)
        if name == path and path not in opened:
            os.unlink(path)
        opened.append(name)
        return file

    monkeypatch.setattr(releases, "_open", open_late)
    with environment.locked(5):
        assert os.path.exists(path)


def test_the_store_goes_with_its_last_environment(environment: Environment) -> None:
    with environment.locked(0):
        os.rmdir(environment.releases)
        assert environment.remove_store()
    assert not Path(environment.store).exists()


def test_the_store_stays_for_an_environment_beside(environment: Environment) -> None:
    Environment(environment.path + "-other").prepare()
    with environment.locked(0):
        os.rmdir(environment.releases)
        assert not environment.remove_store()
    assert Path(environment.store).exists()


def test_the_store_stays_for_a_run_that_has_just_begun(environment: Environment) -> None:
    """It holds its lock, and has nothing but that in the store so far."""
    other = Environment(environment.path + "-other")
    with other.locked(0), environment.locked(0):
        os.rmdir(other.releases)
        os.rmdir(environment.releases)
        assert not environment.remove_store()
        assert Path(environment.store).exists()


def test_a_lock_can_be_had_on_a_full_disk(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nobody could remove an environment to free some."""

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with environment.locked(0):
        pass


def test_what_is_installed(environment: Environment) -> None:
    directory = make_release(environment, "one", None, numpy="2.1.0", tensorflow_cpu="2.21.0")
    assert releases.installed(str(directory)) == {"numpy": "2.1.0", "tensorflow-cpu": "2.21.0"}
    assert releases.installed(str(directory) + "-not-there") == {}


def test_seals_are_json_that_people_can_read(environment: Environment) -> None:
    directory = make_release(environment, "one", "2026")
    text = (directory / releases.SEAL).read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
