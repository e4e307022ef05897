# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases that lost something: seen by each look, built anew beside, and told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import cache_marks
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import footprints

from tests.support import power_cuts
from tests.unit.support.environment_site import Site


def drift(site: Site) -> list[str]:
    """Return what the environment's receipt tells."""
    receipt = json.loads((site.store / "receipts" / f"{site.path.name}.json").read_text())
    return footprints.drift(receipt["footprint"])


def module_file(site: Site) -> Path:
    (file,) = site.release(site.current).glob("lib/*/site-packages/tensorflow/lazy.py")
    return file


def replace(file: Path, text: str) -> None:
    """Give the file another content, and the cache it is linked from not."""
    file.unlink()
    file.write_text(text)


def empty(file: Path) -> None:
    """As after a power cut; the cache's file is the same one."""
    os.truncate(file, 0)


def turn(file: Path) -> None:
    """Another content of the same size."""
    replace(file, file.read_text()[::-1])


def whole(site: Site) -> bool:
    """Tell whether users have what the wheels brought, and the runs have nothing more to do."""
    assert power_cuts.damage(site.path) == []
    assert power_cuts.imported(site.path) == "2.20.0"
    assert drift(site) == []
    return not site.present(inputs="x")["changed"]


@pytest.mark.parametrize("how", [empty, Path.unlink, turn])
def test_a_damaged_file_is_seen_and_mended(site: Site, how: Callable[[Path], None]) -> None:
    name = site.present(inputs="x")["release"]
    assert drift(site) == []
    file = module_file(site)
    how(file)
    said = f"is damaged: {file.relative_to(site.release(name))} is missing or not as installed"
    assert drift(site) == [f"{site.release(name)} {said}"]
    looked = site.present(inputs="x", _ansible_check_mode=True)
    assert (looked["changed"], looked["rebuilt"]) == (
        True,
        [f"Release {name} {said}, so it would be built anew beside it."],
    )
    mended = site.present(inputs="x")
    assert (mended["release"], mended["rebuilt"]) == (
        f"{name}-2",
        [f"Release {name} {said}, so it was built anew beside it."],
    )
    assert site.releases == [f"{name}-2"]  # nobody is to go back to the other
    assert whole(site)


def test_several_damaged_files_are_counted(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    for file in (site.release(name)).glob("lib/*/site-packages/numpy/*.py"):
        empty(file)
    empty(module_file(site))
    assert drift(site)[0].endswith("numpy/__init__.py and 1 more are missing or not as installed")


def test_what_people_do_to_an_environment_is_no_damage(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    release, file = site.release(name), module_file(site)
    (file.parent / "more.py").write_text("more = 1\n")
    with (release / "bin" / "activate").open("a") as script:
        script.write("export DATA=/srv/data\n")
    os.utime(file)
    assert drift(site) == []
    assert site.present(inputs="x")["changed"] is False
    empty(release / "bin" / "activate")
    assert drift(site) == [f"{release} is damaged: bin/activate is missing or not as installed"]


def test_a_release_whose_session_fails_is_built_anew_beside_it(site: Site) -> None:
    """Damaged so that its sizes and times tell nothing."""
    name = site.present(inputs="x")["release"]
    (file,) = site.release(name).glob("lib/*/site-packages/tensorflow/__pycache__/__init__.*.pyc")
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:16] + bytes(len(content) - 16))  # its header is right: Python believes the rest
    assert drift(site) == []
    assert site.present(inputs="x")["changed"] is False
    mended = site.present(inputs="x", prove=True)
    assert mended["release"] == f"{name}-2"
    (why,) = mended["rebuilt"]
    assert why.startswith(f"Release {name} fails its session (the session test failed: ")
    assert site.releases == [f"{name}-2"]
    assert whole(site)


