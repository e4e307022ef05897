# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift
from ansible_collections.tensorwright.fleet.plugins.modules import tensorflow_host


def gather(capsys: pytest.CaptureFixture[str], **arguments: Any) -> dict[str, Any]:
    with patch_module_args(arguments), pytest.raises(SystemExit) as end:
        tensorflow_host.main()
    assert end.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["changed"] is False
    facts: dict[str, Any] = answer["ansible_facts"]["tensorflow_host"]
    return facts


def test_facts_in_check_mode(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    drift.write(str(tmp_path / "receipts" / "python.json"), "python", "abc", {"packages": {"nonexistent": None}})
    facts = gather(
        capsys,
        path="~/tensorflow",
        receipts_dir=str(tmp_path / "receipts"),
        pci_devices=str(tmp_path / "bus"),
        _ansible_check_mode=True,
    )
    assert facts["path"]["given"] == "~/tensorflow"
    assert facts["path"]["absolute"] == f"{tmp_path}/tensorflow"
    assert facts["user"]["home"] == str(tmp_path)
    assert facts["gpus"] == []
    assert [(receipt["role"], receipt["drift"]) for receipt in facts["receipts"]] == [
        ("python", ["package nonexistent is not installed"])
    ]


def test_the_path_is_not_rewritten(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "/elsewhere")
    assert gather(capsys, path="/opt/$SOMEWHERE")["path"]["absolute"] == "/opt/$SOMEWHERE"
