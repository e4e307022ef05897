# SPDX-License-Identifier: GPL-3.0-or-later
"""What measures fleets, and what slows their lines: the parts that can be wrong without a fleet to tell."""

from __future__ import annotations

import struct

import pytest

from tests.bench import fleet
from tests.doubles import slow_link

RECAP = "PLAY RECAP ****\nhost01  : ok=3  changed={}  unreachable=0  failed=0  skipped=0\n"
TOTAL = "    Grand total            {} \n"


@pytest.mark.parametrize(("output", "changed"), [(RECAP.format(0), False), (RECAP.format(1), True), ("", True)])
def test_whether_a_run_of_ansible_changed_something(output: str, changed: bool) -> None:
    assert fleet.ansible_changed(output) is changed


@pytest.mark.parametrize(
    ("counts", "changed"),
    [
        ("24      -         -       24", False),
        ("24      2         -       22", True),
        ("24      -         2       22", True),
    ],
)
def test_whether_a_run_of_pyinfra_changed_something(counts: str, changed: bool) -> None:
    assert fleet.pyinfra_changed(TOTAL.format(counts)) is changed


def test_a_run_of_pyinfra_that_tells_nothing_is_no_run_without_changes() -> None:
    assert fleet.pyinfra_changed("")


def test_a_line_has_the_slope_of_its_ends() -> None:
    peer = fleet.Peer("one", lambda size: [], bool, {})
    for size, seconds in zip(fleet.SIZES, (2.0, 4.0, 6.5, 11.5), strict=True):
        peer.measures[size] = [fleet.Measure(seconds, 1.0)]
    assert peer.slope(1, 10) == pytest.approx(0.5)
    assert peer.slope(10, 20) == pytest.approx(0.5)


def test_numbers_of_packets_that_the_kernel_tells_of() -> None:
    def message(kind: int, number: int) -> bytes:
        header = slow_link.attribute(1, struct.pack(">IHB", number, 0x0800, 3))
        return struct.pack("=IHHII", 20 + len(header), kind, 0, 0, 0) + bytes(4) + header

    told = message(slow_link.PACKET, 7) + message(2, 8) + message(slow_link.PACKET, 9)
    assert list(slow_link.numbers(told)) == [7, 9]
