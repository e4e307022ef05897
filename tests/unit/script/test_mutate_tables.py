# SPDX-License-Identifier: GPL-3.0-or-later
"""Every value of the tables is tried, and a change that is not seen is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from script import mutate_tables
from tests.unit.plugin_utils.compatibility import table_checks

ROWS: dict[str, Any] = {
    "sources": {"a": "a page"},
    "row": {"pythons": "3.9 3.10", "mb": 7, "works": True, "end": None, "note": "a note", "why": "so"},
    "list": [{"name": "cuda-D"}, "1.09"],
}


def test_every_value_but_prose_is_changed() -> None:
    assert [str(mutant) for mutant in mutate_tables.mutants(ROWS)] == [
        "row.pythons: '3.9 3.10' -> '3.9 3.11'",
        "row.pythons: '3.9 3.10' -> '3.9'",
        "row.mb: 7 -> 15",
        "row.works: True -> False",
        "row.end: None -> '1.0'",
        "list.0.name: 'cuda-D' -> 'cuda-Dx'",
        "list.1: '1.09' -> '1.10'",
    ]


def test_what_is_not_seen_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(raw: dict[str, Any]) -> list[str]:
        return ["wrong"] if raw["python"]["mb"] != 7 else []

    monkeypatch.setattr(tables, "read", lambda: {"python": {"mb": 7, "end": None}, "gpus": {"mb": 7}})
    monkeypatch.setattr(table_checks, "wrong", wrong)
    assert mutate_tables.main([]) == 1
    told = capsys.readouterr().out
    assert "unseen: python.end: None -> '1.0'" in told
    assert "unseen: gpus.mb: 7 -> 15" in told
    assert "1 of 3 changes seen (33.3 %)" in told
    assert mutate_tables.main(["--every", "5"]) == 0
    assert mutate_tables.main(["--every", "0"]) == 2
