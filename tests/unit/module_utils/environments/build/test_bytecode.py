# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import bytecode, workshop
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import compile_bytecode

from tests.unit.support.environment_site import PYTHON, children, snapshot


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


def compile_release(store: Path, site_packages: Path) -> tuple[int, int]:
    """Return how many files were linked, and how many kept for others."""
    return compiler(store).complete(str(site_packages))


def compiler(store: Path) -> bytecode.Bytecode:
    """Return what compiles a release, as whoever runs the tests and in a new directory."""
    directory = tempfile.mkdtemp(dir=store)
    return bytecode.Bytecode(PYTHON, str(store / "bytecode"), workshop.Workshop(directory))


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_the_second_release_links_what_the_first_compiled(store: Path) -> None:
    first, second = install(store, "one"), install(store, "two")
    assert compile_release(store, first) == (0, 2)
    assert compile_release(store, second) == (2, 0)
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
    assert compile_release(store, site_packages) == (0, 2)
    assert compiled(site_packages / "own.py").exists()
    assert compiled(site_packages / "own.py").stat().st_nlink == 1


def test_a_source_that_is_no_python_is_left_alone(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (store / "cache" / "package" / "template.py").write_text("class {{ name }}: '\\d'\n")
    (store / "cache" / "package" / "warned.py").write_text("x = '\\d'\n")
    site_packages = install(store, "one")
    assert compile_release(store, site_packages) == (0, 3)
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
    assert compile_release(store, second) == (2, 0)
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
    assert compile_release(store, second) == (0, 0)
    assert compiled(second / "package" / "part.py").exists()


def arrive(cache: Path, name: str) -> Path:
    """Unpack a wheel into uv's cache, in the place where a finished one stands."""
    package = cache / "archive-v0" / name
    package.mkdir(parents=True)
    (package / f"{name}.py").write_text("VALUE = 1\n")
    return package / f"{name}.py"


def test_what_the_installer_unpacks_is_compiled_while_it_works(store: Path) -> None:
    cache, site_packages = store / "uv", store / "one"
    old = arrive(cache, "old")
    release = compiler(store)
    with release.ahead(str(cache)):
        # The compilers have begun to watch as soon as they compile what comes.
        for number in range(1000):
            arrive(cache, f"probe{number}")
            time.sleep(0.05)
            if os.listdir(release.fresh):
                break
        filling = cache / ".tmpA1"
        filling.mkdir()
        (filling / "part.py").write_text("VALUE = 1\n")
        (filling / "template.py").write_text("{{ no python }}\n")
        key = compile_bytecode.key(os.lstat(filling / "part.py"))
        deadline = time.monotonic() + 30
        while key not in os.listdir(release.fresh) and time.monotonic() < deadline:
            time.sleep(0.05)
        (filling / "part.py").rename(cache / "archive-v0" / "part.py")
    site_packages.mkdir()
    os.link(cache / "archive-v0" / "part.py", site_packages / "part.py")
    os.link(old, site_packages / "old.py")
    assert release.complete(str(site_packages)) == (0, 2), "what was there before is none of the watchers' business"
    assert compiled(site_packages / "part.py").exists()


def test_a_file_that_was_half_written_when_it_was_compiled_is_compiled_again(store: Path) -> None:
    shelf, cache = store / "bytecode" / sys.implementation.cache_tag, store / "uv"
    shelf.mkdir(parents=True)
    source = arrive(cache, "growing")
    compile_bytecode.compile_source(str(source), str(shelf / compile_bytecode.key(os.lstat(source))))
    source.write_text("VALUE = 1\nVALUE = 2\n")
    site_packages = store / "one"
    site_packages.mkdir()
    os.link(source, site_packages / "growing.py")
    assert compile_release(store, site_packages) == (0, 1)


def test_compilers_end_with_the_installer_whatever_ends_it(store: Path) -> None:
    release = compiler(store)
    before, during = children(os.getpid()), []

    def interrupted() -> None:
        with release.ahead(str(store / "uv")):
            during.extend(children(os.getpid()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert set(during) > set(before)
    assert children(os.getpid()) == before


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
