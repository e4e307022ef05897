# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import release_pin

from tests.unit.support.environment_site import PYTHON, hear, running, tell
from tests.unit.support.interpreters import interpreter

VERSIONS = ["2.7", "3.6", "3.7", "3.8", "3.9", "3.12", "3.13"]
SHOW = """
import json, os, site, sys
def exists(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print(json.dumps({
    "prefix": sys.prefix, "exec_prefix": sys.exec_prefix, "executable": sys.executable, "path": sys.path,
    "prefixes": site.PREFIXES, "held": [fd for fd in range(3, 200) if exists(fd)],
}))
"""


def make_release(store: Path, name: str, python: str = PYTHON) -> Path:
    """Make a virtualenv with the pin in it, as the module does."""
    release = store / name
    version = subprocess.check_output(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    ).strip()
    if version == "2.7":
        site_packages = make_old_virtualenv(release, python)
    else:
        # Without the caller's variables: one virtualenv's Python starts another here.
        subprocess.run([python, "-m", "venv", "--without-pip", release], check=True)
        site_packages = release / "lib" / f"python{version}" / "site-packages"
    shutil.copy(str(release_pin.__file__), site_packages / "_tensorwright_release.py")
    (site_packages / "zz_tensorwright.pth").write_text("import _tensorwright_release; _tensorwright_release.pin()\n")
    (site_packages / "part.py").write_text(f"RELEASE = {name!r}\n")
    (release / releases.HOLD).touch()
    return site_packages


def make_old_virtualenv(release: Path, python: str) -> Path:
    """Make what virtualenv makes for Python 2.7: a copy of the interpreter beside a library that consists of links."""
    library = Path(subprocess.check_output([python, "-c", "import os; print(os.__file__)"], text=True).strip()).parent
    target = release / "lib" / "python2.7"
    (release / "bin").mkdir(parents=True)
    target.mkdir(parents=True)
    shutil.copy(os.path.realpath(python), release / "bin" / "python")
    for entry in library.iterdir():
        if entry.name != "site-packages":
            (target / entry.name).symlink_to(entry)
    (target / "site-packages").mkdir()
    return target / "site-packages"