def test_a_release_whose_session_fails_stays_where_no_other_can_be_built(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    (file,) = site.release(name).glob("lib/*/site-packages/tensorflow/__init__.py")
    replace(file, "import nothing_of_this_name\n")
    site.index.fail(503)
    failed = site.try_present(inputs="x", prove=True)
    assert failed["msg"].endswith(f"release {name} stays in use")
    assert site.releases == [name]
    site.index.failures.clear()
    assert site.present(inputs="x")["release"] == f"{name}-2"


def test_a_session_that_no_release_would_pass_builds_none(site: Site) -> None:
    name = site.present()["release"]
    failed = site.try_present(session_user="nosuchuser", prove=True)
    assert failed["msg"].endswith(f"release {name} stays in use")
    assert site.releases == [name]


def test_a_rebuild_can_be_asked_for(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    assert site.present(inputs="x", rebuild=True, _ansible_check_mode=True)["changed"] is True
    assert site.present(inputs="x", rebuild=True)["release"] == f"{name}-2"
    assert whole(site)
    assert site.state("rolled_back")["release"] == name


def test_a_release_of_an_earlier_version_is_held_against_its_wheels(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    files = site.release(name) / ".tensorwright.files"
    before = files.read_text()
    files.unlink()
    assert site.present(inputs="x")["release"] == name
    assert files.read_text() == before
    assert whole(site)
    files.unlink()
    empty(module_file(site))
    assert site.present(inputs="x")["release"] == f"{name}-2"


def test_a_list_that_makes_no_sense_is_damage(site: Site) -> None:
    name = site.present(inputs="x")["release"]
    (site.release(name) / ".tensorwright.files").write_text("{")
    assert drift(site) == [f"{site.release(name)} is damaged: .tensorwright.files is missing or not as installed"]
    assert site.present(inputs="x")["release"] == f"{name}-2"


def test_rolling_back_passes_over_a_damaged_release(site: Site) -> None:
    first = site.present("2.19.0", keep=3)["release"]
    second = site.present("2.20.0", keep=3)["release"]
    site.present("2.21.0", keep=3)
    (file,) = site.release(second).glob("lib/*/site-packages/tensorflow/lazy.py")
    file.unlink()
    assert site.state("rolled_back")["release"] == first
    site.present("2.21.0", keep=3)
    for file in site.release(first).glob("lib/*/site-packages/tensorflow/lazy.py"):
        file.unlink()
    failed = site.state("rolled_back")
    assert f"release {first}, the one before, is damaged: lib/" in failed["msg"]


def test_a_damaged_cache_is_no_source_of_a_release(site: Site) -> None:
    site.present()
    for file in site.store.glob("cache/uv/archive-v0/*/tensorflow/lazy.py"):
        replace(file, "")
    made = site.present(rebuild=True)
    assert power_cuts.damage(site.path) == []
    assert made["rebuilt"] == []


def test_a_damaged_cache_of_somebody_elses_is_named(site: Site, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    name = site.present(cache=str(cache))["release"]
    for file in cache.glob("uv/archive-v0/*/tensorflow/lazy.py"):
        replace(file, "")
    failed = site.try_present(cache=str(cache), rebuild=True)
    assert f"lazy.py damaged; empty its cache, {cache}, or look for what is wrong with the disk" in failed["msg"]
    assert site.current == name
    assert list(cache.iterdir())


@pytest.mark.parametrize("name", ["tensorflow", "beside"])
def test_a_cache_is_emptied_after_a_power_cut_in_the_middle_of_a_build(
    site: Site, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose build it was does not matter: they share the cache."""
    site.present()
    stray = site.store / "cache" / "stray"
    stray.touch()
    beside = releases.Environment(str(site.path.with_name(name)))
    cache_marks.write(beside)
    site.present()
    assert stray.exists()  # killed in this boot: the kernel has not forgotten what it wrote
    cache_marks.write(beside)
    monkeypatch.setattr(cache_marks, "BOOT", "/proc/sys/kernel/random/uuid")
    site.present()
    assert not stray.exists()
    assert list(site.store.glob("locks/*.building")) == []
