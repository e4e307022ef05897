# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that is attacked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks import rig
from tests.hosts import Host, down


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """A Debian 12 with the product, alice (of group vision), bob and carol."""
    try:
        yield rig.start()
    finally:
        down(rig.GROUP)
