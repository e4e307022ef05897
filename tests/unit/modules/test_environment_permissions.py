# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of a shared release: put right without building anew, unless somebody has put something into it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.session_test import SessionError
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import footprints
from ansible_collections.tensorwright.fleet.plugins.modules import environment

from tests.unit.support.environment_site import Site, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an environment is shared where root makes it")


@pytest.fixture
def release(site: Site) -> Path:
    site.present(inputs="x")
    return site.release(site.current)


def drift(site: Site) -> list[str]:
    """Return what the environment's receipt tells."""
    receipt = json.loads((site.store / "receipts" / f"{site.path.name}.json").read_text())
    return footprints.drift(receipt["footprint"])


def module_file(release: Path) -> Path:
    (file,) = release.glob("lib/*/site-packages/numpy/__init__.py")
    return file


def test_a_fresh_release_has_no_fault(site: Site, release: Path) -> None:
    assert drift(site) == []
    assert site.present(inputs="x")["changed"] is False


@pytest.mark.parametrize(
    ("mode", "said"), [(0o666, "others than its owner may write"), (0o600, "not all users may read")]
)
def test_permissions_broken_by_hand_are_drift_and_mended(site: Site, release: Path, mode: int, said: str) -> None:
    file = module_file(release)
    file.chmod(mode)
    assert drift(site) == [f"{said} {file}"]
    before = file.stat().st_ino
    looked = site.present(inputs="x", _ansible_check_mode=True)
    assert (looked["changed"], looked["mended"]) == (True, [f"{said} {file}"])
    assert file.stat().st_mode & 0o777 == mode
    mended = site.present(inputs="x")
    assert (mended["changed"], mended["mended"], mended["release"]) == (True, [f"{said} {file}"], release.name)
    assert (file.stat().st_mode & 0o777, file.stat().st_ino) == (0o644, before)
    assert drift(site) == []
    assert site.present(inputs="x")["changed"] is False


def test_a_session_that_fails_for_permissions_alone_lets_nothing_be_built(
    site: Site, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = module_file(release)
    file.chmod(0o600)

    def prove(_builder: environment.Builder, _directory: str) -> dict[str, object]:
        """As a user without rights fares, who cannot import what others may not read."""
        if not file.stat().st_mode & 0o004:
            raise SessionError("no numpy", suspects_release=True)
        return {}

    monkeypatch.setattr(environment.Builder, "prove", prove)
    mended = site.present(inputs="x", prove=True)
    assert (mended["release"], mended["rebuilt"]) == (release.name, [])
    assert mended["mended"] == [f"not all users may read {file}"]


def test_what_was_written_meanwhile_is_not_kept(site: Site, release: Path) -> None:
    """The file is one with that in the cache, so the cache is no better."""
    file = module_file(release)
    file.chmod(0o666)
    file.write_text(file.read_text() + "# more\n")
    made = site.present(inputs="x")
    assert made["release"] == f"{release.name}-2"
    assert "# more" not in module_file(site.release(site.current)).read_text()
    assert drift(site) == []
    wait_until(lambda: not release.exists())


def test_a_file_of_somebody_else_is_not_kept(site: Site, release: Path) -> None:
    os.chown(module_file(release), 65534, -1)
    assert drift(site) == [f"{module_file(release)} does not belong to the owner of {release}"]
    made = site.present(inputs="x")
    assert made["release"] == f"{release.name}-2"
    assert permissions.look(str(site.release(site.current))) == ([], [], [])


def test_a_home_is_its_owners_business(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(
        "ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store.Environment.refuse_foreign",
        lambda *_: None,
    )
    site.present(inputs="x")
    module_file(site.release(site.current)).chmod(0o600)
    assert drift(site) == []


def test_the_users_command_is_that_of_today(site: Site, release: Path) -> None:
    command = release / "bin" / "tensorflow-env"
    text = command.read_text()
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    assert site.present(inputs="x")["changed"] is True
    assert (command.read_text(), command.stat().st_mode & 0o777) == (text, 0o755)
    assert site.present(inputs="x")["changed"] is False
