# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an environment goes, and whether it fits."""

from __future__ import annotations

import pytest

from tests.unit.plugin_utils.plan.hosts import A100, GOOD, Facts, debian, place, planned, pythons, refusals


@pytest.mark.parametrize(
    ("path", "host", "sentence_"),
    [
        (
            "/etc/passwd/tf",
            debian(path=place(blocked_by="/etc/passwd", writable=False)),
            (
                "tensorflow_path is '/etc/passwd/tf', but /etc/passwd is not a directory; accepted: a path whose parents are "
                "directories, such as ~/tensorflow."
            ),
        ),
        (
            "/opt/tf",
            debian(path=place(writable=False), become=False),
            (
                "tensorflow_path is '/opt/tf', which the connecting user may not write, and this run may not become root; accepted: "
                "a path that the user may write, such as ~/tensorflow, or a run that may become root."
            ),
        ),
        (
            "/opt/tf",
            debian(path=place(occupied=True)),
            (
                "tensorflow_path is '/opt/tf', where something is that Tensorwright did not put there; accepted: a path where "
                "nothing is, or this one once that has been moved away."
            ),
        ),
        (
            "/opt/tf",
            debian(path=place(), free_mb=812),
            "tensorflow_path is '/opt/tf', whose filesystem has 812 MB free; accepted: a path with at least 1750 MB free.",
        ),
        (
            "",
            debian(),
            (
                "tensorflow_path is empty, which is not an absolute path; accepted: a path that begins with / or ~/, such as "
                "~/tensorflow or /opt/tensorflow."
            ),
        ),
        (
            "tensorflow",
            debian(),
            (
                "tensorflow_path is 'tensorflow', which is not an absolute path; accepted: a path that begins with / or ~/, such as "
                "~/tensorflow or /opt/tensorflow."
            ),
        ),
        (
            "~/",
            debian(),
            (
                "tensorflow_path is '~/', which names no directory of its own; accepted: a path that begins with / or ~/, such as "
                "~/tensorflow or /opt/tensorflow."
            ),
        ),
        (
            "/opt/../",
            debian(),
            (
                "tensorflow_path is '/opt/../', which names no directory of its own; accepted: a path that begins with / or ~/, such "
                "as ~/tensorflow or /opt/tensorflow."
            ),
        ),
        (
            None,
            debian(),
            (
                "tensorflow_path is empty, which is not a text; accepted: a path that begins with / or ~/, such as ~/tensorflow or "
                "/opt/tensorflow."
            ),
        ),
    ],
)
def test_a_place_that_will_not_do(path: object, host: Facts, sentence_: str) -> None:
    assert refusals({"path": path}, host) == [sentence_]


def test_root_writes_where_the_user_may_not() -> None:
    assert planned({"path": "/opt/tf"}, debian(path=place(writable=False)))["path"] == {
        "given": "/opt/tf",
        "absolute": "/opt/tf",
        "become": True,
    }
    assert planned({"path": "/opt/tf"}, debian(path=place()))["path"]["become"] is False
    assert planned({"path": "/opt/tf"}, debian())["path"] == {
        "given": "/opt/tf",
        "absolute": "/opt/tf",
        "become": False,
    }
    assert planned({}, debian())["path"]["absolute"] is None


def test_space_grows_with_what_is_installed() -> None:
    cpu = planned({}, debian())["space"]["needed_mb"]
    gpu = planned({}, debian(gpus=[A100], driver=GOOD))["space"]["needed_mb"]
    old = planned({"version": "1.15.5"}, debian(pythons=pythons("3.7")))["space"]["needed_mb"]
    assert old < cpu < gpu
    assert planned({}, debian(free_mb=cpu))["problems"] == []
    assert len(refusals({}, debian(free_mb=cpu - 1))) == 1


def test_an_environment_that_is_there_needs_no_more_space() -> None:
    plan = planned({}, debian())
    contents = {
        "python": ["/usr/bin/python3.11", "3.11"],
        "requirements": ["pip", plan["tensorflow"]["requirement"]],
        "constraints": plan["constraints"],
    }
    there = {"release": "3f9c2a", "sealed": {"contents": contents}}
    assert refusals({}, debian(free_mb=10, environment=there)) == []
    assert refusals({"version": "2.20.0"}, debian(free_mb=10, environment=there)) != []
    other = {"release": "3f9c2a", "sealed": {"contents": {**contents, "python": ["/usr/bin/python3.12", "3.12"]}}}
    assert refusals({}, debian(free_mb=10, environment=other)) != []
    assert refusals({}, debian(free_mb=10, environment={"release": "3f9c2a", "sealed": None})) != []
