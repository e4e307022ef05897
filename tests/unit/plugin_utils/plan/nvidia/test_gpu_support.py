# SPDX-License-Identifier: GPL-3.0-or-later
"""What a GPU is: by the driver, by its chip, by its name."""

from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Gpu
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import gpu_support

OURS = tables.load()


@pytest.mark.parametrize(
    ("gpu", "capability"),
    [
        (Gpu("NVIDIA A100-SXM4-80GB", "10de:20b2", "8.0", 0), "8.0"),
        (Gpu("what the driver says counts", "10de:20b2", "9.9", 0), "9.9"),
        (Gpu("", "10de:20b2", None, 0), "8.0"),
        (Gpu("", "10de:1db1", None, 0), "7.0"),
        (Gpu("", "10de:102d", None, 0), "3.7"),
        (Gpu("", "10de:2b85", None, 0), "12.0"),
        (Gpu("NVIDIA GeForce RTX 4090", "10de:ffff", None, 0), "8.9"),
        (Gpu("Tesla K80", "", None, 0), "3.7"),
        (Gpu("", "1002:20b2", None, 0), None),
        (Gpu("", "10de:xyz", None, 0), None),
        (Gpu("", "", None, 0), None),
    ],
)
def test_capability(gpu: Gpu, capability: str | None) -> None:
    assert gpu_support.capability(gpu, OURS) == capability


@pytest.mark.parametrize(
    ("capability", "series", "served", "compiles"),
    [
        ("6.0", "2.21", True, False),
        ("6.1", "2.21", True, False),
        ("7.5", "2.21", True, False),
        ("8.6", "2.21", True, False),
        ("9.0", "2.21", True, True),
        ("5.2", "2.21", False, False),
        ("10.0", "2.21", False, False),
        ("8.0", "2.14", True, True),
        ("8.6", "2.4", True, True),
        ("7.5", "1.12", True, False),
        ("7.0", "1.4", False, False),
        ("8.0", "2.3", False, False),
        ("3.7", "2.14", True, False),
        ("3.7", "2.15", False, False),
        ("9.9", "2.22", True, False),
    ],
)
def test_service(capability: str, series: str, served: bool, compiles: bool) -> None:
    row = OURS.series[series]
    found = gpu_support.service(Gpu("", "", capability, 0), row, OURS.cuda[row.cuda], OURS)
    assert (found.served, found.compiles) == (served, compiles)
    assert bool(found.why_not) is not served


def test_labels() -> None:
    assert gpu_support.label(Gpu("Tesla K80", "10de:102d", None, 0)) == "Tesla K80"
    assert gpu_support.label(Gpu("", "10de:102d", None, 0)) == "the GPU 10de:102d"
    assert gpu_support.label(Gpu("", "", None, 0)) == "the GPU without a name"
