# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases

from tests.doubles import tensorflow_wheel
from tests.unit.support.environment_site import Answer, Site, run_module, snapshot


def session(site: Site, version: str = "2.20.0", **changes: Any) -> Answer:
    return run_module("session", **{"python": str(site.path / "bin" / "python"), "version": version, **changes})


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_session_changes_nothing(site: Site, check_mode: bool) -> None:
    site.present()
    before = snapshot(site.root)
    answer = session(site, cuda_build=False, _ansible_check_mode=check_mode)
    assert answer["changed"] is False
    assert answer["session"]["greeting"] == "Hello, TensorFlow!"
    assert answer["session"]["tensorflow"] == "2.20.0"
    assert answer["session"]["user"] == releases.user_name(os.geteuid())
    assert snapshot(site.root) == before


def test_what_is_not_as_planned_fails(site: Site) -> None:
    site.present()
    failed = session(site, "2.21.0", cuda_build=True)
    assert failed["msg"] == (
        f"{site.path}/bin/python: TensorFlow 2.20.0 is installed, 2.21.0 is planned; "
        "the build is without GPU support, the plan wants one with"
    )
    assert failed["session"]["tensorflow"] == "2.20.0"


def test_a_broken_environment_fails_with_its_last_words(site: Site) -> None:
    site.present()
    source = next(site.release(site.current).glob("lib/*/site-packages")) / "tensorflow" / "__init__.py"
    source.unlink()
    broken = tensorflow_wheel.tensorflow("2.20.0", at_import="raise ImportError('lib.so')")
    source.write_text(str(broken.files["tensorflow/__init__.py"]))
    failed = session(site)
    assert failed["msg"].startswith(
        f"{site.path}/bin/python: the session test failed: an unknown failure, whose last words were:"
    )
    assert "ImportError: lib.so" in failed["msg"]
    assert "Traceback" in failed["output"]


def test_a_file_of_another_content_is_named(site: Site) -> None:
    """Of the same size and of the same times, so that no look sees it."""
    site.present()
    release = site.release(site.current)
    (source,) = release.glob("lib/*/site-packages/tensorflow/lazy.py")
    before, text = source.stat(), source.read_text()
    source.unlink()
    source.write_text(text.replace("2.20.0", "2.20.1"))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "failed" not in session(site)
    failed = session(site, release=str(site.path))
    assert failed["msg"] == (
        f"{release} is damaged: {source.relative_to(release)} is missing or not as installed; "
        "site.yml with -e tensorflow_rebuild=true builds it anew beside this one"
    )
    source.write_text(text)
    assert "failed" not in session(site, release=str(site.path))


def test_an_environment_that_is_not_there(site: Site, tmp_path: Path) -> None:
    site.path.parent.mkdir(parents=True)
    failed = session(site)
    assert failed["msg"].startswith(f"{site.path}/bin/python: ")
    assert "No such file or directory" in failed["msg"]


def test_a_user_that_does_not_exist(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user for the session")
    site.present()
    assert session(site, user="nosuchuser")["msg"].endswith("the session user 'nosuchuser' does not exist on this host")
