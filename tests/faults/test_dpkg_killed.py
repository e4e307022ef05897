# SPDX-License-Identifier: GPL-3.0-or-later
"""A real dpkg is killed while it unpacks a real package: its own list does not have that yet, and the next run finishes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks import rig
from tests.hosts import Host, down

GROUP = "faults-dpkg"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A Debian 12 with the product."""
    try:
        yield rig.start(GROUP)
    finally:
        down(GROUP)


def bring_about(host: Host, fault: str) -> dict[str, Any]:
    """Bring a fault about, run again twice, and return what was seen; all of it is right at the end."""
    told = rig.program(host, "faults.programs.apt", fault)
    assert not told["again"].get("failed"), told
    assert told["state"] == "ii", told
    assert told["audit"] == "", told
    assert told["third"]["changed"] is False, told
    return told


@pytest.mark.parametrize("fault", ["dpkg_killed", "all_killed"])
def test_dpkg_is_killed_while_it_unpacks(host: Host, fault: str) -> None:
    """Alone, or with all of the run."""
    told = bring_about(host, fault)
    assert told["answer"].get("failed"), told
    assert told["between"] != "ii", told
    assert told["again"]["mended"] == ["vim-runtime"], told


def test_the_disk_is_full_while_apt_fetches(host: Host) -> None:
    """That is said, and the next run fetches the rest."""
    told = bring_about(host, "full_archive")
    assert "the disk is full" in told["answer"]["msg"], told


def test_dpkg_s_lock_is_waited_for(host: Host) -> None:
    """As an upgrade at the host's first start holds it."""
    told = bring_about(host, "dpkg_lock")
    assert not told["answer"].get("failed"), told
    assert told["answer"]["waited"], told
