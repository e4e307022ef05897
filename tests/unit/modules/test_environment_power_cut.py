# SPDX-License-Identifier: GPL-3.0-or-later
"""A power cut at the end of a run, and just before its last steps: a real ext4 whose disk is copied. All instants: tests/faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.package_index import PackageIndex
from tests.support import power_cuts
from tests.unit.support.environment_site import Site

pytestmark = pytest.mark.skipif(bool(power_cuts.unsupported()), reason=power_cuts.unsupported())


def test_a_power_cut_after_an_upgrade_leaves_the_new_release_whole(tmp_path: Path, index: PackageIndex) -> None:
    with power_cuts.disk(tmp_path) as disk:
        site = Site(disk.place, index)
        site.present("2.20.0")
        power_cuts.settle(disk)
        answer = power_cuts.run(disk, tmp_path / "copies", site.parameters("2.21.0"), "rename opt/tensorflow")
        assert not answer.get("failed"), answer
        before_the_switch, at_the_end = sorted((tmp_path / "copies").iterdir())
        found = power_cuts.after(disk, at_the_end, site.path, site.parameters("2.21.0"))
        assert (found.version, found.damaged) == ("2.21.0", [])
        assert found.answer["changed"] is False
        found = power_cuts.after(disk, before_the_switch, site.path, site.parameters("2.21.0"))
        assert (found.version, found.damaged) == ("2.20.0", [])
        assert (found.healed_version, found.healed_damage, found.litter) == ("2.21.0", [], [])
        assert found.again["changed"] is False
