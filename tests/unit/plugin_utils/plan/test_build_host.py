# SPDX-License-Identifier: GPL-3.0-or-later
"""Who builds for whom."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import build_host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

from tests.unit.plugin_utils.plan.hosts import driver, planned
from tests.unit.plugin_utils.plan.test_source_build import A100, PREFIX, host

Machine = dict[str, Any]


def fleet(machines: dict[str, Machine], version: str = "2.14.1", **wishes: Any) -> dict[str, dict[str, Any]]:
    """The plans of several hosts, after each has told the others."""
    names = {PREFIX + name: value for name, value in wishes.items()}
    plans = {
        name: planned({"method": "source", "version": version}, one, names=names) for name, one in machines.items()
    }
    offers = {name: build_host.offer(plans[name], machines[name]) for name in machines}
    return {name: build_host.elect(plan, name, offers, list(machines)) for name, plan in plans.items()}


def roles(plans: dict[str, dict[str, Any]]) -> dict[str, tuple[str, bool]]:
    """Who gives each host its wheel, and whether it makes one itself."""
    return {name: (plan["build"]["host"], plan["build"]["makes"]) for name, plan in plans.items()}


def wheel(plan: dict[str, Any], *capabilities: str, glibc: str = "2.36") -> dict[str, Any]:
    """A record of the plan's wheel."""
    return {
        "key": plan["build"]["key"],
        "capabilities": list(capabilities),
        "glibc": glibc,
        "sha256": "a",
        "path": "/w",
    }


def having(machine: Machine, *wheels: dict[str, Any]) -> Machine:
    return {**machine, "source": {**machine["source"], "builds": list(wheels)}}


def test_the_first_of_the_same_plan_builds_for_all() -> None:
    plans = fleet({"a": host(), "b": host(), "c": host()})
    assert roles(plans) == {"a": ("a", True), "b": ("a", False), "c": ("a", False)}
    assert plans["a"]["build"]["users"] == ["b", "c"]
    assert plans["a"]["notes"][-1] == (
        "TensorFlow is built on this host, also for b and c: about 5 hours with 8 at once, 60000 MB below "
        "/opt/.tensorwright/builds and up "
        "to 51200 MB of memory."
    )
    assert plans["b"]["notes"][-1] == "The wheel comes from a."


def test_other_plans_are_built_apart() -> None:
    machines = {
        "a": host(),
        "b": host("12", pythons=[{"path": "/usr/bin/python3.10", "version": "3.10.1"}]),
        "c": host(),
    }
    assert roles(fleet(machines)) == {"a": ("a", True), "b": ("b", True), "c": ("a", False)}


def test_the_oldest_c_library_builds() -> None:
    python = [{"path": "/usr/bin/python3.11", "version": "3.11.1"}]
    machines = {"new": host("12", pythons=python), "old": host("11", pythons=python)}
    assert roles(fleet(machines)) == {"new": ("old", False), "old": ("old", True)}
    plans = fleet({"new": machines["new"], "old": {**machines["old"], "free_mb": 5000}})
    assert plans["new"]["build"]["host"] == "new"
    assert [sentence("old", one) for one in plans["old"]["problems"]] == [
        (
            "old: tensorflow_method is 'source', whose build needs 60000 MB below /opt/.tensorwright/builds, and 5000 MB are "
            "free there; "
            "accepted: a path with that much free, or tensorflow_source_build_host with a host that has it."
        )
    ]


def test_a_host_that_cannot_build_takes_from_one_that_can() -> None:
    plans = fleet({"small": host(free_mb=5000), "large": host()})
    assert roles(plans) == {"small": ("large", False), "large": ("large", True)}
    assert plans["small"]["problems"] == []


def test_the_wheel_has_code_for_the_gpus_of_all() -> None:
    hopper = {"name": "NVIDIA H100", "pci_id": "10de:2330", "compute_capability": "9.0", "memory_mb": 81559}
    machines = {
        name: host(
            "13", gpus=[gpu], driver=driver("580.82.07"), pythons=[{"path": "/usr/bin/python3.12", "version": "3.12.1"}]
        )
        for name, gpu in (("a", A100), ("h", hopper))
    }
    plans = fleet(machines, "2.19.1")
    assert plans["a"]["build"]["for_capabilities"] == ["8.0", "9.0"]
    assert plans["h"]["build"]["host"] == "a"
    narrow = {"a": having(machines["a"], wheel(plans["a"], "8.0")), "h": machines["h"]}
    again = fleet(narrow, "2.19.1")
    assert roles(again) == {"a": ("a", False), "h": ("h", True)} or roles(again) == {
        "a": ("a", True),
        "h": ("a", False),
    }
    wheels = [wheel(plans["a"], "8.0"), wheel(plans["a"], "8.0", "9.0")]
    wide = fleet({"a": having(machines["a"], *wheels), "h": machines["h"]}, "2.19.1")
    assert roles(wide) == {"a": ("a", False), "h": ("a", False)}
    assert wide["h"]["build"]["given"] == wheels[1]


