# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables against the package index of today.

A new release upstream, a wheel more or less, a changed requirement: each shows up as a failing check that says what differs.
"""

from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from script import refresh_tables

KNOWN = tables.load()


@pytest.fixture(scope="module")
def index() -> refresh_tables.Facts:
    """What the index says now."""
    return refresh_tables.facts()


@pytest.mark.parametrize("version", [row.version for row in KNOWN.newest_first])
def test_release(index: refresh_tables.Facts, version: str) -> None:
    assert refresh_tables.of_release(KNOWN.releases[version], index, KNOWN) == []


def test_no_release_lacks_a_row(index: refresh_tables.Facts) -> None:
    assert refresh_tables.lacking(index, KNOWN) == []


def test_nightly(index: refresh_tables.Facts) -> None:
    assert refresh_tables.of_nightly(KNOWN, index["tf-nightly"]) == []


def test_installers(index: refresh_tables.Facts) -> None:
    assert refresh_tables.of_tools(KNOWN, index["tools"]) == []
