# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom a build from source runs what the checkout brings, where the module acts as root: the checkout writes it down itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import kept as kept_builds

from tests.doubles import source_tree
from tests.unit.modules.test_environment_builder import (  # noqa: F401  # place, site and witness are fixtures
    SYSTEM,
    heard,
    place,
    pytestmark,
    saying,
    site,
    witness,
)
from tests.unit.support.environment_site import Site, is_running, run_module, wait_until

NAME = "0123456789ab"
Asking = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(place: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Asking:  # noqa: F811
    """Return what lays out a mirror and gives the parameters of a build of it."""

    def made(configure: str = "", packager: str = "") -> dict[str, Any]:
        monkeypatch.setattr(source_tree, "HOLD", str(place / "hold"))
        monkeypatch.setattr(source_tree, "CONFIGURE_PY", configure + "\n" + source_tree.CONFIGURE_PY)
        monkeypatch.setattr(source_tree, "PACKAGER", source_tree.PACKAGER + packager + "\n")
        mirror = place / "mirror"
        mirror.mkdir()
        commit = source_tree.repository(mirror / "tensorflow.git")
        (mirror / "bazelisk").write_text(source_tree.BAZELISK)
        bazel = mirror / source_tree.BAZEL / f"bazel-{source_tree.BAZEL}-linux-{os.uname().machine}"
        bazel.parent.mkdir()
        bazel.write_text(source_tree.bazel())
        compiler = os.path.realpath(shutil.which("gcc") or "gcc")
        return {
            "path": str(site.path),
            "name": NAME,
            "key": NAME,
            "version": source_tree.VERSION,
            "url": f"file://{mirror}/tensorflow.git",
            "tag": f"v{source_tree.VERSION}",
            "commit": commit,
            "bazel": source_tree.BAZEL,
            "bazelisk": {"url": f"file://{mirror}/bazelisk", "sha256": sha256(mirror / "bazelisk")},
            "bazel_url": f"file://{mirror}/",
            "bazel_sha256": sha256(bazel),
            "compiler": compiler,
            "python": SYSTEM,
            "installer": site.uv,
            "index_url": site.index.url,
            "requirements": ["numpy"],
            "environment": ["TF_NEED_CLANG=0", f"GCC_HOST_COMPILER_PATH={compiler}"],
            "retries": 0,
        }

    return made


@pytest.fixture(autouse=True)
def nothing_left_running(site: Site) -> Iterator[None]:  # noqa: F811
    """End the builds that a failed test leaves."""
    yield
    for process in kept_builds.at_work(releases.Environment(str(site.path))).values():
        if process:
            os.kill(process, signal.SIGKILL)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(asked: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Build, and return the answer of the module that waits for it."""
    run_module("source_build", **{**asked, **other})
    return run_module("source_build", state="finished", path=asked["path"], name=NAME, wait=60)


def of(site: Site, *names: str) -> Path:  # noqa: F811
    return site.store.joinpath("builds", NAME, *names)


def test_nothing_of_a_checkout_runs_as_root(ask: Asking, site: Site, witness: Path) -> None:  # noqa: F811
    done = build(ask(saying(witness, "configure"), saying(witness, "packager")))
    assert done.get("finished"), done
    found = heard(witness)
    assert {"configure", "packager", "pth"} <= set(found)
    assert all(builder_user.FIRST <= uid <= builder_user.LAST for uids in found.values() for uid in uids), found
    wheel = Path(done["wheel"]["path"])
    assert (wheel.stat().st_uid, stat.S_IMODE(wheel.stat().st_mode)) == (0, 0o644)
    assert {path.stat().st_uid for path in of(site).iterdir()} == {0}
    assert not (site.store / "cache" / "uv").exists()  # what its packages could have spoilt


def test_a_file_of_root_s_is_never_taken_for_the_wheel(ask: Asking, place: Path, site: Site) -> None:  # noqa: F811
    secret = place / "secret"
    secret.write_text("of root's alone")
    secret.chmod(0o600)
    laid = f"""
name = os.path.join(out, os.listdir(out)[0])
os.unlink(name)
os.symlink({str(secret)!r}, name)
"""
    failed = build(ask("", laid))
    assert "it is no file of the build's own" in failed["msg"]
    assert not list(of(site).glob("*.whl"))


def test_an_interrupted_build_goes_on_as_the_user_that_it_had(ask: Asking, site: Site, place: Path) -> None:  # noqa: F811
    asked = ask()
    (place / "hold").touch()
    run_module("source_build", **asked)
    compiled = of(site, "output", "compiled")
    wait_until(lambda: compiled.exists() and len(compiled.read_text().splitlines()) == source_tree.PARTS - 2, 60)
    process = int(json.loads(of(site, "state.json").read_text())["process"])
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not is_running(process))
    before = of(site, "builder").read_text()
    (place / "hold").unlink()
    done = build(asked, keep_tree=True)
    assert done.get("finished"), done
    assert of(site, "builder").read_text() == before
    assert len(compiled.read_text().splitlines()) == source_tree.PARTS  # none of them twice
    for name in ("tree", "output", "python", "home"):  # whoever has that number next is somebody else
        status = of(site, name).stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o700)


def test_what_another_user_has_had_is_made_anew(ask: Asking, site: Site) -> None:  # noqa: F811
    asked = ask()
    of(site, "tree", ".git").mkdir(parents=True)
    of(site, "tree", ".git", "config").write_text("[core]\n\tfsmonitor = false\n")
    done = build(asked, keep_tree=True)
    assert done.get("finished"), done
    assert of(site, "tree", ".git", "config").stat().st_uid == int(of(site, "builder").read_text())
