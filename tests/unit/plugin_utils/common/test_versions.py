# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions are ordered as the package index orders them."""

from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

NUMBER = st.integers(0, 99).map(str)
RELEASE = st.lists(NUMBER, min_size=1, max_size=4).map(".".join)
SUFFIX = st.sampled_from(["", "rc0", "rc1", "a2", "b1", ".post1", ".dev3", "rc1.dev2"])
VERSION = st.builds(str.__add__, RELEASE, SUFFIX)


@settings(deadline=None)
@given(VERSION, VERSION)
def test_order_is_that_of_the_package_index(one: str, other: str) -> None:
    assert (versions.order(one) < versions.order(other)) == (Version(one) < Version(other))
    assert (versions.key(one) == versions.key(other)) == (Version(one) == Version(other))


@pytest.mark.parametrize(
    "text", ["", "latest", "2.", ".2", "2.15-1", "2.15.0+cu12", "1" * 65, "2.15\n", "\u0662.\u0661"]
)
def test_what_is_no_version_has_no_key_and_comes_first(text: str) -> None:
    assert versions.key(text) is None
    assert versions.order(text) < versions.order("0")


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [("2.31", "2.17", True), ("2.9", "2.17", False), ("2.17", "2.17.0", True), (None, "9", True), ("1", None, True)],
)
def test_what_is_not_known_reaches_every_floor(version: str | None, floor: str | None, expected: bool) -> None:
    assert versions.at_least(version, floor) is expected


@pytest.mark.parametrize(
    ("version", "span", "expected"),
    [
        ("2.7.0", ">=2.7,<2.12", True),
        ("2.12.0", ">=2.7,<2.12", False),
        ("2.15.0.post1", "==2.15.0", False),
        ("2.15", "==2.15.0", True),
        ("2.16.0rc0", "<2.16", True),
        ("3.9", ">3.9", False),
        ("3.9", "<=3.9", True),
        ("anything", "", True),
        ("anything", ">=1", False),
    ],
)
def test_ranges(version: str, span: str, expected: bool) -> None:
    assert versions.within(version, span) is expected


@pytest.mark.parametrize("span", ["2.7", "~=2.7", ">=", ">=2.7,", ">=x"])
def test_what_is_no_range_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        versions.within("1", span)


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("9.9", "2.21.0"),
        ("0.1", "1.4.0"),
        ("2.16.0", "2.16.1"),
        ("1.12.1", "1.12.2"),
        ("2.15.0", "2.15.0"),
        ("2.10.9", "2.10.1"),
    ],
)
def test_nearest(wanted: str, nearest: str) -> None:
    known = ["2.21.0", "1.4.0", "1.12.0", "1.12.2", "2.10.1", "2.11.0", "2.15.0", "2.15.1", "2.16.1"]
    assert versions.nearest(wanted, known) == nearest


def test_nearest_of_none() -> None:
    assert versions.nearest("1.0", []) is None


def test_ascending_is_without_repeats() -> None:
    assert versions.ascending(["3.10", "3.9", "2.7", "3.9"]) == ["2.7", "3.9", "3.10"]


def test_parts() -> None:
    assert versions.series("535.104.05") == "535.104"
    assert versions.major("12.5") == 12
    assert versions.major("none") == -1
