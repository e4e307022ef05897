"""The light look at a host: one program for its Python, which finds what the module finds."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import gather
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import remote_gather


def look(directory: Path, **asked: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a host does: nothing of the collection is to be found there."""
    return subprocess.run(
        [sys.executable, "-I", "-c", remote_gather.BOOT, json.dumps(asked)],
        input=remote_gather.program(),
        capture_output=True,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
        check=False,
    )


def test_it_finds_what_the_module_finds(tmp_path: Path, monkeypatch: Any) -> None:
    asked: dict[str, Any] = {
        "paths": [str(tmp_path / "tf"), "~/other"],
        "receipts_dir": str(tmp_path),
        "docker_data_root": "",
    }
    done = look(tmp_path, **asked)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("HOME", str(tmp_path))
    found, expected = remote_gather.facts(done.stdout.decode()), json.loads(json.dumps(gather.gather(**asked)))
    for facts in (found, expected):
        assert facts is not None
        for one in (facts, facts["docker"], *facts["places"].values()):
            assert isinstance(one.pop("free_mb"), int)  # others write to this disk as well
    assert found == expected
    assert [*tmp_path.iterdir()] == []


def test_an_answer_has_a_bound() -> None:
    assert remote_gather.facts('{"receipts": []}' + " " * 100_000) == {"receipts": []}
    with pytest.raises(remote_gather.TooMuchError, match="more than 8 MB; accepted: host facts"):
        remote_gather.facts('{"receipts": ["' + "x" * remote_gather.MOST + '"]}')
    assert remote_gather.facts('{"receipts": ' + "[" * 100_000) is None


def test_reading_an_answer_takes_no_memory_without_bound() -> None:
    program = (
        "from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import remote_gather as payload\n"
        "import resource\n"
        "before = resource.getrlimit(resource.RLIMIT_AS)\n"
        "try:\n"
        "    with payload.bounded():\n"
        "        read = []\n"
        "        while True:\n"
        "            read.append(bytes(10 << 20))\n"
        "except payload.TooMuchError:\n"
        "    print(10 * len(read), resource.getrlimit(resource.RLIMIT_AS) == before)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    read, restored = done.stdout.split()
    assert 100 < int(read) < 512
    assert restored == "True"


def test_it_is_all_that_the_look_imports_and_nothing_of_ansible_s() -> None:
    for name, text in remote_gather.needed().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert not module.startswith("ansible") or module.startswith(remote_gather.PACKAGE), (name, module)


def test_it_reads_little_of_the_standard_library(tmp_path: Path) -> None:
    boot = remote_gather.BOOT + "; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", boot, json.dumps({"paths": [str(tmp_path)]})],
        input=remote_gather.program(),
        capture_output=True,
        check=True,
    )
    assert not {"inspect", "importlib.resources", "urllib.parse", "dataclasses"} & set(done.stderr.decode().split())


def test_it_is_small_and_the_same_for_all_hosts() -> None:
    assert remote_gather.program() is remote_gather.program()
    assert len(remote_gather.program()) < 80_000
    ast.parse(zlib.decompress(remote_gather.program()), feature_version=(3, 6))


def test_what_is_no_answer_is_none() -> None:
    for printed in ("", "no Python here", "[1]", '{"other": 1}', "null"):
        assert remote_gather.facts(printed) is None
    assert remote_gather.facts('a banner of the login shell\n{"receipts": []}\n') == {"receipts": []}
