# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom the code of packages runs where the module acts as root: a wheel and a source distribution write it down themselves."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uv
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import (
    builder_user,
    takeover,
    workshop,
)
from ansible_collections.tensorwright.fleet.plugins.modules import environment as environment_module

from tests.doubles import tensorflow_wheel, uv_wheel
from tests.doubles.package_index import PackageIndex
from tests.doubles.wheels import Wheel
from tests.unit.support.environment_site import ROOT, Site, hear, run_module

SYSTEM = "/usr/bin/python3"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its work to a user without rights"),
    pytest.mark.skipif(not os.path.exists(SYSTEM), reason="this machine has no Python that every user can start"),
]


@dataclass(frozen=True)
class Source:
    """A source distribution, with the interface that Wheel has for the index."""

    project: str
    version: str
    setup: str

    @property
    def metadata(self) -> bytes:
        return f"Metadata-Version: 2.1\nName: {self.project}\nVersion: {self.version}\n".encode()

    @property
    def file(self) -> str:
        return f"{self.project}-{self.version}.tar.gz"

    @property
    def content(self) -> bytes:
        out = io.BytesIO()
        backend = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
        files = {
            "pyproject.toml": backend,
            "backend.py": self.setup,
            "PKG-INFO": self.metadata.decode(),
        }
        with (
            gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            for name, text in files.items():
                member = tarfile.TarInfo(f"{self.project}-{self.version}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return out.getvalue()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@pytest.fixture
def place(no_settings: None) -> Iterator[Path]:
    """A directory that every user can reach, as /opt is."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def witness(place: Path) -> Path:
    """A file into which everybody may write as whom they run."""
    path = place / "witness"
    path.touch()
    path.chmod(0o666)
    return path


def saying(witness: Path, what: str) -> str:
    """Return a line of Python that writes down as whom it runs."""
    return f"import os; open({str(witness)!r}, 'a').write('{what} %d\\n' % os.geteuid())"


def heard(witness: Path) -> dict[str, set[int]]:
    """Return as whom each thing has run, and forget it."""
    found: dict[str, set[int]] = {}
    for line in witness.read_text().splitlines():
        what, uid = line.split()
        found.setdefault(what, set()).add(int(uid))
    witness.write_text("")
    return found


@pytest.fixture
def site(place: Path, index: PackageIndex, witness: Path) -> Site:
    """A site whose numpy has a .pth file that runs with each Python that looks into the release."""
    program = place / "uv-program"
    shutil.copy(uv.find_uv_bin(), program)
    made = Site(place / "site", index)
    tool = uv_wheel.wheel(f'#!/bin/sh\nexec {program} "$@"\n')
    index.add(tool)
    made.uv = uv_wheel.pin(tool)
    plain = tensorflow_wheel.numpy()
    files = {**plain.files, "spy.pth": saying(witness, "pth") + "\n"}
    index.add(Wheel(plain.name, "99.0", files, plain.requires, plain.programs))
    return made


def parameters(**changes: Any) -> dict[str, Any]:
    return {"python": SYSTEM, **changes}


def must_have_run_without_rights(witness: Path, what: str) -> None:
    """Fail where something has not run, or as somebody else than a user without rights and name."""
    found = heard(witness)
    assert what in found, found
    assert all(builder_user.FIRST <= uid <= builder_user.LAST for uids in found.values() for uid in uids), found


def strangers(directory: Path) -> list[Path]:
    """Return what does not belong to root."""
    return [path for path in [directory, *directory.rglob("*")] if path.lstat().st_uid != 0]


def test_no_pth_line_runs_as_root_from_the_install_to_a_rollback(site: Site, witness: Path) -> None:
    site.present("2.19.0", **parameters(keep=2))
    must_have_run_without_rights(witness, "pth")
    site.present("2.20.0", **parameters(keep=2))
    site.present("2.20.0", **parameters(keep=2))
    rolled = site.state("rolled_back")
    assert rolled["session"]["user"] not in ("root", "nobody")
    session = run_module("session", python=str(site.path / "bin" / "python"), version="2.19.0")
    assert builder_user.FIRST <= int(session["session"]["user"]) <= builder_user.LAST
    must_have_run_without_rights(witness, "pth")
    site.state("absent")
    assert heard(witness) == {}


def test_root_owns_what_was_built_and_nobody_else_sees_the_cache(site: Site) -> None:
    os.makedirs(builder_user.LOCKS, exist_ok=True)
    before = set(os.listdir(builder_user.LOCKS))
    site.present(**parameters())
    assert strangers(site.store) == []
    cache = site.store / "cache" / "uv"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert not list(cache.rglob("*.lock")), "all may hold the locks that uv makes"
    assert not [path for path in site.store.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert not list((site.store / "tools").glob("unfinished-*"))
    assert set(os.listdir(builder_user.LOCKS)) <= before


def test_a_second_environment_shares_files_and_bytecode_with_the_first(site: Site, index: PackageIndex) -> None:
    first = site.present(**parameters())
    index.requests.clear()
    second = site.present(**parameters(path=str(site.path.parent / "second")))
    assert second["bytecode"] == {"linked": first["bytecode"]["kept"], "kept": 0}
    assert not [request for request in index.requests if request.path.endswith((".whl", ".tar.gz"))]
    (one,) = site.path.resolve().glob("lib/*/site-packages/numpy/__init__.py")
    (two,) = (site.path.parent / "second").resolve().glob("lib/*/site-packages/numpy/__init__.py")
    assert one.samefile(two)
    assert one.parent.joinpath("__pycache__").exists()
    assert strangers(site.store) == []


# -- build scripts -------------------------------------------------------------------------------------------------------

BACKEND = """
import os, subprocess, sys, zipfile
{at_build}
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "sourced-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as out:
        out.writestr("sourced.py", "VALUE = 1\\n")
        out.writestr("sourced-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: sourced\\nVersion: 1.0\\n")
        out.writestr("sourced-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        out.writestr("sourced-1.0.dist-info/RECORD", "sourced.py,,\\nsourced-1.0.dist-info/RECORD,,\\n")
    return name
"""


def offer(site: Site, at_build: str) -> None:
    """Let the index have a package that must be built."""
    source: Any = Source("sourced", "1.0", BACKEND.format(at_build=at_build))
    site.index.add(source)


def with_source(**changes: Any) -> dict[str, Any]:
    return parameters(requirements=["tensorflow-cpu==2.20.0", "pip", "sourced"], **changes)


def test_nothing_is_built_unless_it_was_asked_for(site: Site, witness: Path) -> None:
    offer(site, saying(witness, "build"))
    failed = site.try_present(**with_source())
    assert "sourced" in failed["output"]
    assert "build" not in heard(witness)
    site.present(**with_source(sdists="always"))
    must_have_run_without_rights(witness, "build")
    assert strangers(site.store) == []


def test_a_build_script_reaches_nothing_of_others(site: Site, place: Path, witness: Path) -> None:
    """It tries to write into the store, the cache, another release; gives rights to files; leaves a process; plants links."""
    site.present("2.19.0", **parameters())
    secret = place / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    attack = f"""
def tried(what, deed):
    try:
        deed()
    except OSError:
        return
    open({str(witness)!r}, "a").write(what + " 1\\n")
store = {str(site.store)!r}
release = [p for p in sys.path if 0] or None
tried("cache", lambda: os.listdir(store + "/cache/uv"))
tried("secret", lambda: open({str(secret)!r}).read())
tried("old", lambda: open(store + "/tensorflow/{site.current}/constraints.txt", "a").write("x"))
tried("link", lambda: os.unlink({str(site.path)!r}))
tried("tool", lambda: open(store + "/tools/evil", "w"))
here = [os.path.join(store, "tensorflow", name) for name in os.listdir(store + "/tensorflow")]
mine = [path for path in here if os.stat(path).st_uid == os.geteuid()][0]
subprocess.Popen(["/bin/sleep", "300"], start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
for name in ("constraints.txt", ".tensorwright.hold"):
    if os.path.lexists(os.path.join(mine, name)):
        os.unlink(os.path.join(mine, name))
    os.symlink({str(secret)!r}, os.path.join(mine, name))
open(os.path.join(mine, "bin", "suid"), "w").write("x")
os.chmod(os.path.join(mine, "bin", "suid"), 0o6777)
"""
    offer(site, attack)
    answer = site.try_present(**with_source(sdists="always"))
    assert answer.get("failed"), "links that lead out of the release are refused"
    assert re.search(r"constraints\.txt|\.tensorwright\.hold", answer["msg"])
    assert str(secret) in answer["msg"]
    assert secret.read_text() == "root's"
    assert heard(witness).keys() <= {"pth"}
    assert not [
        pid
        for pid, uids in builder_user.running()
        if any(builder_user.FIRST <= uid <= builder_user.LAST for uid in uids)
    ]
    assert site.seal(site.current)["version"] == "2.19.0"
    assert strangers(site.store) == []


def test_a_seal_that_a_build_has_laid_down_counts_for_nothing(site: Site) -> None:
    """A run that is killed before it takes the release over leaves it to the next, with what the build has put there."""
    site.present("2.19.0", **parameters())
    real = site.release(site.current)
    left = site.store / "tensorflow" / "0123456789ab"
    shutil.copytree(real, left, symlinks=True)
    for path in [left, *left.rglob("*")]:
        os.chown(path, builder_user.FIRST, builder_user.FIRST, follow_symlinks=False)
    environment = releases.Environment(str(site.path))
    assert environment.sealed("0123456789ab") is None
    assert site.present("2.19.0", **parameters())["removed"] == ["0123456789ab"]


def test_rights_that_a_build_gives_to_files_are_taken_away(site: Site) -> None:
    attack = f"""
store = {str(site.store)!r}
here = [os.path.join(store, "tensorflow", name) for name in os.listdir(store + "/tensorflow")]
mine = [path for path in here if os.stat(path).st_uid == os.geteuid()][0]
open(os.path.join(mine, "bin", "suid"), "w").write("x")
os.chmod(os.path.join(mine, "bin", "suid"), 0o6777)
os.chmod(os.path.join(mine, "bin"), 0o777)
"""
    offer(site, attack)
    site.present(**with_source(sdists="always"))
    assert stat.S_IMODE((site.path / "bin" / "suid").stat().st_mode) == 0o755
    assert stat.S_IMODE((site.path / "bin").stat().st_mode) == 0o755


def test_what_a_build_could_have_spoilt_is_in_no_other_release(site: Site, index: PackageIndex) -> None:
    offer(site, "")
    site.present(**with_source(sdists="always"))
    assert not (site.store / "cache" / "uv").exists()
    assert not list((site.store / "cache").rglob("*.pyc"))


@pytest.mark.parametrize(
    ("given", "private"),
    [
        ({"sdists": "auto", "version": "2.6.5"}, True),
        ({"sdists": "auto", "version": "2.21.0"}, False),
        ({"sdists": "never", "version": "2.6.5"}, False),
        ({"conda": {"python": "3.11", "channels": []}}, True),
        ({"installer": {"name": "pip"}}, True),
    ],
)
def test_where_packages_code_runs_is_known_before_and_nothing_of_it_gets_into_the_cache_of_all(
    place: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], private: bool
) -> None:
    params = {"sdists": "auto", "version": "2.21.0", "conda": None, "installer": {"name": "uv"}, **given}
    made = environment_module.Builder.__new__(environment_module.Builder)
    made.params, made.cache = params, str(place / "cache")
    made.params["sdists"] = environment_module.builds(params["sdists"], params["version"])
    made.environment = releases.Environment(str(place / "tensorflow"))
    made.environment.prepare()
    shop = workshop.Workshop(str(place / "shop"), builder_user.Account(builder_user.FIRST))
    seen: list[str] = []

    def unpack(tool: Any, *_others: Any) -> None:
        seen.append(tool.cache)
        raise InterruptedError

    monkeypatch.setattr(made, "working", lambda: contextlib.nullcontext(shop))
    monkeypatch.setattr(made, "series", lambda: "3.11")
    monkeypatch.setattr(made, "unpack", unpack)
    with pytest.raises(InterruptedError):
        made.fill(str(place / "release"), [])
    assert [path.startswith(shop.home + os.sep) for path in seen] == [private]


def test_a_tree_that_a_build_has_nested_without_end_is_refused_in_a_sentence(place: Path) -> None:
    top = place / "release"
    deep = top
    for _level in range(150):
        deep.mkdir()
        os.chown(deep, builder_user.FIRST, builder_user.FIRST)
        deep = deep / "deep"
    with pytest.raises(releases.StoreError, match="lies 101 directories deep, which no package should do"):
        takeover.take(str(top), builder_user.FIRST)


# -- who holds what ------------------------------------------------------------------------------------------------------

HOLDING = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print('held', flush=True); sys.stdin.read()"


def test_a_user_who_holds_a_release_is_named_and_may_be_overruled(site: Site) -> None:
    site.present(**parameters())
    hold = site.path.resolve() / ".tensorwright.hold"
    with subprocess.Popen(
        [SYSTEM, "-c", HOLDING, str(hold)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=65534
    ) as process:
        try:
            assert hear(process) == "held"
            refused = site.state("absent")
            assert f"in use by process {process.pid} of user nobody" in refused["msg"]
            assert "tensorflow_pip_in_use: ignore" in refused["msg"]
            assert site.state("absent", in_use="ignore")["changed"] is True
        finally:
            process.kill()
    assert not site.store.exists()


def test_who_fills_the_cache_is_named(site: Site) -> None:
    site.present("2.19.0", **parameters())
    lock = site.store / "cache" / ".tensorwright.lock"
    with open(lock, "r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen(
            [SYSTEM, "-c", HOLDING.replace("fcntl.flock(f, fcntl.LOCK_SH); ", ""), str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert hear(process) == "held"
            failed = site.try_present(**parameters())
            process.kill()
    assert f"another run has been filling the cache {site.store}/cache" in failed["msg"]
    assert f"process {process.pid} of user root" in failed["msg"]


def test_only_the_builder_s_processes_are_killed(place: Path) -> None:
    """In a process namespace of its own: what it must not kill would be everything."""
    program = place / "kill.py"
    program.write_text(
        "import os, subprocess, time\n"
        "from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user\n"
        "others = [subprocess.Popen(['sleep', '60'], preexec_fn=lambda uid=uid: os.setuid(uid)) for uid in (0, 1234)]\n"
        "with builder_user.borrowed() as account:\n"
        "    mine = subprocess.Popen(['sh', '-c', 'sleep 60 & sleep 60'], preexec_fn=account.becoming())\n"
        "    time.sleep(0.3)\n"
        "    account.stop()\n"
        "    print(mine.wait(), [other.poll() for other in others])\n"
    )
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", sys.executable, str(program)]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "-9 [None, None]\n"
