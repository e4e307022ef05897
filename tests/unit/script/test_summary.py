"""The closing line of script/test."""

from pathlib import Path

import pytest

from tests.support import summary

PASSED = '<testcase classname="a" name="one"/>'
FAILED = '<testcase classname="a" name="two"><failure/></testcase>'
SKIPPED = '<testcase classname="a" name="three"><skipped/></testcase>'
PASSED_THEN_ERROR = '<testcase classname="a" name="four"/><testcase classname="a" name="four"><error/></testcase>'


def write(directory: Path, part: str, *cases: str) -> None:
    """Write a report as pytest does."""
    (directory / f"{part}.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")


def closing(
    directory: Path, *broken: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, int]:
    """Return the closing line and the exit status."""
    monkeypatch.setattr("sys.argv", ["summary", str(directory), *broken])
    with pytest.raises(SystemExit) as stop:
        summary.main()
    assert isinstance(stop.value.code, int)
    return capsys.readouterr().out.splitlines()[-1], stop.value.code


@pytest.mark.parametrize(
    ("reports", "broken", "line", "status"),
    [
        ({"unit": [PASSED], "molecule-default": [PASSED]}, [], "2 passed, 0 failed", 0),
        ({"unit": [PASSED, FAILED]}, ["unit"], "1 passed, 1 failed", 1),
        ({"unit": [PASSED, SKIPPED]}, [], "1 passed, 0 failed, 1 skipped", 0),
        ({"unit": [PASSED_THEN_ERROR]}, ["unit"], "0 passed, 1 failed", 1),
        ({"unit": [PASSED]}, ["lint"], "1 passed, 1 failed", 1),
        ({"unit": [PASSED]}, ["molecule-native"], "1 passed, 1 failed", 1),
        ({"unit": []}, [], "0 passed, 0 failed", 1),
        ({}, [], "0 passed, 0 failed", 1),
    ],
)
def test_closing_line(
    reports: dict[str, list[str]],
    broken: list[str],
    line: str,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for part, cases in reports.items():
        write(tmp_path, part, *cases)
    assert closing(tmp_path, *broken, capsys=capsys, monkeypatch=monkeypatch) == (line, status)
