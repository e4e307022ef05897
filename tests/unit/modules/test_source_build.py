# SPDX-License-Identifier: GPL-3.0-or-later
"""A build from source in full: the process that outlives the module, its steps, its interruption, and what is kept.

The repository, bazelisk and Bazel are stand-ins; git, the compiler and the package installer are real.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import kept as kept_builds

from tests.doubles import source_tree
from tests.unit.plugin_utils.plan.hosts import driver, planned, ubuntu
from tests.unit.plugin_utils.plan.test_source_build import A100
from tests.unit.support.environment_site import PYTHON, Site, is_running, run_module, wait_until

COMPILER = os.path.realpath(shutil.which("gcc") or "gcc")
NAME = "0123456789ab"


@pytest.fixture
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lets the stand-in Bazel wait."""
    place = tmp_path / "hold"
    monkeypatch.setattr(source_tree, "HOLD", str(place))
    return place


@pytest.fixture
def asked(tmp_path: Path, site: Site, hold: Path) -> dict[str, Any]:
    """The parameters of a build, with a mirror of its own."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    commit = source_tree.repository(mirror / "tensorflow.git")
    (mirror / "bazelisk").write_text(source_tree.BAZELISK)
    bazel = mirror / source_tree.BAZEL / f"bazel-{source_tree.BAZEL}-linux-{os.uname().machine}"
    bazel.parent.mkdir()
    bazel.write_text(source_tree.bazel())
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
        "compiler": COMPILER,
        "python": PYTHON,
        "installer": site.uv,
        "index_url": site.index.url,
        "requirements": ["numpy"],
        "environment": ["TF_NEED_CLANG=0", f"GCC_HOST_COMPILER_PATH={COMPILER}", "CC_OPT_FLAGS=-Wno-sign-compare"],
        "jobs": 3,
        "memory_mb": 1234,
        "retries": 0,
    }


@pytest.fixture(autouse=True)
def nothing_left_running(site: Site) -> Iterator[None]:
    """End the builds that a failed test leaves."""
    yield
    for process in kept_builds.at_work(releases.Environment(str(site.path))).values():
        if process:
            os.kill(process, signal.SIGKILL)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def place(site: Site) -> Path:
    return site.path.parent / ".tensorwright" / "builds" / NAME


def begin(asked: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Begin or join the build."""
    return run_module("source_build", **{**asked, **other})