def ask(python: Path, program: str = SHOW, *arguments: str, **environment: str) -> Any:
    command = [str(python), "-c", program, *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return json.loads(subprocess.check_output(command, env={**kept, **environment}, text=True, timeout=20))


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """An environment's path that leads to the release `one`."""
    make_release(tmp_path / ".tensorwright", "one")
    (tmp_path / "tensorflow").symlink_to(".tensorwright/one")
    return tmp_path / "tensorflow"


def switch(link: Path, name: str) -> None:
    fresh = link.with_name("fresh")
    fresh.symlink_to(f".tensorwright/{name}")
    fresh.rename(link)


@pytest.mark.parametrize("through", ["link", "release"])
def test_a_python_belongs_to_its_release_however_it_was_started(link: Path, through: str) -> None:
    release = link.resolve()
    started = ask((link if through == "link" else release) / "bin" / "python")
    assert started["prefix"] == started["exec_prefix"] == str(release)
    assert started["executable"] == str(release / "bin" / "python")
    assert started["prefixes"][0] == str(release)
    assert not any(path.startswith(f"{link}/") for path in started["path"])
    assert any(path.startswith(f"{release}/") for path in started["path"])


def test_a_path_of_the_users_through_the_link_is_resolved_as_well(link: Path) -> None:
    started = ask(link / "bin" / "python", PYTHONPATH=f"{link}/mine:/elsewhere:{link}-other/x")
    assert f"{link.resolve()}/mine" in started["path"]
    assert "/elsewhere" in started["path"]
    assert f"{link}-other/x" in started["path"]


def test_no_place_is_searched_twice(link: Path) -> None:
    site_packages = next(link.resolve().glob("lib/*/site-packages"))
    started = ask(
        link / "bin" / "python", PYTHONPATH=f"{site_packages}:{link}/lib/{site_packages.parent.name}/site-packages"
    )
    assert len(started["path"]) == len(set(started["path"]))
    assert str(site_packages) in started["path"]


def test_what_is_imported_after_a_switch_comes_from_the_old_release(link: Path) -> None:
    make_release(link.parent / ".tensorwright", "two")
    program = "import sys; print('ready', flush=True); sys.stdin.readline(); import part; print(part.RELEASE)"
    with running(link / "bin" / "python", "-c", program) as process:
        assert hear(process) == "ready"
        switch(link, "two")
        tell(process)
        assert hear(process) == "one"
    assert ask(link / "bin" / "python", "import part; print(repr(part.RELEASE).replace(chr(39), chr(34)))") == "two"


def test_children_of_a_process_belong_to_its_release(link: Path) -> None:
    """multiprocessing starts its workers by sys.executable."""
    make_release(link.parent / ".tensorwright", "two")
    program = (
        "import os, subprocess, sys; os.rename(*sys.argv[1:3]); subprocess.call([sys.executable, '-c', sys.argv[3]])"
    )
    fresh = link.with_name("fresh")
    fresh.symlink_to(".tensorwright/two")
    show = "import json, part; print(json.dumps(part.RELEASE))"
    assert ask(link / "bin" / "python", program, str(fresh), str(link), show) == "one"


def test_a_python_holds_its_release_while_it_lives(link: Path) -> None:
    release = str(link.resolve())
    # Before anything is imported: no file of the release is mapped, and the command line names the link.
    with running(link / "bin" / "python", "-c", "print('ready', flush=True); input()") as process:
        assert hear(process) == "ready"
        assert releases.users_of(release) in ([0], [process.pid])
        assert releases._held(f"{release}/{releases.HOLD}")
    assert releases.users_of(release) == []


def test_one_descriptor_is_held_out_of_the_way_of_programs(link: Path) -> None:
    assert ask(link / "bin" / "python")["held"] == [release_pin.FIRST_FD]
    twice = "import site, sys; site.addsitedir(site.getsitepackages()[0])\n" + SHOW
    assert ask(link / "bin" / "python", twice)["held"] == [release_pin.FIRST_FD]


def test_programs_that_a_python_starts_do_not_hold_the_release(link: Path) -> None:
    program = (
        "import subprocess; print(subprocess.Popen(['sleep', '60'], close_fds=False, stdout=subprocess.DEVNULL).pid)"
    )
    pid = ask(link / "bin" / "python", program)
    try:
        assert releases.users_of(str(link.resolve())) == []
    finally:
        os.kill(pid, 9)


def test_a_release_without_its_file_still_starts(link: Path) -> None:
    (link / releases.HOLD).unlink()
    assert ask(link / "bin" / "python")["prefix"] == str(link.resolve())


def test_a_release_that_another_process_locked_still_starts_at_once(link: Path) -> None:
    """Whoever can read the file can lock it."""
    import fcntl

    with open(link / releases.HOLD) as hold:
        fcntl.flock(hold, fcntl.LOCK_EX)
        assert ask(link / "bin" / "python")["prefix"] == str(link.resolve())


def test_a_virtualenv_on_top_holds_the_release_too(link: Path) -> None:
    site_packages = next(link.resolve().glob("lib/*/site-packages"))
    program = (
        "import sys, time; sys.path.append(sys.argv[1]); import _tensorwright_release as pin;"
        "pin.hold_site(sys.argv[1]); print('ready', flush=True); sys.argv[:] = []; time.sleep(60)"
    )
    with running(PYTHON, "-c", program, site_packages) as process:
        assert hear(process) == "ready"
        assert releases._held(str(link.resolve() / releases.HOLD))


@pytest.mark.parametrize("version", VERSIONS)
def test_it_runs_on_old_pythons_and_new(tmp_path: Path, version: str) -> None:
    site_packages = make_release(tmp_path / ".tensorwright", "one", interpreter(version))
    link = tmp_path / "tensorflow"
    link.symlink_to(".tensorwright/one")
    started = ask(link / "bin" / "python")
    assert started["prefix"] == str(link.resolve())
    assert not any(
        place == str(link) or place.startswith(f"{link}/") for place in started["prefixes"] + started["path"]
    )
    assert str(site_packages) in started["path"]
    assert len(started["path"]) == len(set(started["path"]))
    assert release_pin.FIRST_FD in started["held"]
