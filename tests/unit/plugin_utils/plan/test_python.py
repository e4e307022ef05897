# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python, and what installs packages for it."""

from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

from tests.unit.plugin_utils.plan.hosts import Facts, Request, debian, place, planned, pythons, refusals, ubuntu


@pytest.mark.parametrize(
    ("request_", "host", "python"),
    [
        ({}, debian(), {"version": "3.11", "path": "/usr/bin/python3.11", "provider": "system"}),
        (
            {},
            debian(pythons=[*pythons("3.11"), *pythons("3.13", directory="/opt/bin")]),
            {"version": "3.11", "path": "/usr/bin/python3.11", "provider": "system"},
        ),
        (
            {"python": "3.13"},
            debian(pythons=[*pythons("3.11"), *pythons("3.13", directory="/opt/bin")]),
            {"version": "3.13", "path": "/opt/bin/python3.13", "provider": "system"},
        ),
        (
            {},
            ubuntu("26.04", pythons=[*pythons("3.14"), *pythons("3.12", directory="/opt/bin")]),
            {"version": "3.12", "path": "/opt/bin/python3.12", "provider": "system"},
        ),
        ({}, debian(pythons=[]), {"version": "3.11", "path": None, "provider": "system"}),
        ({"python": "2.7", "version": "1.10"}, debian("11"), {"version": "2.7", "path": None, "provider": "system"}),
        ({"python": 3.11}, debian(), {"version": "3.11", "path": "/usr/bin/python3.11", "provider": "system"}),
        ({"method": "native"}, debian(), {"version": "3.11", "path": "/usr/bin/python3.11", "provider": "system"}),
        (
            {"method": "native"},
            debian(pythons=pythons("3.11", "3.12")),
            {"version": "3.11", "path": "/usr/bin/python3.11", "provider": "system"},
        ),
    ],
)
def test_python(request_: Request, host: Facts, python: dict[str, str | None]) -> None:
    assert planned(request_, host)["python"] == python


@pytest.mark.parametrize(
    ("request_", "host", "sentence_"),
    [
        (
            {"python": "3.8", "version": "2.21.0"},
            debian(),
            "tensorflow_python is '3.8', but TensorFlow 2.21.0 has no wheel for it; accepted: auto, 3.10, 3.11, 3.12 or 3.13.",
        ),
        (
            {"python": "3.5"},
            debian(),
            "tensorflow_python is '3.5', but neither this host nor its distribution has it; accepted: auto or 3.8.",
        ),
        (
            {"python": "3.12", "method": "native"},
            debian(pythons=pythons("3.11", "3.12")),
            (
                "tensorflow_python is '3.12', but method native uses the distribution's own python3, which is another; "
                "accepted: auto or 3.11."
            ),
        ),
        (
            {"method": "native"},
            ubuntu("26.04"),
            (
                "tensorflow_version is 'latest', but no release of it can be had: TensorFlow 2.21.0 has no wheel for Python 3.14, "
                "the only one that method native can use; accepted: tensorflow_version: "
                "2.22.0rc0 (a prerelease), or tensorflow_method: docker or conda, or a host with Python 3.10, "
                "3.11, 3.12 or 3.13."
            ),
        ),
        (
            {"python": "3.11.2"},
            debian(),
            (
                "tensorflow_python is '3.11.2', which is not a Python's major and minor version; accepted: auto, or a Python with "
                "TensorFlow wheels: 2.7, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 3.9, 3.10, 3.11, 3.12, 3.13 (the nearest is 3.11)."
            ),
        ),
        (
            {"python": "3.2"},
            debian(),
            (
                "tensorflow_python is '3.2', for which no TensorFlow release has a wheel; accepted: auto, or a Python with "
                "TensorFlow wheels: 2.7, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 3.9, 3.10, 3.11, 3.12, 3.13 (the nearest is 3.3)."
            ),
        ),
        (
            {"python": 3.1},
            debian(),
            (
                "tensorflow_python is 3.1, a number, which may stand for 3.1 or 3.10; accepted: the version in quotes, as YAML "
                'reads a bare one as a number: "3.1" or "3.10".'
            ),
        ),
    ],
)
def test_a_python_that_cannot_be_had(request_: Request, host: Facts, sentence_: str) -> None:
    assert refusals(request_, host) == [sentence_]


def test_a_python_of_another_provider_is_taken_only_where_it_is_asked_for() -> None:
    plan = planned({"python": "3.12"}, debian(path=place(absolute="/srv/tf/env")))
    assert plan["python"] == {
        "version": "3.12",
        "path": "/srv/tf/.tensorwright/runtimes/python3.12/bin/python3.12",
        "provider": "standalone",
    }
    assert plan["standalone"] == {
        "url": "https://github.com/astral-sh/python-build-standalone/releases/download",
        "file": "20260814/cpython-3.12.14%2B20260814-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
        "sha256": "5acfa3e9ba26b51ae161c83aff278da915b590d22373a424b2ba55b8afe91fcc",
    }
    assert plan["roles"] == ["python", "tensorflow_pip"]
    assert "Python 3.12 is installed from python-build-standalone." in plan["notes"]
    assert planned({}, debian("11"))["python"]["provider"] == "system"
    there = debian(pythons=[*pythons("3.11"), *pythons("3.12", directory="/opt/bin")])
    assert planned({"python": "3.12"}, there)["python"]["path"] == "/opt/bin/python3.12"
    assert planned({"python": "3.12"}, debian(become=False))["python"]["provider"] == "standalone"


