# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a request means, and why none."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.plan.hosts import Facts, Request, debian, planned, pythons, refusals, ubuntu


@pytest.mark.parametrize(
    ("request_", "host", "requirement", "python"),
    [
        ({}, debian("12"), "tensorflow-cpu==2.21.0", "3.11"),
        ({}, debian("13"), "tensorflow-cpu==2.21.0", "3.13"),
        ({}, ubuntu("24.04"), "tensorflow-cpu==2.21.0", "3.12"),
        ({}, debian("11"), "tensorflow-cpu==2.20.0", "3.9"),
        ({}, ubuntu("20.04", become=False), "tensorflow-cpu==2.13.1", "3.8"),
        ({}, ubuntu("20.04"), "tensorflow-cpu==2.20.0", "3.9"),
        ({}, ubuntu("18.04", become=False), "tensorflow-cpu==2.6.2", "3.6"),
        ({}, debian(architecture="aarch64"), "tensorflow==2.21.0", "3.11"),
        ({"version": "2.15"}, debian(architecture="aarch64"), "tensorflow==2.15.1", "3.11"),
        ({"version": "latest"}, debian(glibc="2.17"), "tensorflow-cpu==2.20.0", "3.11"),
        ({"version": "2.15"}, debian(), "tensorflow-cpu==2.15.1", "3.11"),
        ({"version": "2.11"}, debian(pythons=pythons("3.7")), "tensorflow-cpu==2.11.0", "3.7"),
        ({"version": "2.15.0.post1"}, debian(), "tensorflow-cpu==2.15.0.post1", "3.11"),
        ({"version": "1.15.5"}, debian(pythons=pythons("3.7")), "tensorflow==1.15.5", "3.7"),
        ({"version": "1.10.0"}, debian("11", pythons=pythons("2.7", "3.9")), "tensorflow==1.10.0", "2.7"),
        ({"version": "2.22.0rc0"}, ubuntu("26.04"), "tensorflow-cpu==2.22.0rc0", "3.14"),
        ({"version": "nightly"}, ubuntu("26.04"), "tf-nightly", "3.14"),
        ({"version": 2.15}, debian(), "tensorflow-cpu==2.15.1", "3.11"),
        ({"version": " 2.20.0 "}, debian(), "tensorflow-cpu==2.20.0", "3.11"),
    ],
)
def test_release(request_: Request, host: Facts, requirement: str, python: str) -> None:
    plan = planned(request_, host)
    assert plan["tensorflow"]["requirement"] == requirement
    assert plan["python"]["version"] == python
    assert plan["device"] == "cpu"


def test_channel_and_kind_of_build() -> None:
    assert planned({}, debian())["tensorflow"] == {
        "version": "2.21.0",
        "package": "tensorflow-cpu",
        "requirement": "tensorflow-cpu==2.21.0",
        "channel": "stable",
        "wheel_url": None,
        "wheel_sha256": None,
        "guide_url": (
            "https://storage.googleapis.com/tensorflow/versions/%222.21.0%22/"
            "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"
        ),
        "moves": False,
        "cuda_build": False,
    }
    nightly = planned({"version": "nightly"}, debian())["tensorflow"]
    assert (nightly["channel"], nightly["cuda_build"]) == ("nightly", True)
    assert planned({"version": "2.22.0rc0"}, debian())["tensorflow"]["channel"] == "prerelease"


def test_a_note_tells_why_it_is_not_the_newest() -> None:
    assert planned({}, debian("11"))["notes"][0] == (
        "TensorFlow 2.20.0 is the newest that this host can run as asked: "
        "TensorFlow 2.21.0 has no wheel for Python 2.7 and 3.9, the ones to be had on this host."
    )
    assert planned({"version": "2.11"}, debian(pythons=pythons("3.7")))["notes"][0].startswith(
        "TensorFlow 2.11.0 is the newest of 2.11 that this host can run as asked"
    )
    assert not any("newest" in note for note in planned({}, debian("12"))["notes"])


