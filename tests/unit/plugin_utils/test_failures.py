# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import failures


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "one\n\n  two "}, ["one", "two"]),
        ({"msg": ["one", "two"], "assertion": "x"}, ["one", "two"]),
        (
            {"msg": "Validation failed:\nx", "argument_errors": ["value of a must be one of: b"]},
            ["value of a must be one of: b"],
        ),
        (
            {
                "msg": "All items",
                "results": [{"failed": True, "msg": "x"}, {"msg": "fine"}, {"failed": True, "msg": "y"}],
            },
            ["x", "y"],
        ),
        ({"censored": "the output has been hidden"}, ["the output has been hidden"]),
        ({}, ["no reason given"]),
    ],
)
def test_problems(result: dict[str, Any], said: list[str]) -> None:
    assert failures.problems(result) == said


def test_unreachable_says_the_same_of_every_host() -> None:
    message = "Failed to connect to the host via ssh: ssh: connect to host {} port 22: Connection refused"
    said = {tuple(failures.unreachable({"msg": message.format(host)})) for host in ("10.0.0.1", "web02")}
    assert said == {("Failed to connect to the host via ssh: ssh: connect to port 22: Connection refused",)}


@pytest.mark.parametrize(
    ("action", "role", "refusal"),
    [
        ("ansible.builtin.assert", "tensorflow", True),
        ("assert", "", True),
        ("ansible.builtin.validate_argument_spec", "cuda", True),
        ("ansible.builtin.assert", "validate", False),
        ("ansible.builtin.apt", "cuda", False),
        ("tensorwright.fleet.environment", "tensorflow_pip", False),
    ],
)
def test_is_refusal(action: str, role: str, refusal: bool) -> None:
    assert failures.is_refusal(action, role) is refusal


def test_without_host() -> None:
    assert failures.without_host("web01: no space", "web01") == "no space"
    assert failures.without_host("web01: no space", "web0") == "web01: no space"


@pytest.mark.parametrize(
    "result",
    [
        {
            "msg": "MODULE FAILURE\nSee stdout/stderr for the exact error",
            "module_stderr": "Killed",
            "module_stdout": "",
        },
        {"msg": "Task failed: Module result deserialization failed: No start of json char found"},
    ],
)
def test_a_module_that_was_killed_is_told_in_a_sentence(result: dict[str, str]) -> None:
    assert failures.problems(result) == [failures.ENDED]


def test_a_module_that_crashed_is_told_as_ansible_tells_it() -> None:
    result = {"msg": "MODULE FAILURE", "module_stderr": "Traceback (most recent call last):\n  KeyError: 'site'"}
    assert failures.problems(result) == ["MODULE FAILURE"]
