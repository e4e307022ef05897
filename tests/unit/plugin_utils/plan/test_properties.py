# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every request on every host."""

from __future__ import annotations

import json
import random
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import METHODS, ROLES
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import (
    DEFAULTS,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugin_utils.plan.hosts import A100, GTX980, H100, K80, P100, RTX5090, T4, UNKNOWN, V100

OURS = tables.load()
# A busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(PATIENT, max_examples=400)
# --- anything at all --------------------------------------------------------------------------------------------------

SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
ANYTHING = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
HOST_KEYS = [
    *("distribution", "release", "architecture", "glibc", "cpu_flags", "pythons", "gpus", "driver", "secure_boot"),
    *("free_mb", "become", "path", "environment", "user"),
]

# --- what people write ------------------------------------------------------------------------------------------------

VERSION = st.sampled_from(["latest", "nightly", *OURS.version_names])
PYTHON = st.sampled_from(["auto", *OURS.every_python])
SENSIBLE_REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "version": VERSION,
        "device": st.sampled_from(["auto", "cpu", "gpu"]),
        "method": st.sampled_from(list(METHODS)),
        "python": PYTHON,
        "cuda_from": st.sampled_from(["auto", "wheels", "apt"]),
        "tensorrt": st.sampled_from([True, False, "auto"]),
        "nccl": st.sampled_from([True, False, "auto"]),
        "driver_branch": st.sampled_from(["auto", *OURS.drivers]),
        "path": st.sampled_from(["~/tensorflow", "/opt/tensorflow"]),
    },
)
DRIVER = st.sampled_from([None, "384.81", "470.82.01", "525.60.13", "550.54.15", "580.95.05"])
PLATFORM = st.sampled_from([name.split(" ") for name in OURS.platforms])
INTERPRETERS = st.lists(
    st.builds(
        lambda version, directory: {"path": f"{directory}/python{version}", "version": f"{version}.1"},
        st.sampled_from(sorted(OURS.every_python)),
        st.sampled_from(["/usr/bin", "/usr/local/bin"]),
    ),
    max_size=3,
)


@st.composite
def sensible_hosts(draw: st.DrawFn) -> dict[str, Any]:
    """Hosts as the fact module describes them."""
    distribution, release = draw(PLATFORM)
    writable = draw(st.booleans())
    return {
        "distribution": distribution,
        "release": release,
        "architecture": draw(st.sampled_from(["x86_64", "x86_64", "aarch64", "riscv64"])),
        "glibc": OURS.platforms[f"{distribution} {release}"].glibc,
        "cpu_flags": draw(st.sampled_from([["avx", "avx2"], []])),
        "pythons": draw(INTERPRETERS),
        "gpus": draw(
            st.lists(st.sampled_from([K80, GTX980, P100, V100, T4, A100, H100, RTX5090, UNKNOWN]), max_size=3)
        ),
        "driver": {"installed": draw(DRIVER), "loaded": draw(DRIVER)},
        "free_mb": draw(st.integers(0, 99999)),
        "become": draw(st.booleans()),
        "path": {"absolute": "/opt/tensorflow", "writable": writable, "occupied": False, "blocked_by": None},
    }


