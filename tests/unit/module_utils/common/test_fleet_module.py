# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules leave in the host's journal, and answer of their own arguments, has no login of a URL in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import shown

ROOT = Path(__file__).resolve().parents[4]
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if "argument_spec" in path.read_text())
PROGRAM = """
import json, sys
from ansible.module_utils import basic
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
if hasattr(basic, "_ANSIBLE_PROFILE"):
    basic._ANSIBLE_PROFILE = "legacy"
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic.AnsibleModule.log = lambda self, message, log_args=None: print(message, log_args, file=sys.stderr)
kinds = {"index": "dict", "urls": "list", "url": "str", "token_url": "str", "number": "int"}
module = FleetModule({name: {"type": kind, "no_log": False} for name, kind in kinds.items()})
assert module.params["url"].startswith("https://user:"), module.params
module.fail_json("no") if module.params["number"] else module.exit_json(settings=module.params["number"])
"""
ASKED = {
    "index": {
        "url": "https://token@index.test/simple",
        "extra": ["https://a:b@c@extra.test"],
        "proxy": {"http": "http://u:p@proxy"},
    },
    "urls": ["https://user:secret@one.test"],
    "url": "https://user:secret@two.test/x",
    "token_url": "https://to-ken@three.test/",
}


@pytest.mark.parametrize("number", [0, 1])
def test_neither_journal_nor_answer_has_a_login(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps({**ASKED, "number": number})],
        env={"PYTHONPATH": str(ROOT / "collections"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == number, done.stderr
    answer = json.loads(done.stdout)
    assert answer["invocation"]["module_args"]["index"]["url"] == "https://index.test/simple"
    assert answer["invocation"]["module_args"]["urls"] == ["https://one.test"]
    assert "Invoked with" in done.stderr
    assert "two.test/x" in done.stderr
    for secret in ("token@", "to-ken", "user:", "secret", "a:b", "c@", "u:p"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_is_such_a_module(path: Path) -> None:
    text = path.read_text()
    assert "FleetModule(" in text
    assert "AnsibleModule(" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://u:p@h/x?a=b@c", "http://h/x?a=b@c"),
        ("https://h/user@x", "https://h/user@x"),
        ("mail me@h", "mail me@h"),
        (["ssh://t@h", 1, None, True], ["ssh://h", 1, None, True]),
        ({"https://t@h": {"a": ("https://t@h",)}}, {"https://h": {"a": ["https://h"]}}),
    ],
)
def test_what_is_shown(value: Any, expected: Any) -> None:
    assert shown(value) == expected
