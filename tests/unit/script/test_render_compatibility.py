# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/compatibility.md is what the tables say."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from script import render_compatibility


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_compatibility.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_is_not_current_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "compatibility.md"
    page.parent.mkdir()
    page.write_text("another text")
    monkeypatch.setattr(render_compatibility, "ROOT", tmp_path)
    monkeypatch.setattr(render_compatibility, "PAGE", page)
    assert render_compatibility.main(["--check"]) == 1
    assert "docs/compatibility.md is not as the tables say" in capsys.readouterr().out
    assert page.read_text() == "another text"
    assert render_compatibility.main([]) == 0
    assert render_compatibility.main(["--check"]) == 0


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_compatibility.main(["--force"]) == 2
    assert "usage" in capsys.readouterr().err


def test_newest_first() -> None:
    text = render_compatibility.page(tables.read())
    lines = [line for line in text.splitlines() if line.startswith(("| 2.21 |", "| 2.9 |", "| 2.15 |", "| 1.4 |"))]
    assert [line.split(" | ")[0] for line in lines[:4]] == ["| 2.21", "| 2.15", "| 2.9", "| 1.4"]


def test_a_changed_row_changes_the_page() -> None:
    raw = copy.deepcopy(tables.read())
    before = render_compatibility.page(raw)
    raw["tensorflow"]["series"]["2.21"]["cudnn"] = "9.99"
    raw["nvidia"]["cuda"]["12.5"]["minimum_driver"] = "599.1"
    after = render_compatibility.page(raw)
    assert "9.99" in after
    assert "599.1" in after
    assert "9.99" not in before


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["3.9", "3.10", "3.11", "3.12"], "3.9–3.12"),
        (["3.12", "3.10", "3.11"], "3.10–3.12"),
        (["3.6", "3.7"], "3.6, 3.7"),
        (["2.7", "3.3", "3.4", "3.5"], "2.7, 3.3–3.5"),
        (["2.7", "3.5", "3.7"], "2.7, 3.5, 3.7"),
        (["3.9"], "3.9"),
        ([], "–"),
    ],
)
def test_spans(names: list[str], text: str) -> None:
    assert render_compatibility.span(names) == text


def test_cells_keep_their_bars() -> None:
    assert render_compatibility.section("A", [["x"], ["a|b"]], "").splitlines()[-1] == r"| a\|b |"
