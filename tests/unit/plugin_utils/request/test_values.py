# SPDX-License-Identifier: GPL-3.0-or-later
"""All other values, misspelt names, and several problems at once."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.plan.hosts import debian, place, refusals


@pytest.mark.parametrize(
    ("name", "value", "sentence_"),
    [
        (
            "device",
            "gpus",
            "tensorflow_device is 'gpus', which is none of its values; accepted: auto, cpu, gpu (the nearest is gpu).",
        ),
        ("device", True, "tensorflow_device is true, which is not a text; accepted: auto, cpu, gpu."),
        (
            "cuda_from",
            "pip",
            "tensorflow_cuda_from is 'pip', which is none of its values; accepted: auto, wheels, apt.",
        ),
        (
            "tensorrt",
            "maybe",
            "tensorflow_tensorrt is 'maybe', which is neither true nor false nor auto; accepted: true, false, auto.",
        ),
        ("nccl", 2, "tensorflow_nccl is 2, which is neither true nor false nor auto; accepted: true, false, auto."),
        (
            "keep_releases",
            0,
            "tensorflow_keep_releases is 0, which is not a whole number from 1; accepted: a whole number from 1.",
        ),
        (
            "keep_releases",
            1.5,
            "tensorflow_keep_releases is 1.5, which is not a whole number from 1; accepted: a whole number from 1.",
        ),
        (
            "keep_releases",
            True,
            "tensorflow_keep_releases is true, which is not a whole number from 1; accepted: a whole number from 1.",
        ),
        (
            "lock_timeout",
            "soon",
            "tensorflow_lock_timeout is 'soon', which is not a whole number from 0; accepted: a whole number from 0.",
        ),
        (
            "validate",
            "maybe",
            "tensorflow_validate is 'maybe', which is none of its values; accepted: changed, always, never.",
        ),
        (
            "all_or_nothing",
            "perhaps",
            "tensorflow_all_or_nothing is 'perhaps', which is neither true nor false; accepted: true, false.",
        ),
        ("session_user", ["x"], "tensorflow_session_user is a list, which is not a text; accepted: a text."),
        (
            "overrides",
            "x",
            "tensorflow_overrides is 'x', which is not a mapping; accepted: a mapping of tables to rows, such as {} for none.",
        ),
        (
            "overrides",
            {"tensorflow": {"series": 1}},
            (
                "tensorflow_overrides is a mapping, and tensorflow.series is not a mapping of rows; accepted: rows of the shape that "
                "compatibility/ has, by table: {tensorflow: {releases: {…}}}."
            ),
        ),
        (
            "verison",
            "2.20.0",
            "tensorflow_verison is '2.20.0', but no variable has that name; accepted: tensorflow_version.",
        ),
        (
            "color",
            "red",
            "tensorflow_color is 'red', but no variable has that name; accepted: the names in docs/variables.md.",
        ),
        (
            "wheel_sha256",
            "abc",
            (
                "tensorflow_wheel_sha256 is 'abc', which is no SHA-256; accepted: empty, or the 64 hexadecimal digits of the wheel's "
                "SHA-256."
            ),
        ),
        (
            "nightly",
            "newst",
            (
                "tensorflow_nightly is 'newst', which is not a nightly build; accepted: keep, newest, or a build such as "
                "2.23.0.dev20261026 (the nearest is newest)."
            ),
        ),
        (
            "wheel_url",
            "ftp://bob:s3cret@example.org/x.whl",
            (
                "tensorflow_wheel_url is 'ftp://…@example.org/x.whl', which is not a URL; accepted: empty, or the URL of a wheel: "
                "https://…/tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl."
            ),
        ),
    ],
)
def test_a_value_that_is_not_accepted(name: str, value: object, sentence_: str) -> None:
    assert refusals({name: value}, debian()) == [sentence_]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tensorrt", "no"),
        ("nccl", "auto"),
        ("nccl", "Yes"),
        ("keep_releases", "3"),
        ("lock_timeout", 0),
        ("all_or_nothing", "true"),
        ("driver_branch", 580),
        ("session_user", "alice"),
        ("wheel_url", ""),
        ("device", " cpu "),
    ],
)
def test_values_that_mean_the_same(name: str, value: object) -> None:
    assert refusals({name: value}, debian()) == []


def test_misspelt_variables_are_told_with_the_nearest_name() -> None:
    names = [
        "tensorflow_verison",
        "tensorflow_pip_index",
        "tensorflow_version",
        "tensorflow_plan",
        "ansible_host",
        "tensor",
    ]
    assert refusals({}, debian(), names=names) == [
        "tensorflow_pip_index is set, but no variable has that name; accepted: tensorflow_pip_index_url.",
        "tensorflow_verison is set, but no variable has that name; accepted: tensorflow_version.",
    ]


def test_all_problems_at_once() -> None:
    asked = {"version": "9.9", "method": "vitualenv", "device": "tpu", "keep_releases": -1}
    found = refusals(asked, debian(become=False, path=place(writable=False)), names=["tensorflow_pth"])
    assert [sentence_.split(" ", 1)[0] for sentence_ in found] == [
        "tensorflow_pth",
        "tensorflow_version",
        "tensorflow_device",
        "tensorflow_method",
        "tensorflow_keep_releases",
    ]
