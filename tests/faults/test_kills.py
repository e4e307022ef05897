# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL before every change that a run makes: users have a working environment, the next run heals, and nothing is left over."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support import interruptions, power_cuts
from tests.unit.support.environment_site import Site, run_module


def healed(site: Site, parameters: dict[str, Any]) -> bool:
    """Do what the killed run was to do, and tell whether a run after that has nothing left to do."""
    answer = run_module("environment", **parameters)
    assert not answer.get("failed"), answer
    return parameters.get("state") == "rolled_back" or not run_module("environment", **parameters)["changed"]


def sweep(site: Site, parameters: dict[str, Any], allowed: tuple[str | None, ...], wanted: str | None) -> list[str]:
    """Kill a run of the module before each of its changes; return the changes."""

    def check(what: str) -> None:
        assert power_cuts.imported(site.path) in allowed, what
        assert power_cuts.damage(site.path) == [], what
        assert healed(site, parameters), what
        assert power_cuts.imported(site.path) == wanted, what
        assert power_cuts.damage(site.path) == [], what
        assert power_cuts.litter(site.path) == [], what

    return interruptions.sweep(site.root, parameters, check)


@pytest.fixture
def upgraded(site: Site) -> Site:
    """A site with two releases of which the second is in use."""
    site.present("2.20.0", inputs="before")
    site.present("2.21.0", inputs="now")
    return site


def test_install(site: Site) -> None:
    site.path.parent.mkdir(parents=True)
    found = sweep(site, site.parameters("2.20.0", inputs="now"), (None, "2.20.0"), "2.20.0")
    assert len(found) > 60


def test_upgrade(upgraded: Site) -> None:
    """The third release: the first one is cleared as well."""
    parameters = upgraded.parameters("2.19.0", inputs="next")
    found = sweep(upgraded, parameters, ("2.21.0", "2.19.0"), "2.19.0")
    assert len(found) > 60
    assert any(what.startswith("remove ") for what in found)


def test_rollback(upgraded: Site) -> None:
    """Killed after the switch, the run has done its work; another one leads forward again, as a rollback after a rollback does."""
    parameters = {"path": str(upgraded.path), "state": "rolled_back", "lock_timeout": 0}

    def check(what: str) -> None:
        seen = power_cuts.imported(upgraded.path)
        assert seen in ("2.21.0", "2.20.0"), what
        assert healed(upgraded, parameters), what
        assert {seen, power_cuts.imported(upgraded.path)} == {"2.21.0", "2.20.0"}, what
        assert upgraded.present("2.21.0", inputs="now"), what
        assert power_cuts.imported(upgraded.path) == "2.21.0", what
        assert power_cuts.damage(upgraded.path) == [], what
        assert power_cuts.litter(upgraded.path) == [], what

    assert len(interruptions.sweep(upgraded.root, parameters, check)) > 10


def test_uninstall(upgraded: Site) -> None:
    """There is an environment that works or none, never one that does not."""
    parameters = {"path": str(upgraded.path), "state": "absent", "lock_timeout": 0}

    def check(what: str) -> None:
        assert power_cuts.imported(upgraded.path) in ("2.21.0", None), what
        assert healed(upgraded, parameters), what
        assert os.listdir(upgraded.path.parent) == [], what

    assert len(interruptions.sweep(upgraded.root, parameters, check)) > 15
