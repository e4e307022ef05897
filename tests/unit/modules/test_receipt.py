# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift
from ansible_collections.tensorwright.fleet.plugins.modules import receipt


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(**arguments: Any) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit) as end:
            receipt.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert bool(end.value.code) == bool(answer.get("failed"))
        return answer

    return call


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "profile").write_text("x")
    return {
        "role": "cuda",
        "inputs": "abc",
        "file": str(tmp_path / "receipts" / "cuda.json"),
        "footprint": {"files": [str(tmp_path / "profile")], "packages": ["pciutils"]},
    }


def test_it_is_written_once(run: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    first = run(**arguments)
    assert first["changed"] is True
    assert first["file"] == arguments["file"]
    written = json.loads(Path(arguments["file"]).read_text())
    assert written["footprint"] == first["footprint"]
    assert written["footprint"]["files"] == {str(tmp_path / "profile"): hashlib.sha256(b"x").hexdigest()}
    assert written["footprint"]["packages"] == {"pciutils": None}
    assert run(**arguments)["changed"] is False


def test_it_is_written_anew_when_the_host_or_the_inputs_moved(
    run: Any, arguments: dict[str, Any], tmp_path: Path
) -> None:
    run(**arguments)
    (tmp_path / "profile").write_text("y")
    assert run(**arguments)["changed"] is True
    assert run(**{**arguments, "inputs": "abcd"})["changed"] is True
    assert run(**{**arguments, "inputs": "abcd"})["changed"] is False


def test_what_is_intended_is_written_down_and_is_no_change_of_the_host(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that refuses right after it has changed nothing."""
    monkeypatch.setattr(drift, "DIRECTORY", str(tmp_path / "receipts"))
    intended = run(role="cuda", state="intended", footprint={"files": ["/etc/profile.d/cuda.sh"]})
    assert not intended.get("changed")
    assert "/etc/profile.d/cuda.sh" in (tmp_path / "receipts" / "cuda.intent").read_text()


def test_check_mode(run: Any, arguments: dict[str, Any]) -> None:
    assert run(**arguments, _ansible_check_mode=True)["changed"] is True
    assert not Path(arguments["file"]).exists()


def test_absent(run: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    run(**arguments)
    gone = {"role": "cuda", "file": arguments["file"], "state": "absent"}
    assert run(**gone, _ansible_check_mode=True)["changed"] is True
    assert run(**gone)["changed"] is True
    assert not (tmp_path / "receipts").exists()
    assert run(**gone)["changed"] is False


def test_the_file_is_by_default_the_roles_own(run: Any, arguments: dict[str, Any]) -> None:
    del arguments["file"]
    assert run(**arguments, _ansible_check_mode=True)["file"] == "/var/lib/tensorwright/receipts/cuda.json"


def test_failures_are_sentences(run: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    assert run(**{**arguments, "footprint": {"files": [str(tmp_path)]}})["msg"] == (
        f"The receipt {arguments['file']} was not written: {tmp_path} is a directory: a footprint names the files"
    )
    blocked = str(tmp_path / "profile" / "cuda.json")
    assert run(**{**arguments, "file": blocked})["msg"] == (
        f"The receipt {blocked} was not written: {tmp_path}/profile: Not a directory"
    )
    assert "inputs" in run(role="cuda")["msg"]
    assert "Unsupported parameters" in run(**{**arguments, "footprint": {"file": []}})["msg"]
