# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at some of their last steps; before every change that they make: tests/faults."""

from __future__ import annotations

import pytest

from tests.support import interruptions, power_cuts
from tests.unit.support.environment_site import Site, run_module


@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("rename */.tensorwright.json", "2.20.0"),
        ("fsync opt", "2.21.0"),  # after the switch, before it is counted
        ("rename opt/.tensorwright/receipts/tensorflow.json", "2.21.0"),
    ],
)
def test_an_upgrade_that_is_killed(site: Site, at: str, left: str) -> None:
    site.present("2.20.0", inputs="before")
    wanted = site.parameters("2.21.0", inputs="now")
    assert interruptions.killed(site.root, at, wanted)
    assert (power_cuts.imported(site.path), power_cuts.damage(site.path)) == (left, [])
    assert "failed" not in run_module("environment", **wanted)
    assert (power_cuts.imported(site.path), power_cuts.damage(site.path)) == ("2.21.0", [])
    assert power_cuts.litter(site.path) == []
    assert run_module("environment", **wanted)["changed"] is False
    site.state("rolled_back")
    assert power_cuts.imported(site.path) == "2.20.0"
