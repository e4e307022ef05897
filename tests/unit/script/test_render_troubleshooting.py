# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md is what the table says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog

from script import render_troubleshooting


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_troubleshooting.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_is_not_current_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "troubleshooting.md"
    page.parent.mkdir()
    page.write_text("another text")
    monkeypatch.setattr(render_troubleshooting, "ROOT", tmp_path)
    monkeypatch.setattr(render_troubleshooting, "PAGE", page)
    assert render_troubleshooting.main(["--check"]) == 1
    assert "docs/troubleshooting.md is not as the table says" in capsys.readouterr().out
    assert page.read_text() == "another text"
    assert render_troubleshooting.main([]) == 0
    assert render_troubleshooting.main(["--check"]) == 0


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_troubleshooting.main(["--force"]) == 2
    assert "usage" in capsys.readouterr().err


def test_every_row_has_a_heading_that_messages_lead_to() -> None:
    headings = [line[4:] for line in render_troubleshooting.page().splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted(row.id for row in catalog.ROWS)
