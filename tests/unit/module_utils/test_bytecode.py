# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils import bytecode

from tests.unit.environments import PYTHON, snapshot


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An installer's cache, from which the same files are linked into every release."""
    package = tmp_path / "cache" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from package import part\n")
    (package / "part.py").write_text("VALUE = 1\n")
    return tmp_path


def install(store: Path, name: str) -> Path:
    """Link the cache's files into a release's site-packages."""
    site_packages = store / name
    for source in (store / "cache").rglob("*.py"):
        target = site_packages / source.relative_to(store / "cache")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    return site_packages


def compile_release(store: Path, site_packages: Path) -> dict[str, int]:
    made = bytecode.Bytecode(PYTHON, str(site_packages), str(store / "bytecode"))
    linked = made.link()
    made.compile()
    return {"linked": linked, "kept": made.keep()}


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_the_second_release_links_what_the_first_compiled(store: Path) -> None:
    first, second = install(store, "one"), install(store, "two")
    assert compile_release(store, first) == {"linked": 0, "kept": 2}
    assert compile_release(store, second) == {"linked": 2, "kept": 0}
    for name in ("__init__.py", "part.py"):
        assert compiled(second / "package" / name).samefile(compiled(first / "package" / name))


def test_a_users_import_writes_nothing(store: Path) -> None:
    for name in ("one", "two"):
        site_packages = install(store, name)
        compile_release(store, site_packages)
        before = snapshot(site_packages)
        program = "import package; print(package.part.__cached__)"
        run = subprocess.run(
            [PYTHON, "-c", program], env={"PYTHONPATH": str(site_packages)}, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == str(compiled(site_packages / "package" / "part.py"))
        assert snapshot(site_packages) == before


def test_sources_that_are_not_the_caches_are_compiled_and_not_kept(store: Path) -> None:
    site_packages = install(store, "one")
    (site_packages / "own.py").write_text("x = 1\n")
    assert compile_release(store, site_packages) == {"linked": 0, "kept": 2}
    assert compiled(site_packages / "own.py").exists()
    assert compiled(site_packages / "own.py").stat().st_nlink == 1


def test_a_source_that_is_no_python_is_left_alone(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (store / "cache" / "package" / "template.py").write_text("class {{ name }}: '\\d'\n")
    (store / "cache" / "package" / "warned.py").write_text("x = '\\d'\n")
    site_packages = install(store, "one")
    assert compile_release(store, site_packages) == {"linked": 0, "kept": 3}
    assert not compiled(site_packages / "package" / "template.py").exists()
    assert compiled(site_packages / "package" / "warned.py").exists()
    # Standard output is where Ansible reads a module's answer.
    assert capfd.readouterr() == ("", "")


def test_a_stale_entry_is_never_imported(store: Path) -> None:
    """Another source under the same key: Python looks at the time and size that the bytecode names, and compiles anew."""
    first = install(store, "one")
    compile_release(store, first)
    (shelf,) = (store / "bytecode").iterdir()
    foreign = store / "foreign.py"
    foreign.write_text("VALUE = 'wrong'\n")
    subprocess.run([PYTHON, "-c", f"import py_compile; py_compile.compile({str(foreign)!r})"], check=True)
    for entry in list(shelf.iterdir()):
        entry.unlink()
        os.link(compiled(foreign), entry)
    second = install(store, "two")
    assert compile_release(store, second)["linked"] == 2
    program = "import package; print(package.part.VALUE)"
    run = [PYTHON, "-c", program]
    assert subprocess.check_output(run, env={"PYTHONPATH": str(second)}, text=True) == "1\n"


def test_a_cache_on_another_file_system_costs_time_not_the_release(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: str, _target: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    first, second = install(store, "one"), install(store, "two")
    compile_release(store, first)
    monkeypatch.setattr(os, "link", refuse)
    assert compile_release(store, second) == {"linked": 0, "kept": 0}
    assert compiled(second / "package" / "part.py").exists()


def test_what_an_import_compiled_is_kept_for_the_next_release(store: Path) -> None:
    first, second = install(store, "one"), install(store, "two")
    made = bytecode.Bytecode(PYTHON, str(first), str(store / "bytecode"))
    assert made.link() == 0
    subprocess.run([PYTHON, "-c", "import package"], env={"PYTHONPATH": str(first)}, check=True)
    os.unlink(compiled(first / "package" / "part.py"))
    assert made.keep() == 1
    assert compile_release(store, second) == {"linked": 1, "kept": 1}


@pytest.mark.parametrize(
    ("mode", "group", "members", "alone"),
    [
        (0o700, "alice", [], True),
        (0o750, "alice", [], True),
        (0o750, "alice", ["alice"], True),
        (0o750, "alice", ["bob"], False),
        (0o750, "staff", [], False),
        (0o740, "staff", ["bob"], True),
        (0o755, "alice", [], False),
        (0o701, "alice", [], False),
    ],
)
def test_who_can_pass_through_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, group: str, members: list[str], alone: bool
) -> None:
    gid = os.getegid()
    monkeypatch.setattr("pwd.getpwuid", lambda uid: pwd.struct_passwd(("alice", "x", uid, gid, "", "/home/alice", "")))
    monkeypatch.setattr("grp.getgrgid", lambda gid: grp.struct_group((group, "x", gid, members)))
    release = tmp_path / "home" / "release"
    release.mkdir(parents=True)
    open_above(tmp_path)
    tmp_path.joinpath("home").chmod(mode)
    assert bytecode.shared(str(release)) is not alone


def test_a_home_of_somebody_else_is_shared_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_above(tmp_path)
    (tmp_path / "home").mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert bytecode.shared(str(tmp_path / "home"))


def open_above(tmp_path: Path) -> None:
    """Open the directories that pytest closes to others."""
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)


def test_the_callers_python_settings_do_not_lead_bytecode_astray(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    site_packages = install(store, "one")
    compile_release(store, site_packages)
    assert (site_packages / "package" / "__pycache__").is_dir()
    assert not (tmp_path / "elsewhere").exists()
