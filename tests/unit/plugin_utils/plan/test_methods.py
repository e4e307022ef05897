# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods, those that are built and those that are not."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.plan.hosts import debian, planned, refusals, ubuntu


@pytest.mark.parametrize(
    ("method", "sentence_"),
    [
        (
            "vitualenv",
            (
                "tensorflow_method is 'vitualenv', which is not a method; accepted: virtualenv, native, docker, conda, source (the "
                "nearest is "
                "virtualenv)."
            ),
        ),
        (3, "tensorflow_method is 3, which is not a text; accepted: virtualenv, native, docker, conda, source."),
    ],
)
def test_methods_that_are_not_there(method: object, sentence_: str) -> None:
    assert refusals({"method": method}, debian()) == [sentence_]


def test_native_needs_root() -> None:
    assert refusals({"method": "native"}, debian(become=False)) == [
        (
            "tensorflow_method is 'native', which needs root, and this run may not become root; accepted: virtualenv, or a run that "
            "may become root."
        )
    ]
    assert planned({"method": "native"}, debian())["path"]["become"] is True


def test_methods_that_need_no_python_are_named_once_they_are_built() -> None:
    """Where no Python will do."""
    host = debian(distribution="Devuan", pythons=[])
    assert refusals({"version": "2.21.0"}, host) == [
        (
            "tensorflow_version is '2.21.0', but this host has no Python that an environment can be made of; accepted: "
            "tensorflow_python: 3.13, or tensorflow_method: docker or conda, or a host with Python 3.10, 3.11, 3.12 or 3.13."
        )
    ]


def test_conda_brings_its_own_python() -> None:
    plan = planned({"method": "conda"}, ubuntu("26.04", become=False))
    assert plan["python"] == {"version": "3.13", "path": None, "provider": "conda"}
    assert plan["roles"] == ["conda", "tensorflow_pip"]
    assert plan["conda"] == {
        "version": "26.3.2-3",
        "url": "https://github.com/conda-forge/miniforge/releases/download/26.3.2-3/Miniforge3-26.3.2-3-Linux-x86_64.sh",
        "sha256": "848194851a98903134187fbb4ab50efe87b003e0c0f808f97644b7524a62bf2c",
    }
    assert "Python 3.13 is installed from conda-forge." in plan["notes"]


@pytest.mark.parametrize(
    ("version", "python", "pip"), [("1.15.5", "3.7", "uv"), ("1.10.0", "3.6", "pip"), ("2.4.4", "3.8", "uv")]
)
def test_conda_brings_old_pythons_to_hosts_that_have_none(version: str, python: str, pip: str) -> None:
    plan = planned({"method": "conda", "version": version}, debian("13"))
    assert (plan["python"]["version"], plan["installer"]["name"]) == (python, pip)
