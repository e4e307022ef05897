# SPDX-License-Identifier: GPL-3.0-or-later
"""The power cut before every change that a run makes, on a real ext4 whose disk is copied at each of these instants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.package_index import PackageIndex
from tests.support import power_cuts
from tests.unit.support.environment_site import Site

pytestmark = pytest.mark.skipif(bool(power_cuts.unsupported()), reason=power_cuts.unsupported())


@pytest.mark.parametrize("before", [None, "2.20.0"])
def test_whenever_the_power_is_cut_users_have_a_whole_environment(
    tmp_path: Path, index: PackageIndex, before: str | None
) -> None:
    """The first install and an upgrade: what there was before, or the new release; the next run makes it the new one."""
    with power_cuts.disk(tmp_path) as disk:
        site = Site(disk.place, index)
        if before:
            site.present(before)
        else:
            site.path.parent.mkdir()
        power_cuts.settle(disk)
        wanted, copies = site.parameters("2.21.0"), tmp_path / "copies"
        power_cuts.run(disk, copies, wanted)
        wrong, count, new = {}, 0, False
        for copy in power_cuts.different(copies):
            found = power_cuts.after(disk, copy, site.path, wanted)
            new = new or found.version == "2.21.0"
            healed = (found.healed_version, found.healed_damage, found.again["changed"], found.litter)
            whole = (found.version, found.damaged) == ("2.21.0" if new else before, [])
            if not whole or healed != ("2.21.0", [], False, []):
                wrong[copy.name] = found
            count += 1
        assert wrong == {}
        assert count > 10
        assert new