def shape(value: Any) -> Any:
    """What kinds of values there are where."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else isinstance(value, list)


def assert_well_formed(plan: Plan) -> None:
    assert json.loads(json.dumps(plan)) == plan
    assert shape(plan) == shape({**blank()})
    for problem in plan["problems"]:
        told = sentence("h", problem)
        assert told.startswith("h: tensorflow_")
        assert "; accepted: " in told
        assert "\n" not in told


@PATIENT
@given(
    st.dictionaries(st.sampled_from([*DEFAULTS, "other"]), ANYTHING, max_size=6),
    st.dictionaries(st.sampled_from(HOST_KEYS), ANYTHING, max_size=8),
    st.lists(ANYTHING, max_size=3),
)
def test_anything_gives_a_plan_or_problems(request: dict[str, Any], host: dict[str, Any], names: list[Any]) -> None:
    assert_well_formed(resolve(request, host, names=names))


@PATIENT
@given(ANYTHING, ANYTHING)
def test_even_what_is_no_mapping(request: Any, host: Any) -> None:
    assert_well_formed(resolve(request, host))


@PATIENT
@given(
    st.dictionaries(
        st.sampled_from(tables.FILES), st.dictionaries(st.text(max_size=9), ANYTHING, max_size=3), max_size=2
    ),
    sensible_hosts(),
)
def test_any_overrides_are_taken_or_refused(rows: dict[str, Any], host: dict[str, Any]) -> None:
    assert_well_formed(resolve({"overrides": rows}, host))


@THOROUGH
@given(SENSIBLE_REQUEST, sensible_hosts())
def test_a_plan_without_problems_satisfies_every_row_it_used(request: dict[str, Any], host: dict[str, Any]) -> None:
    plan = resolve(request, host)
    assert_well_formed(plan)
    if plan["problems"]:
        assert not any("None" in sentence("h", problem) for problem in plan["problems"])
        return
    version, python, device = plan["tensorflow"]["version"], plan["python"]["version"], plan["device"]
    release = OURS.releases.get(version or "", OURS.nightly)
    series = OURS.series[release.series]
    assert version == ("nightly" if release.channel == "nightly" else release.version)
    assert device == request.get("device", "auto") or request.get("device", "auto") == "auto"
    if plan["method"] in ("virtualenv", "native", "conda"):
        wheels = release.wheels[host["architecture"]]
        assert python in wheels.pythons
        assert versions.at_least(host["glibc"], wheels.glibc)
        assert set(series.cpu_flags) <= set(host["cpu_flags"]) or host["architecture"] != "x86_64"
        assert any(build.package == plan["tensorflow"]["package"] for build in wheels.builds)
    if request.get("python", "auto") != "auto" and plan["method"] != "docker":
        assert python == request["python"]
    if plan["python"]["provider"] == "standalone":
        assert python in OURS.standalone
    elif plan["python"]["path"]:
        assert plan["python"]["path"] in [one["path"] for one in host["pythons"]]
    elif plan["python"]["provider"] == "deadsnakes":
        assert host["become"]
        assert python in OURS.platforms[f"{host['distribution']} {host['release']}"].deadsnakes
    elif plan["method"] not in ("docker", "conda"):
        assert host["become"]
        assert python in OURS.platforms[f"{host['distribution']} {host['release']}"].pythons
    if device == "gpu":
        assert_serves(plan, request, host)
    else:
        assert plan["driver"]["packages"] == plan["cuda"]["packages"] == []
        assert plan["cuda"]["from"] == "none"
    if plan["method"] in ("virtualenv", "conda", "source"):
        assert host["free_mb"] >= plan["space"]["needed_mb"]
        assert host["become"] or host["path"]["writable"]
    if plan["method"] == "native":
        assert host["become"]


def assert_serves(plan: Plan, request: dict[str, Any], host: dict[str, Any]) -> None:
    """The GPU part of a plan: code for a GPU of the host, a driver that runs it, and a repository that has its packages."""
    toolkit = OURS.cuda[plan["cuda"]["version"] or ""]
    driver = plan["driver"]
    assert host["gpus"]
    assert versions.at_least(driver["minimum"], toolkit.minimum_driver)
    if driver["packages"]:
        assert host["become"]
        assert int(driver["branch"] or 0) >= versions.major(driver["minimum"] or "")
    else:
        assert host["driver"]["loaded"]
        assert host["driver"]["installed"] in (None, host["driver"]["loaded"])
        assert versions.at_least(host["driver"]["loaded"], driver["minimum"])
    if request.get("driver_branch", "auto") != "auto":
        assert driver["branch"] == request["driver_branch"]
    if plan["cuda"]["from"] == "apt":
        assert plan["cuda"]["packages"]
        assert versions.within(toolkit.version, OURS.repositories[plan["repository"]["distro"] or ""].cuda)
    else:
        assert plan["cuda"]["packages"] == plan["cudnn"]["packages"] == []
    if request.get("tensorrt") is True:
        assert plan["tensorrt"]["version"]


@PATIENT
@given(SENSIBLE_REQUEST, sensible_hosts(), st.randoms(use_true_random=False))
def test_the_order_of_facts_never_matters(request: dict[str, Any], host: dict[str, Any], chance: random.Random) -> None:
    before = resolve(request, host)
    shuffled = {name: host[name] for name in chance.sample(list(host), len(host))}
    for name in ("pythons", "gpus", "cpu_flags"):
        shuffled[name] = chance.sample(host[name], len(host[name]))
    assert resolve(request, shuffled) == before
    assert resolve(request, host) == before


@PATIENT
@given(SENSIBLE_REQUEST, sensible_hosts())
def test_arguments_stay_as_they_are(request: dict[str, Any], host: dict[str, Any]) -> None:
    before = json.dumps([request, host])
    resolve(request, host)
    assert json.dumps([request, host]) == before


@PATIENT
@given(st.sampled_from(sorted(OURS.releases)), SENSIBLE_REQUEST, sensible_hosts())
def test_a_newer_release_never_breaks_an_explicit_request(
    version: str, request: dict[str, Any], host: dict[str, Any]
) -> None:
    newest = OURS.stable[0].version
    row = {"x86_64": {"python": "3.9 3.15", "glibc": "2.17", "packages": {"tensorflow": "gpu 600"}}}
    newer = tables.override({"tensorflow": {"releases": {f"{newest[:-1]}9": row}}})
    explicit = {**request, "version": version}
    before, after = resolve(explicit, host), resolve(explicit, host, tables=newer)
    assert before["tensorflow"] == after["tensorflow"]
    assert bool(before["problems"]) == bool(after["problems"])


@PATIENT
@given(SENSIBLE_REQUEST, sensible_hosts())
def test_what_is_not_built_yet_is_in_no_plan_that_holds(request: dict[str, Any], host: dict[str, Any]) -> None:
    plan = resolve(request, host)
    if not plan["problems"]:
        assert set(plan["roles"]) <= set(ROLES)
        providers = OURS.providers
        known = {name for name in providers if providers[name].implemented}
        assert plan["python"]["provider"] in ({None} if plan["method"] == "docker" else known)
