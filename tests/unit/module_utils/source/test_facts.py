# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build from source finds on the host."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts


def test_memory_and_processor(tmp_path: Path) -> None:
    info = tmp_path / "info"
    info.write_text("MemFree: 5 kB\nMemTotal:       24732236 kB\nmodel name\t: A processor\nmodel name\t: Another\n")
    assert source_facts.memory_mb(str(info)) == 24152
    assert source_facts.cpu_model(str(info)) == "A processor"
    info.write_text("nothing of that\n")
    assert source_facts.memory_mb(str(info)) is None
    assert source_facts.cpu_model(str(info)) is None


def test_wheels_are_those_that_are_there(tmp_path: Path) -> None:
    builds = tmp_path / ".tensorwright" / "builds"
    for name, record in (
        ("whole", {"file": "t.whl", "key": "k"}),
        ("gone", {"file": "t.whl"}),
        ("odd", []),
        ("none", None),
    ):
        (builds / name).mkdir(parents=True)
        if record is not None:
            (builds / name / "record.json").write_text(json.dumps(record))
    (builds / "whole" / "t.whl").touch()
    (builds / "odd" / "t.whl").touch()
    (builds / "none" / "state.json").write_text("{")
    wheel = str(builds / "whole" / "t.whl")
    assert source_facts.wheels(str(tmp_path / "tensorflow")) == [{"file": "t.whl", "key": "k", "path": wheel}]
    assert source_facts.wheels(str(tmp_path / "elsewhere" / "tensorflow")) == []


def test_all_of_it_is_told() -> None:
    told = source_facts.describe()
    assert set(told) == {"cpus", "cpu_model", "memory_mb", "programs"}
    assert told["cpus"] >= 1
    assert "git" in told["programs"]
