"""Add up what pytest reported in its XML files, and print the closing line: `N passed, M failed`.

    python -m tests.support.summary DIRECTORY [BROKEN_PART…]

A part that broke without a failing test of its own (a linter's complaint, a host that did not start) counts as one failure.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple


class Count(NamedTuple):
    """Outcomes of one report, or of several."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "Count") -> "Count":
        """Return the sum of both."""
        return Count(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def read(report: Path) -> Count:
    """Return the outcomes in a JUnit report; pytest writes a test's error in its teardown as a second case of its name."""
    outcomes: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        outcome = "passed"
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
        elif case.find("skipped") is not None:
            outcome = "skipped"
        if outcomes.get(name) != "failed":
            outcomes[name] = outcome
    values = list(outcomes.values())
    return Count(values.count("passed"), values.count("failed"), values.count("skipped"))


def summarize(directory: Path, broken: list[str]) -> tuple[Count, list[str]]:
    """Return the sum over all reports, and a line about each part that broke."""
    counts = {report.stem: read(report) for report in sorted(directory.glob("*.xml"))}
    total = Count()
    for count in counts.values():
        total = total.plus(count)
    lines = []
    for part in broken:
        if counts.get(part, Count()).failed == 0:
            total = total.plus(Count(failed=1))
            lines.append(f"{part} broke outside its tests; see its output above.")
        else:
            lines.append(f"{part} has failing tests; see its output above.")
    return total, lines


def main() -> None:
    """Print the summary; the exit status tells whether something ran and all of it passed."""
    total, lines = summarize(Path(sys.argv[1]), sys.argv[2:])
    print(*lines, sep="\n", end="\n" if lines else "")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    sys.exit(0 if total.passed and not total.failed else 1)


if __name__ == "__main__":
    main()