@pytest.mark.parametrize(
    ("version", "sentence_"),
    [
        (
            "9.9",
            (
                "tensorflow_version is '9.9', which is not a TensorFlow release; accepted: latest, nightly, or a release from "
                "1.4.0 to 2.21.0 (the nearest is 2.21.0)."
            ),
        ),
        (
            "2.16.0",
            (
                "tensorflow_version is '2.16.0', which is not a TensorFlow release; accepted: latest, nightly, or a release from "
                "1.4.0 to 2.21.0 (the nearest is 2.16.1)."
            ),
        ),
        (
            "2.22",
            (
                "tensorflow_version is '2.22', which is not a TensorFlow release; accepted: latest, nightly, or a release from "
                "1.4.0 to 2.21.0 (the nearest is 2.21.0)."
            ),
        ),
        (
            "newest",
            (
                "tensorflow_version is 'newest', which is not a TensorFlow release; accepted: latest, nightly, or a release from "
                "1.4.0 to 2.21.0 (the nearest is latest)."
            ),
        ),
        (
            2.2,
            (
                "tensorflow_version is 2.2, a number, which may stand for 2.2 or 2.20; accepted: the version in quotes, as YAML "
                'reads a bare one as a number: "2.2" or "2.20".'
            ),
        ),
        (
            True,
            "tensorflow_version is true, which is not a text; accepted: latest, nightly, or a release from 1.4.0 to 2.21.0.",
        ),
        (
            None,
            "tensorflow_version is empty, which is not a text; accepted: latest, nightly, or a release from 1.4.0 to 2.21.0.",
        ),
        (
            ["2.21.0"],
            "tensorflow_version is a list, which is not a text; accepted: latest, nightly, or a release from 1.4.0 to 2.21.0.",
        ),
    ],
)
def test_an_unknown_version_is_one_problem(version: object, sentence_: str) -> None:
    assert refusals({"version": version}, debian("11")) == [sentence_]


@pytest.mark.parametrize(
    ("request_", "host", "sentences"),
    [
        (
            {"version": "2.21.0"},
            debian("11", pythons=pythons("3.9"), become=False),
            [
                (
                    "tensorflow_version is '2.21.0', but TensorFlow 2.21.0 has no wheel for Python 3.9, the only one to be had on "
                    "this host; accepted: tensorflow_version: 2.20.0, or tensorflow_python: 3.13, or tensorflow_method: conda, "
                    "or a host with Python 3.10, 3.11, 3.12 or 3.13."
                )
            ],
        ),
        (
            {},
            ubuntu("26.04"),
            [
                (
                    "tensorflow_version is 'latest', but no release of it can be had: TensorFlow 2.21.0 has no wheel for Python "
                    "3.14, the only one to be had on this host; accepted: tensorflow_version: "
                    "2.22.0rc0 (a prerelease), or tensorflow_python: 3.13, or tensorflow_method: docker or conda, or a host with "
                    "Python 3.10, 3.11, 3.12 or 3.13."
                )
            ],
        ),
        (
            {},
            debian(architecture="riscv64"),
            [
                (
                    "tensorflow_version is 'latest', but no release of it can be had: TensorFlow 2.21.0 has no wheel for riscv64; "
                    "accepted: a host with x86_64 or aarch64."
                )
            ],
        ),
        (
            {"version": "2.9.1"},
            debian(architecture="aarch64", pythons=pythons("3.10")),
            [
                (
                    "tensorflow_version is '2.9.1', but TensorFlow 2.9.1 has no wheel for aarch64; accepted: tensorflow_version: "
                    "2.21.0, or a host with x86_64."
                )
            ],
        ),
        (
            {"version": "2.21.0"},
            debian(glibc="2.26"),
            [
                (
                    "tensorflow_version is '2.21.0', but the wheels of TensorFlow 2.21.0 need glibc 2.27, and this host has 2.26; "
                    "accepted: tensorflow_version: 2.20.0, or a host with glibc 2.27 or newer."
                )
            ],
        ),
        (
            {},
            debian(cpu_flags=["fma"]),
            [
                (
                    "tensorflow_version is 'latest', but no release of it can be had: the official builds of TensorFlow 2.21.0 "
                    "need AVX, which this processor lacks; accepted: a wheel built without it, by tensorflow_wheel_url."
                )
            ],
        ),
        (
            {},
            debian(pythons=[], become=False),
            [
                (
                    "tensorflow_version is 'latest', but no release of it can be had: this host has no Python that an environment "
                    "can be made of; accepted: tensorflow_python: 3.13, or tensorflow_method: conda, or "
                    "a host with Python 3.10, 3.11, 3.12 or 3.13."
                )
            ],
        ),
    ],
)
def test_no_release_fits(request_: Request, host: Facts, sentences: list[str]) -> None:
    assert refusals(request_, host) == sentences


