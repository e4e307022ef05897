# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python, and what installs packages for it."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.cases import Facts, Request, debian, planned, pythons, refusals, ubuntu


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
            {"python": "3.12"},
            debian(),
            "tensorflow_python is '3.12', but neither this host nor its distribution has it; accepted: auto or 3.11.",
        ),
        (
            {"python": "3.8", "version": "2.21.0"},
            debian(),
            "tensorflow_python is '3.8', but TensorFlow 2.21.0 has no wheel for it; accepted: auto or 3.11.",
        ),
        (
            {"python": "3.5"},
            debian(),
            "tensorflow_python is '3.5', but neither this host nor its distribution has it; accepted: a host that has it.",
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
                "2.22.0rc0 (a prerelease), or tensorflow_method: docker, or a host with Python 3.10, "
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


def test_other_providers_wait_until_they_are_built() -> None:
    site = {"python": {"providers": {"deadsnakes": {"implemented": True}, "standalone": {"implemented": True}}}}
    assert refusals({"python": "3.12"}, ubuntu("22.04")) != []
    plan = planned({"python": "3.12", "overrides": site}, ubuntu("22.04"))
    assert plan["python"] == {"version": "3.12", "path": None, "provider": "deadsnakes"}
    assert "Python 3.12 is installed from deadsnakes." in plan["notes"]
    plan = planned({"python": "3.12", "overrides": site}, ubuntu("22.04", become=False))
    assert plan["python"]["provider"] == "standalone"
    assert planned({"python": "3.12", "overrides": site}, debian())["python"]["provider"] == "standalone"
    assert refusals({"python": "3.12", "overrides": site}, debian(glibc="2.12")) != []


def test_installer() -> None:
    assert planned({}, debian())["installer"] == {
        "name": "uv",
        "version": "0.13.8",
        "file": "uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "sha256": "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
        "pip": "26.3",
    }
    old = planned({"version": "1.10.0"}, debian("11", pythons=pythons("2.7")))["installer"]
    assert (old["name"], old["version"], old["pip"], old["file"]) == ("pip", "20.3.4", "20.3.4", None)
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