def test_deadsnakes_where_it_has_the_python_that_is_asked_for() -> None:
    plan = planned({"python": "3.12"}, ubuntu("22.04", path=place()))
    assert plan["python"] == {"version": "3.12", "path": None, "provider": "deadsnakes"}
    assert plan["deadsnakes"]["suite"] == "jammy"
    assert plan["deadsnakes"]["key"] == "F23C5A6CF475977595C89F51BA6932366A755776"
    assert plan["roles"] == ["python", "tensorflow_pip"]
    assert "Python 3.12 is installed from the PPA deadsnakes." in plan["notes"]


@pytest.mark.parametrize(
    ("request_", "host", "provider"),
    [
        ({"python": "3.12"}, ubuntu("22.04", become=False), "standalone"),
        ({"python": "3.13"}, ubuntu("24.04"), "deadsnakes"),
        ({"python": "3.12"}, ubuntu("24.04"), "system"),
        ({"python": "3.13"}, ubuntu("26.04"), "standalone"),
        ({"python": "3.13"}, debian("12"), "standalone"),
        ({}, ubuntu("22.04"), "system"),
        ({"method": "conda", "python": "3.12"}, ubuntu("22.04"), "conda"),
        (
            {"python": "3.12", "overrides": {"python": {"providers": {"deadsnakes": {"implemented": False}}}}},
            ubuntu("22.04"),
            "standalone",
        ),
    ],
)
def test_deadsnakes_is_one_provider_of_several(request_: Request, host: Facts, provider: str) -> None:
    assert planned(request_, host)["python"]["provider"] == provider


def test_what_came_from_deadsnakes_is_not_planned_anew() -> None:
    before = planned({"python": "3.12"}, ubuntu("22.04", path=place()))
    there = planned({"python": "3.12"}, ubuntu("22.04", path=place(), pythons=pythons("3.10", "3.12")))
    assert there["python"] == {"version": "3.12", "path": "/usr/bin/python3.12", "provider": "deadsnakes"}
    assert due.inputs(there, "python", {}) == due.inputs(before, "python", {})
    unasked = planned({}, ubuntu("22.04", path=place(), pythons=pythons("3.10", "3.12")))
    assert unasked["python"]["provider"] == "system"


def test_installer() -> None:
    assert planned({}, debian())["installer"] == {
        "name": "uv",
        "version": "0.13.8",
        "file": "uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "sha256": "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
        "pip": "26.3",
        "virtualenv": {"file": None, "sha256": None},
    }
    old = planned({"version": "1.10.0"}, debian("11", pythons=pythons("2.7")))["installer"]
    assert (old["name"], old["version"], old["pip"]) == ("pip", "20.3.4", "20.3.4")
    assert old["file"] == "pip-20.3.4-py2.py3-none-any.whl"
    assert old["virtualenv"]["file"] == "virtualenv-16.7.12-py2.py3-none-any.whl"
    older = planned({"version": "1.15.5"}, debian("11", pythons=pythons("3.6")))["installer"]
    assert (older["file"], older["virtualenv"]["file"]) == ("pip-21.3.1-py3-none-any.whl", None)
    assert planned({}, ubuntu("18.04", become=False))["installer"]["name"] == "pip"
    assert planned({}, debian(architecture="aarch64"))["installer"]["file"] == (
        "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl"
    )


@pytest.mark.parametrize(
    ("request_", "host", "note"),
    [
        (
            {},
            ubuntu("26.04", pythons=[*pythons("3.14"), *pythons("3.12", directory="/opt/bin")]),
            "Python 3.12 is used: TensorFlow 2.21.0 has no wheel for 3.14.",
        ),
        (
            {},
            debian(pythons=[*pythons("3.11"), *pythons("3.13", directory="/opt/bin")]),
            "The system's Python 3.11 is used, not the newer 3.13 that this host has as well.",
        ),
        ({}, debian(pythons=[]), "Python 3.11 is installed from the distribution's packages."),
        ({"version": "2.11"}, debian(pythons=pythons("3.10")), None),
        ({}, debian(), None),
    ],
)
def test_the_choice_of_a_python_is_noted(request_: Request, host: Facts, note: str | None) -> None:
    found = [one for one in planned(request_, host)["notes"] if "Python" in one]
    assert found == ([note] if note else [])


def test_native_uses_the_distributions_python2_too() -> None:
    host = debian("11", pythons=pythons("2.7", "3.9"))
    plan = planned({"version": "1.10.0", "method": "native"}, host)
    assert plan["python"] == {"version": "2.7", "path": "/usr/bin/python2.7", "provider": "system"}
    assert planned({"version": "1.10.0", "method": "native"}, debian("11"))["python"]["path"] is None
    assert planned({"method": "native"}, host)["python"]["version"] == "3.9"
    assert refusals({"version": "1.10.0", "method": "native"}, debian(pythons=pythons("2.7", "3.11"))) != []
