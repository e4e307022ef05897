# SPDX-License-Identifier: GPL-3.0-or-later
"""What no role does yet is refused, although the tables know it."""

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import unbuilt
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.resolver import resolve


def host(python: str) -> dict[str, Any]:
    return {
        "distribution": "Debian",
        "release": "11",
        "architecture": "x86_64",
        "glibc": "2.31",
        "pythons": [{"path": f"/usr/bin/python{python}", "version": python}],
        "gpus": [],
    }


@pytest.mark.parametrize(("version", "python"), [("1.7.0", "2.7"), ("1.15.5", "3.6")])
def test_pythons_too_old_for_the_installer(version: str, python: str) -> None:
    (problem,) = unbuilt.problems(resolve({"version": version}, host(python)))
    assert problem["message"].startswith(f"tensorflow_version is '{version}', for which Python {python} would be used")
    assert "Python 3.7 or newer" in problem["accepted"]


def test_pythons_that_the_installer_serves() -> None:
    assert unbuilt.problems(resolve({"version": "1.15.5"}, host("3.7"))) == []
    assert unbuilt.problems(resolve({"version": "2.20.0"}, host("3.9"))) == []


def test_a_plan_that_is_refused_already() -> None:
    assert unbuilt.problems(resolve({"version": "9.9"}, host("2.7"))) == []