def test_a_host_that_has_a_wheel_hands_it_over_and_builds_none() -> None:
    made = fleet({"a": host()})["a"]
    machines = {"new": host(), "had": having(host(free_mb=5000), wheel(made))}
    assert roles(fleet(machines)) == {"new": ("had", False), "had": ("had", False)}
    newer = {"new": host(), "had": having(host(), wheel(made, glibc="2.41"))}
    assert roles(fleet(newer))["new"] == ("new", True)


def test_the_build_host_that_is_asked_for() -> None:
    plans = fleet({"a": host(), "b": host()}, build_host="b")
    assert roles(plans) == {"a": ("b", False), "b": ("b", True)}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, "which is no host of this run with method source and a plan that holds; accepted: empty."),
        (
            {"b": host(pythons=[{"path": "/usr/bin/python3.10", "version": "3.10.1"}])},
            "whose plan is another, with Python 3.10; accepted: empty.",
        ),
        ({"b": host(glibc="2.41")}, "whose glibc 2.41 is newer than this host's 2.36; accepted: empty, or b."),
        (
            {"b": host(free_mb=5000)},
            "which cannot build it: tensorflow_method is 'source', whose build needs 60000 MB below /opt/.tensorwright/builds",
        ),
    ],
)
def test_a_build_host_that_cannot(other: dict[str, Machine], why: str) -> None:
    plan = fleet({"a": host(), **other}, build_host="b")["a"]
    (told,) = [sentence("a", one) for one in plan["problems"]]
    assert told.startswith(f"a: tensorflow_source_build_host is 'b', {why}")


def test_it_is_asked_for_only_where_a_wheel_is_missing() -> None:
    made = fleet({"b": host()}, build_host="b")["b"]
    alone = fleet({"a": having(host(), wheel(made))}, build_host="b")
    assert roles(alone) == {"a": ("a", False)}


def test_plans_of_other_methods_and_before_all_have_told_stay_as_they_are() -> None:
    plan = planned({}, host())
    assert build_host.offer(plan, host()) == {}
    assert build_host.elect(plan, "a", {"a": {}}, ["a"]) == plan
    source = planned({"method": "source", "version": "2.14.1"}, host())
    assert build_host.elect(source, "a", {}, ["a"]) == source


def test_what_decides_the_roles_does_not_depend_on_who_builds() -> None:
    plans = [fleet({"a": host()})["a"], fleet({"b": host(), "a": host()})["a"]]
    for role in ("tensorflow_source", "tensorflow_pip"):
        assert len({due.inputs(plan, role, {}) for plan in plans}) == 1
    more = {PREFIX + name: value for name, value in (("jobs", 3), ("build_host", "b"), ("offer", {"wheel": 1}))}
    assert due.inputs(plans[0], "tensorflow_source", more) == due.inputs(plans[0], "tensorflow_source", {})


def test_a_host_that_needs_none_builds_for_those_that_do() -> None:
    plan = {**fleet({"a": host(), "b": host()})["a"], "path": {"absolute": "/opt/tf"}, "roles": ["tensorflow_source"]}
    inputs = due.inputs(plan, "tensorflow_source", {})
    own = [{"role": "tensorflow_source", "inputs": inputs, "drift": [], "file": "/opt/.tensorwright/builds/tf.json"}]
    packages = [
        {
            "role": "tensorflow_source",
            "inputs": "packages",
            "drift": [],
            "file": "/var/lib/tensorwright/receipts/tensorflow_source.json",
        }
    ]
    assert due.due(plan, {"receipts": own + packages}, {}) == ["tensorflow_source"]
    idle = {**plan, "build": {**plan["build"], "makes": False}}
    assert due.due(idle, {"receipts": own + packages}, {}) == []
    assert due.due(idle, {"receipts": packages}, {}) == ["tensorflow_source"]