def finish(asked: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Wait for it."""
    return run_module("source_build", state="finished", path=asked["path"], name=asked["name"], **{"wait": 60, **other})


def process_of(asked: dict[str, Any]) -> int:
    """Return the process that builds."""
    told = json.loads((Path(asked["path"]).parent / ".tensorwright/builds" / NAME / "state.json").read_text())
    return int(told["process"])


def test_it_builds_a_wheel_and_clears_what_only_building_needs(asked: dict[str, Any], site: Site) -> None:
    begun = begin(asked)
    assert (begun["changed"], begun["finished"]) == (True, False)
    done = finish(asked)
    assert done["finished"], done
    wheel = done["wheel"]
    assert wheel["commit"] == asked["commit"]
    assert wheel["sha256"] == sha256(Path(wheel["path"]))
    assert {"tensorflow/__init__.py", "tensorflow/libtensorflow_stand_in.so"} <= set(
        zipfile.ZipFile(wheel["path"]).namelist()
    )
    left = {path.name for path in place(site).iterdir()}
    assert left == {"build.log", "constraints.txt", "lock", "record.json", "state.json", wheel["file"]}
    again = begin(asked)
    assert (again["changed"], again["wheel"]) == (False, wheel)


def test_bazel_is_told_the_limits_and_keeps_all_in_the_build(asked: dict[str, Any], site: Site) -> None:
    begin(asked, keep_tree=True, options=["--config=nogcp"])
    assert finish(asked)["finished"]
    calls = (place(site) / "output" / "calls").read_text().splitlines()
    assert len(calls) == 2
    for option in ("--jobs=3", "--local_ram_resources=1234", "--config=opt", "--config=nogcp"):
        assert option in calls[0].split()
    assert calls[1] == "shutdown"
    assert not (Path.home() / ".cache" / "bazel").exists()
    assert (place(site) / "tree" / "WORKSPACE").exists()


def test_a_build_outlives_who_began_it_and_can_be_joined(asked: dict[str, Any], hold: Path) -> None:
    hold.touch()
    begin(asked)
    waiting = finish(asked, wait=0)
    assert not waiting["finished"]
    assert "min" in waiting["progress"]
    tired = finish(asked, wait=60, since=time.time() - 10, patience=10)
    assert "is not yet built in" in tired["msg"]
    assert f"as process {process_of(asked)} (" in tired["msg"]
    joined = begin(asked)
    assert (joined["changed"], joined["finished"]) == (False, False)
    hold.unlink()
    assert finish(asked)["finished"]


def test_an_interrupted_build_goes_on_where_it_was(asked: dict[str, Any], site: Site, hold: Path) -> None:
    hold.touch()
    begin(asked)
    compiled = place(site) / "output" / "compiled"
    wait_until(lambda: compiled.exists() and len(compiled.read_text().splitlines()) == source_tree.PARTS - 2, 60)
    process = process_of(asked)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not is_running(process))
    stopped = finish(asked)
    assert stopped["failed"]
    assert "the next run goes on where it was" in stopped["msg"]
    hold.unlink()
    head = place(site) / "tree" / ".git" / "HEAD"
    checked_out = head.stat().st_mtime_ns
    assert begin(asked, keep_tree=True)["changed"]
    assert finish(asked)["finished"]
    assert len(compiled.read_text().splitlines()) == source_tree.PARTS  # none of them twice
    assert head.stat().st_mtime_ns == checked_out


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"commit": "0" * 40}, "and tensorflow_source_commit names 0000"),
        ({"tag": "v9.9.9"}, "v9.9.9"),
        ({"bazelisk": {"sha256": "0" * 64}}, "a download is not the file that was expected"),
        ({"bazel_sha256": "0" * 64}, "bazel"),
        ({"version": "2.14.0"}, "one wheel of TensorFlow 2.14.0 was to be built, and there is tensorflow-2.14.1-"),
        (
            {"environment": ["TF_NEED_CLANG=1", "CLANG_COMPILER_PATH=/nowhere/clang"]},
            "/nowhere/clang cannot be found",
        ),
        ({"requirements": ["no-such-thing"]}, "no-such-thing"),
    ],
)
def test_a_failure_is_told_once_and_the_next_run_tries_again(
    asked: dict[str, Any], other: dict[str, Any], why: str
) -> None:
    wrong = {**other, "bazelisk": {**asked["bazelisk"], **other["bazelisk"]}} if "bazelisk" in other else other
    begin(asked, **wrong)
    failed = finish(asked)
    assert failed["failed"]
    assert why in failed["msg"] + failed["output"], failed
    assert "Traceback" not in failed["msg"]
    assert begin(asked)["changed"]
    assert finish(asked)["finished"]


def test_a_build_for_gpus_is_asked_nothing_either(asked: dict[str, Any], site: Site) -> None:
    gpu = {
        "gpus": [A100],
        "driver": driver("580.82.07"),
        "path": {"absolute": str(site.path)},
        "source": {"memory_mb": 64000},
    }
    request = {"method": "source", "version": "2.10.1", "tensorrt": True}
    plan = planned(request, ubuntu("20.04", **gpu), names={"tensorflow_source_compiler": COMPILER})
    begin(asked, environment=plan["build"]["environment"], capabilities=["8.0", "9.0"], keep_tree=True)
    assert finish(asked)["wheel"]["capabilities"] == ["8.0", "9.0"]
    log = (place(site) / "build.log").read_text()
    assert "Please specify" not in log
    assert "Do you wish" not in log
    chosen = (place(site) / "tree" / ".tf_configure.bazelrc").read_text()
    assert 'TF_CUDA_COMPUTE_CAPABILITIES="8.0,9.0"' in chosen
    assert {"build --config=cuda", "build --config=tensorrt"} <= set(chosen.splitlines())


def test_a_bazelisk_that_is_not_the_one_is_fetched_anew(asked: dict[str, Any], site: Site) -> None:
    program = place(site).parent / f"bazelisk-{asked['bazelisk']['sha256'][:12]}"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 1\n")
    begin(asked)
    assert finish(asked)["finished"]
    assert sha256(program) == asked["bazelisk"]["sha256"]


def test_check_mode_builds_nothing(asked: dict[str, Any], site: Site) -> None:
    rehearsed = begin(asked, _ansible_check_mode=True)
    assert rehearsed["changed"]
    assert not place(site).exists()


def test_kept_wheels_are_named_by_a_receipt_and_others_are_removed(asked: dict[str, Any], site: Site) -> None:
    begin(asked)
    finish(asked)
    shutil.copytree(place(site), place(site).with_name("older"))
    kept = run_module("source_build", state="kept", path=asked["path"], name=NAME, names=[NAME], inputs="i")
    assert kept["removed"] == [str(place(site).with_name("older"))]
    receipt = json.loads(place(site).with_name(site.path.name + ".json").read_text())
    assert receipt["role"] == "tensorflow_source"
    assert str(place(site) / "record.json") in receipt["footprint"]["files"]
    assert not run_module("source_build", state="kept", path=asked["path"], name=NAME, names=[NAME], inputs="i")[
        "changed"
    ]


def test_the_environment_is_made_from_it_and_takes_it_along(asked: dict[str, Any], site: Site, hold: Path) -> None:
    begin(asked)
    wheel = finish(asked)["wheel"]
    run_module("source_build", state="kept", path=asked["path"], name=NAME, names=[NAME], inputs="i")
    made = site.present(
        requirements=[f"tensorflow=={source_tree.VERSION}"],
        version=source_tree.VERSION,
        wheel={"url": f"file://{wheel['path']}", "sha256": wheel["sha256"]},
    )
    assert made["session"]["greeting"] == "Hello, TensorFlow!"
    removed = run_module("environment", path=asked["path"], state="absent")
    assert str(place(site).parent) in removed["removed"]
    assert not (site.path.parent / ".tensorwright").exists()


def test_nothing_is_removed_while_it_is_built(asked: dict[str, Any], hold: Path) -> None:
    hold.touch()
    begin(asked)
    time.sleep(0.1)
    refused = run_module("environment", path=asked["path"], state="absent")
    assert refused["failed"]
    assert "TensorFlow is being built in" in refused["msg"]
    hold.unlink()
    assert finish(asked)["finished"]
