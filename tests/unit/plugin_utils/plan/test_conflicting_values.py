# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are right alone and wrong together, and explicit wheels."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.plan.hosts import Request, debian, planned, pythons, refusals

WHEEL = "https://example.org/tensorflow-{}-{}-linux_x86_64.whl"


@pytest.mark.parametrize(
    ("request_", "sentence_"),
    [
        (
            {"device": "cpu", "tensorrt": True},
            "tensorflow_tensorrt is true, but tensorflow_device is 'cpu'; accepted: false, or tensorflow_device: gpu.",
        ),
        (
            {"wheel_url": WHEEL.format("2.15.1", "cp311-cp311"), "version": "2.14"},
            (
                "tensorflow_wheel_url is 'https://example.org/tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl', which is of version "
                "2.15.1, but tensorflow_version is '2.14'; accepted: a wheel of 2.14, or version 2.15.1."
            ),
        ),
        (
            {"wheel_url": WHEEL.format("3.0.0", "cp311-cp311")},
            (
                "tensorflow_wheel_url is 'https://example.org/tensorflow-3.0.0-cp311-cp311-linux_x86_64.whl', which is of version "
                "3.0.0, and no release of that minor version is known; accepted: a wheel of 1.4 to 2.21."
            ),
        ),
        (
            {"wheel_url": "https://example.org/tensorflow.zip"},
            (
                "tensorflow_wheel_url is 'https://example.org/tensorflow.zip', which does not end in a wheel's name; accepted: a URL "
                "that ends in name-version-python-abi-platform.whl."
            ),
        ),
        (
            {"wheel_url": "tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl"},
            (
                "tensorflow_wheel_url is 'tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl', which is not a URL; accepted: empty, or "
                "the URL of a wheel: https://…/tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl."
            ),
        ),
        (
            {"wheel_url": WHEEL.format("2.15.1", "cp310-cp310")},
            (
                "tensorflow_wheel_url is 'https://example.org/tensorflow-2.15.1-cp310-cp310-linux_x86_64.whl', but TensorFlow 2.15.1 "
                "has no wheel for Python 3.11, the only one to be had on this host; accepted: tensorflow_python: 3.10, or "
                "tensorflow_method: conda, or a host with Python 3.10."
            ),
        ),
    ],
)
def test_clashes(request_: Request, sentence_: str) -> None:
    assert refusals(request_, debian()) == [sentence_]


def test_a_wheel_of_a_methods_that_installs_none() -> None:
    asked = {"method": "docker", "wheel_url": WHEEL.format("2.15.1", "cp311-cp311")}
    assert (
        "tensorflow_wheel_url is 'https://example.org/tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl', but tensorflow_method is "
        "'docker', which installs no wheel; accepted: empty, or tensorflow_method: virtualenv."
    ) in refusals(asked, debian())


def test_an_explicit_wheel() -> None:
    url = "https://example.org/%22x%22/tensorflow-1.12.1-cp36-cp36m-linux_x86_64.whl"
    plan = planned({"wheel_url": url}, debian(cpu_flags=[], pythons=pythons("3.6")))
    assert plan["tensorflow"] == {
        "version": "1.12.1",
        "package": "tensorflow",
        "requirement": f"tensorflow @ {url}",
        "channel": "stable",
        "wheel_url": url,
        "wheel_sha256": None,
        "guide_url": None,
        "moves": False,
        "cuda_build": None,
    }
    assert plan["constraints"] == ["gast==0.2.2", "h5py<3"]
    assert "The wheel is taken as it comes: tensorflow_wheel_sha256 would have it checked." in plan["notes"]
    checked = planned({"wheel_url": url, "wheel_sha256": "AB" * 32}, debian(cpu_flags=[], pythons=pythons("3.6")))
    assert checked["tensorflow"]["wheel_sha256"] == "ab" * 32
    assert not any("wheel" in note for note in checked["notes"])


def test_the_login_of_a_wheels_url_is_not_in_the_plan() -> None:
    url = "https://bob:s3cret@example.org/tensorflow-1.12.1-cp36-cp36m-linux_x86_64.whl"
    assert "s3cret" not in str(planned({"wheel_url": url}, debian(pythons=pythons("3.6"))))
    assert "s3cret" not in str(refusals({"wheel_url": url}, debian()))
