# SPDX-License-Identifier: GPL-3.0-or-later
"""Explanations of outputs of any size and kind, as data and as text; and the words by which patterns are passed over."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, literals, matcher, report

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "script" / "explain"
OUTPUTS = [
    case["output"]
    for path in sorted(Path(__file__).with_name("cases").glob("*.yml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
QUIET = "I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.\nstep 3 of 900, loss 0.25\n"
FAILURE = (
    "tensorflow.python.framework.errors_impl.InternalError: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access\n"
)


def test_an_explanation_as_data() -> None:
    first, *_ = report.explained("ERROR: pip: No space left on device: 'https://bob:pw@index.example/x'")
    assert set(first) == {"id", "cause", "remedy", "quote", "variable"}
    assert first["id"] == "disk-full"
    assert first["variable"] == "tensorflow_path"
    assert "https://index.example/x" in first["quote"]


def test_what_failed_and_is_not_known_is_quoted() -> None:
    (found,) = report.explained("step 1\nstep 2\nValueError: the widget is bent\n")
    assert (found["id"], found["quote"]) == ("unknown", "ValueError: the widget is bent")
    assert "the widget is bent" in report.text([found])


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    assert report.explained(QUIET * 20) == []
    assert report.text([]) == report.NOTHING


@pytest.mark.parametrize("place", [0.02, 0.4, 0.97])
def test_a_failure_is_found_wherever_it_stands_in_a_long_log(place: float) -> None:
    lines = (60 << 20) // len(QUIET)
    stream = io.BytesIO(
        (QUIET * int(lines * place) + FAILURE + QUIET * int(lines * (1 - place))).encode("utf-8"),
    )
    output = report.read(stream)
    size = len(output)
    assert size < 1 << 20
    assert report.explained(output)[0]["id"] == "gpu-program-fault"


def test_a_long_log_full_of_failures_stays_small() -> None:
    size = len(report.read(io.BytesIO(b"ERROR: strange\n" * (4 << 20))))
    assert size < 1 << 20


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe" + "ModuleNotFoundError: No module named 'pandas'".encode("utf-16-le"),
        "ModuleNotFoundError: No module named 'pandas'".encode("utf-16-le"),
        b"\xef\xbb\xbfModuleNotFoundError: No module named 'pandas'\r\n",
        b"\x1b[31mModuleNotFoundError: No module named 'pandas'\x1b[0m",
        b"\x00\xff\x80 junk\nModuleNotFoundError: No module named 'pandas'\n\x00",
        b" 10%\r 50%\r100%\rModuleNotFoundError: No module named 'pandas'",
    ],
)
def test_whatever_the_encoding_and_the_colours(raw: bytes) -> None:
    assert report.explained(report.decoded(raw))[0]["id"] == "module-not-found"


def test_a_usual_log_is_explained_within_a_fifth_of_a_second() -> None:
    log = (QUIET * 2000)[:99_000] + "E: Unable to locate package libcudnn9\n" + FAILURE
    report.explained(log)  # compiles what is needed
    took = []
    for number in range(3):  # other programs on the machine disturb one or the other
        began = time.process_time()
        assert {one["id"] for one in report.explained(f"{log}{number}\n")} == {
            "apt-no-such-package",
            "gpu-program-fault",
        }
        took.append(time.process_time() - began)
    assert min(took) < 0.2


@pytest.mark.parametrize(
    "text", ["a" * 4000, "/a" * 2000, "a=1," * 1000, " " * 4000, '"' * 4000, "(" * 4000], ids=range(6)
)
def test_no_line_takes_long(text: str) -> None:
    words = "\n".join({literals.required(one) for row in catalog.ROWS for one in row.signatures})
    output = f"{words}\nERROR: x\n" + "\n".join(f"ERROR: {text}"[:4000] for _ in range(15))
    report.explained(words)  # compiles what is needed
    began = time.process_time()
    report.explained(output)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_a_pattern_is_not_passed_over_where_it_is_found(row: catalog.Row) -> None:
    for source in row.signatures:
        word = literals.required(source)
        pattern = re.compile(source, re.MULTILINE)
        assert not [output for output in OUTPUTS if word not in output and pattern.search(output)]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("abc", "abc"),
        (r"a\.b", "a.b"),
        ("abc?de", "ab"),
        ("one|other", ""),
        ("x(?:one|other)yz", "yz"),
        (r"ab[cd]efg\d+", "efg"),
        (r"say: (?P<name>[^)\n]+) said", "say: "),
        ("ab{2}c", "a"),
        (r"\bword\b", "word"),
    ],
)
def test_what_a_text_has_to_have(source: str, word: str) -> None:
    assert literals.required(source) == word


# --- the program --------------------------------------------------------------------------------------------------------


def explain(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run script/explain with a Python that has nothing installed."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONNOUSERSITE": "1",
    }
    return subprocess.run(
        [str(SCRIPT), *arguments], input=stdin, capture_output=True, env=environment, check=False, timeout=60
    )


def test_the_program_reads_a_file_or_its_input(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(FAILURE, encoding="utf-8")
    of_file = explain("--format", "json", str(log))
    of_input = explain("--format", "json", stdin=FAILURE.encode("utf-8"))
    assert of_file.returncode == of_input.returncode == 0
    assert json.loads(of_file.stdout) == json.loads(of_input.stdout)
    assert json.loads(of_file.stdout)[0]["id"] == "gpu-program-fault"


def test_the_program_says_in_words_what_is_wrong() -> None:
    said = explain(stdin=FAILURE.encode("utf-8")).stdout.decode("utf-8")
    assert "CUDA_ERROR_ILLEGAL_ADDRESS (700)" in said
    assert "docs/troubleshooting.md#gpu-program-fault" in said
    assert explain(stdin=b"all is well\n").stdout.decode("utf-8").strip() == report.NOTHING
    assert explain("--format", "json", stdin=b"all is well\n").stdout == b"[]\n"


def test_a_file_that_cannot_be_read_is_named() -> None:
    done = explain("/nowhere/log")
    assert done.returncode == 2
    assert done.stderr.decode("utf-8") == "/nowhere/log: No such file or directory\n"


def test_what_matcher_says_of_a_message_of_ours() -> None:
    row = catalog.BY_ID["package-too-old"]
    assert matcher.says("numpy 1.21.0 is too old for tensorflow, which needs >=1.23; …", row)
    assert not matcher.says("numpy is fine", row)