def test_what_is_suggested_is_accepted() -> None:
    """Where only the nightly build has a wheel, that is what it is called."""
    rows = {"tensorflow": {"releases": {"2.22.0rc0": {"x86_64": {"python": "3.13"}}}}}
    (sentence_,) = refusals({"overrides": rows}, ubuntu("26.04"))
    assert "accepted: tensorflow_version: nightly, or tensorflow_python: 3.13, or tensorflow_method: " in sentence_
    assert refusals({"overrides": rows, "version": "nightly"}, ubuntu("26.04")) == []


def test_before_avx_was_needed() -> None:
    plan = planned({"version": "1.5.1"}, debian(cpu_flags=[], pythons=pythons("3.6")))
    assert plan["tensorflow"]["version"] == "1.5.1"


def test_avx_is_of_no_concern_elsewhere_than_on_x86_64() -> None:
    assert planned({}, debian(architecture="aarch64", cpu_flags=[]))["tensorflow"]["version"] == "2.21.0"


def sealed(*requirements: str) -> Facts:
    return debian(environment={"release": "abc", "sealed": {"contents": {"requirements": list(requirements)}}})


def test_which_nightly_build() -> None:
    """The host finds it, unless it has one already or one is asked for."""
    build = "2.23.0.dev20260930"
    cases: list[tuple[Request, Facts, tuple[str, str, bool], str | None]] = [
        ({}, debian(), ("nightly", "tf-nightly", False), "stays until tensorflow_nightly asks for another"),
        ({}, sealed(f"tf-nightly=={build}", "pip"), (build, "tf-nightly", False), f"stays at {build}"),
        (
            {"nightly": "newest"},
            sealed(f"tf-nightly=={build}"),
            (build, "tf-nightly", True),
            "Each run installs the newest",
        ),
        (
            {"nightly": "2.23.0.dev20261101"},
            debian(),
            ("2.23.0.dev20261101", "tf-nightly==2.23.0.dev20261101", False),
            None,
        ),
        ({}, sealed("tensorflow-cpu==2.21.0"), ("nightly", "tf-nightly", False), "stays until"),
    ]
    for request_, host, (version, requirement, moves), note in cases:
        plan = planned({"version": "nightly", **request_}, host)
        found = plan["tensorflow"]
        assert (found["version"], found["requirement"], found["moves"]) == (version, requirement, moves)
        notes = [one for one in plan["notes"] if "nightly" in one]
        assert len(notes) == (note is not None)
        assert note is None or note in notes[0]
    assert planned({"nightly": "newest"}, debian())["tensorflow"]["moves"] is False


def test_the_guides_address_is_known_for_what_the_guides_knew() -> None:
    old = planned({"version": "1.10.0", "python": "2.7"}, debian("11", pythons=pythons("2.7", "3.9")))["tensorflow"]
    assert old["guide_url"] == (
        "https://storage.googleapis.com/tensorflow/linux/cpu/tensorflow-1.10.0-cp27-none-linux_x86_64.whl"
    )
    assert planned({}, debian(architecture="aarch64"))["tensorflow"]["guide_url"] is None
    assert planned({"version": "nightly"}, debian())["tensorflow"]["guide_url"] is None
