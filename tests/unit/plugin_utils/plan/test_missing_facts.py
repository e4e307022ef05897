# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that are missing, and tables of one's own."""

from __future__ import annotations

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve

from tests.unit.plugin_utils.plan.hosts import GOOD, RTX5090, debian, planned, pythons


def test_nothing_known_of_a_host_stops_nothing() -> None:
    plan = planned({}, {})
    assert plan["tensorflow"]["requirement"] == "tensorflow-cpu==2.21.0"
    assert plan["python"] == {"version": "3.13", "path": None, "provider": "system"}


def test_a_host_whose_gpus_nobody_looked_for() -> None:
    host = {name: value for name, value in debian().items() if name not in ("gpus", "driver")}
    assert planned({}, host)["device"] == "cpu"


def test_a_newer_release_never_breaks_an_explicit_request() -> None:
    newer = {
        "tensorflow": {
            "releases": {
                "2.21.1": {
                    "x86_64": {"python": "3.14", "glibc": "2.43", "packages": {"tensorflow": "gpu 600"}},
                }
            }
        }
    }
    for version in ("2.21.0", "2.21", "2.15", "1.15.5"):
        host = debian(pythons=pythons("3.7", "3.11"))
        before, after = resolve({"version": version}, host), resolve({"version": version, "overrides": newer}, host)
        assert before["tensorflow"] == after["tensorflow"]
        assert after["problems"] == []


def test_tables_may_be_given() -> None:
    ours = tables.override({"tensorflow": {"series": {"2.21": {"cuda": "12.9"}}}})
    plan = planned({}, debian(gpus=[RTX5090], driver=GOOD), tables=ours)
    assert plan["cuda"]["version"] == "12.9"
    assert plan["device"] == "gpu"
