# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs by their kinds: each failure has the right cause and remedy first, what is harmless has none.

cases/ holds outputs as programs print them, with values of our own. They were written down before the table knew them.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, matcher, report
from hypothesis import given, settings
from hypothesis import strategies as st

CASES: list[dict[str, Any]] = [
    dict(case, id=f"{path.stem}-{case['id']}")
    for path in sorted((Path(__file__).with_name("cases")).glob("*.yml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
HARMLESS = [case for case in CASES if case.get("harmless")]
UNKNOWN = [case for case in CASES if case.get("unknown")]
FAILURES = [case for case in CASES if "cause" in case]
# Lines that programs print while all is well.
NOISE = (
    "Reading package lists... Done",
    "Collecting absl-py>=1.0.0",
    "I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.",
    "INFO: Analyzed target //tensorflow:x (1 packages loaded).",
    "ok: [web1]",
    "Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]",
    "[I 10:36:40.000 ServerApp] Serving notebooks from local directory: /srv",
    "Step 3/9 : WORKDIR /srv",
    "Epoch 1/2",
    "",
)


def ids(cases: list[dict[str, Any]]) -> list[str]:
    """The names of cases."""
    return [case["id"] for case in cases]


@pytest.mark.parametrize("case", FAILURES, ids=ids(FAILURES))
def test_a_failure_has_its_cause_and_its_remedy_first(case: dict[str, Any]) -> None:
    first = report.explained(case["output"])[0]
    assert first["id"] in catalog.BY_ID
    assert re.search(case["cause"], first["cause"])
    assert re.search(case["remedy"], first["remedy"])
    assert first["quote"]
    assert not re.search(r"\{\w+\}", first["cause"] + first["remedy"])


@pytest.mark.parametrize("case", HARMLESS, ids=ids(HARMLESS))
def test_what_is_harmless_is_no_failure(case: dict[str, Any]) -> None:
    assert report.explained(case["output"]) == []


@pytest.mark.parametrize("case", UNKNOWN, ids=ids(UNKNOWN))
def test_an_unknown_failure_is_quoted_and_called_so(case: dict[str, Any]) -> None:
    (found,) = report.explained(case["output"])
    assert found["id"] == "unknown"
    assert found["quote"] in case["output"]


def test_there_are_enough_cases() -> None:
    assert len(FAILURES) >= 180
    assert len(HARMLESS) >= 30
    assert len({case["id"] for case in CASES}) == len(CASES)


# --- what holds for all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FAILURES, ids=ids(FAILURES))
def test_noise_around_a_failure_changes_nothing(case: dict[str, Any]) -> None:
    chance = random.Random(case["id"])
    before, after = ("\n".join(chance.choices(NOISE, k=12)) for _ in range(2))
    alone = [row.id for row in matcher.claims(case["output"])]
    said = [row.id for row in matcher.claims(f"{before}\n\n{case['output'].rstrip()}\n\n{after}\n")]
    assert said[:1] == alone[:1]


@pytest.mark.parametrize(
    "prefix", ["2024-05-01T10:00:00.1234567Z ", "> ", "Aug  1 10:00:00 host app[12]: ", "web-1  | "]
)
def test_what_logs_put_before_each_line_changes_nothing(prefix: str) -> None:
    missed = []
    for case in FAILURES:
        alone = matcher.diagnose(case["output"])
        said = matcher.diagnose("\n".join(prefix + line for line in case["output"].splitlines()))
        if alone is None or said is None or said.id != alone.id:
            missed.append(case["id"])
    assert len(missed) <= len(FAILURES) // 20, missed


TOLD = {case["id"]: matcher.claims(case["output"]) for case in FAILURES}


def test_two_failures_are_both_told() -> None:
    """The last line of a traceback whose first lines are cut off may be taken for the chain of what stands before it."""
    pick, missed, pairs = random.Random(1), [], 0
    while pairs < 600:
        one, other = pick.choice(FAILURES), pick.choice(FAILURES)
        first, second = TOLD[one["id"]][0], TOLD[other["id"]][0]
        ids = {row.id for row in TOLD[one["id"]] + TOLD[other["id"]]}
        if {first.rank, second.rank} != {0} or ids.intersection(first.behind + second.behind):
            continue  # one says more about the other, as far as can be known
        pairs += 1
        said = {row.id for row in matcher.claims(f"{one['output'].rstrip()}\n\nnext step\n\n{other['output']}")}
        if not {first.id, second.id} <= said:
            missed.append((one["id"], other["id"]))
    assert len(missed) <= pairs // 50, missed


@given(st.sampled_from(HARMLESS), st.sampled_from(HARMLESS))
@settings(max_examples=60, deadline=None)
def test_harmless_logs_stay_harmless_together(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert report.explained(f"{one['output'].rstrip()}\n\n{other['output']}") == []


@given(st.sampled_from(FAILURES), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_login_is_repeated(case: dict[str, Any], number: int) -> None:
    lines = case["output"].splitlines()
    place = number % len(lines)
    lines[place] += " https://bob:s3cret@index.example/simple/"
    assert "s3cret" not in report.text(report.explained("\n".join(lines)))
    assert "s3cret" not in matcher.explain("\n".join(lines))


@given(st.one_of(st.text(), st.binary().map(report.decoded)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_survived(text: str) -> None:
    assert isinstance(report.text(report.explained(text)), str)


@given(st.sampled_from(CASES), st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_half_an_output_is_survived(case: dict[str, Any], begin: int, end: int) -> None:
    output = case["output"]
    part = output[begin % len(output) :][: end % len(output)]
    for found in report.explained(part):
        assert found["cause"]
        assert found["remedy"]
