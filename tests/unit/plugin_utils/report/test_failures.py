# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures


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


def test_a_host_that_does_not_accept_the_login_says_what_to_do() -> None:
    said = failures.unreachable({"msg": "bob@web1: Permission denied (publickey,password)."})
    assert said[1] == "cause: the host does not accept this login"


@pytest.mark.parametrize(
    ("action", "role", "refusal"),
    [
        ("ansible.builtin.assert", "tensorflow", True),
        ("assert", "", True),
        ("ansible.builtin.validate_argument_spec", "cuda", True),
        ("ansible.builtin.assert", "validate", False),
        ("ansible.builtin.assert", "diagnosis", False),
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


@pytest.mark.parametrize(
    "result",
    [
        {
            "msg": "MODULE FAILURE",
            "module_stderr": "Shared connection to 10.0.0.7 closed.\r\n",
            "module_stdout": "",
            "rc": 0,
        },
        {"msg": "MODULE FAILURE", "module_stderr": "mux_client_read_packet: read header failed: Broken pipe", "rc": 1},
        {
            "msg": "MODULE FAILURE",
            "module_stderr": "Connection reset by 10.0.0.7 port 22",
            "module_stdout": "",
            "rc": 255,
        },
        {
            "msg": "Task failed: Module result deserialization failed: No start of json char found",
            "module_stderr": "client_loop: send disconnect: Broken pipe",
        },
        {"msg": "Module result deserialization failed", "module_stderr": "Timeout, server 10.0.0.7 not responding."},
    ],
)
def test_a_connection_that_dropped_is_not_told_as_memory(result: dict[str, Any]) -> None:
    assert failures.problems(result) == [failures.DROPPED]
    assert list(failures.told(result, ours=True)) == [failures.DROPPED]
    assert "memory" not in failures.DROPPED


def test_without_an_answer_a_dropped_connection_comes_first_among_the_causes() -> None:
    assert failures.ENDED.index("connection dropped") < failures.ENDED.index("memory")


@pytest.mark.parametrize(
    ("message", "dropped"),
    [
        ("Failed to connect to the host via ssh: Shared connection to 10.0.0.7 closed.", True),
        ("Failed to connect to the host via ssh: Timeout, server 10.0.0.7 not responding.", True),
        ("Failed to connect to the host via ssh: kex_exchange_identification: Connection closed by remote host", False),
        ("Failed to connect to the host via ssh: ssh: connect to host h port 22: Connection refused", False),
    ],
)
def test_a_host_that_is_lost_in_the_middle_goes_on(message: str, dropped: bool) -> None:
    assert (failures.unreachable({"msg": message, "unreachable": True})[-1] == failures.DROPPED) is dropped


def test_a_module_that_crashed_is_told_as_ansible_tells_it() -> None:
    result = {"msg": "MODULE FAILURE", "module_stderr": "Traceback (most recent call last):\n  KeyError: 'site'"}
    assert failures.problems(result) == ["MODULE FAILURE"]


# --- why, and what to do ----------------------------------------------------------------------------------------------

KEY = (
    "W: GPG error: http://x stable InRelease: The following signatures couldn't be verified: NO_PUBKEY A4B469963BF863CC"
)


@pytest.mark.parametrize(
    ("result", "ours", "said"),
    [
        (
            {"msg": "Failed to update apt cache", "stderr": KEY},
            False,
            [
                "cause: a repository is signed with a key that this host does not have (NO_PUBKEY A4B469963BF863CC)",
                "remedy: fetch the repository's key from its owner",
                "see: docs/troubleshooting.md#apt-key-missing",
            ],
        ),
        (
            {
                "msg": "/opt/x: the disk is full; free space on it; nothing",
                "output": "os error 28",
                "log": "/opt/x.log",
            },
            True,
            [
                "/opt/x: the disk is full; free space on it; nothing",
                "see: docs/troubleshooting.md#disk-full",
                "output: /opt/x.log on the host",
            ],
        ),
        (
            {"msg": "apt says: no", "output": "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"},
            True,
            ["apt says: no", "cause: an earlier", "remedy: `dpkg --configure -a`", "see: docs/"],
        ),
        ({"msg": "/opt/x is in use by process 7"}, True, ["/opt/x is in use by process 7"]),
        (
            {"msg": "non-zero return code", "rc": 1, "stderr": "one\ntwo\nthree\nfour", "stdout": "zero"},
            False,
            ["non-zero return code", "last words: two / three / four", "cause: unknown; it is none of docs/"],
        ),
        ({"msg": "no", "stdout": "all it said"}, False, ["no", "last words: all it said", "cause: unknown"]),
        (
            {"msg": "All items", "results": [{"failed": True, "msg": "odd"}, {"failed": True, "msg": "ENOSPC"}]},
            False,
            ["cause: the disk is full", "remedy: ", "see: "],
        ),
        (
            {"msg": "MODULE FAILURE", "module_stdout": "", "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found"},
            False,
            ["cause: the host has no Python", "remedy: ", "see: "],
        ),
        ({"msg": "MODULE FAILURE", "module_stderr": "", "module_stdout": ""}, False, [failures.ENDED]),
    ],
)
def test_a_failure_says_why_and_what_to_do(result: dict[str, Any], ours: bool, said: list[str]) -> None:
    told = list(failures.told(result, ours))
    assert len(told) == len(said)
    for line, begin in zip(told, said, strict=True):
        assert line.startswith(begin)


def test_what_a_program_complains_about_counts_more_than_what_it_printed_before() -> None:
    result = {"msg": "no", "stderr": "E: dpkg was interrupted", "stdout": "Err: Could not resolve 'x'"}
    found = failures.diagnose(result)
    assert found
    assert found.row.id == "dpkg-interrupted"


def test_a_statement_is_one_block() -> None:
    assert failures.statement("Install", ["a", "cause: b", "see: c"]) == "Install: a\n  cause: b\n  see: c"
    assert failures.statement("Install", ["cause: b"]) == "Install failed\n  cause: b"


def test_a_statement_can_be_taken_apart_again() -> None:
    said = failures.statement("Install Python", ["apt-get failed", "cause: it: is locked", "remedy: wait", "see: page"])
    assert failures.parts(said) == {
        "what": "Install Python: apt-get failed",
        "cause": "it: is locked",
        "remedy": "wait",
        "see": "page",
    }
    assert failures.parts("No AVX: buy another CPU.") == {"what": "No AVX: buy another CPU."}
