# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of environments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import host_lock

from tests.doubles.package_index import PackageIndex
from tests.unit.support.environment_site import Site


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests from waiting for each other, and from this machine's own /run."""
    monkeypatch.setattr(host_lock, "FILE", str(tmp_path / "host.lock"))


# What takes seconds a test: those that build environments, and those that run playbooks or processes of their own.
SLOW_FIXTURES = {"index", "site"}
SLOW = (
    "unit/playbooks/",
    "unit/callback/",
    "unit/modules/test_source_build",
    "unit/plugin_utils/bundle/test_builder.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `script/test fast` leaves out."""
    for item in items:
        slow_file = any(part in item.path.as_posix() for part in SLOW)
        if slow_file or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("installs")


@pytest.fixture
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests (an index, a proxy, a virtualenv) away from installers."""
    for name in os.environ:
        if (
            name.startswith(("PIP_", "UV_"))
            or name.lower().endswith("_proxy")
            or name in ("VIRTUAL_ENV", "CONDA_PREFIX")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.fixture
def index(no_settings: None) -> Iterator[PackageIndex]:
    """A stand-in package index, empty."""
    with PackageIndex() as serving:
        yield serving


@pytest.fixture
def site(tmp_path: Path, index: PackageIndex) -> Site:
    """A site with stand-ins for three releases of TensorFlow, and no environment yet."""
    return Site(tmp_path / "site", index)
