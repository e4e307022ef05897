# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import document as report
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.result_table import Result

from tests.unit.plugin_utils.report.made_up_runs import fleet

VOID = {"meta", "link", "input", "br"}
# WCAG's text on background, for each of the page's two schemes.
COLOURS = ("ink", "soft", "right", "failed", "unreachable", "refused", "link")


class Page(HTMLParser):
    """A page's elements with their attributes and texts; every element has to be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open) and data.strip():
            self.words.append(" ".join(data.split()))

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


def page(size: int) -> Page:
    return Page(report.page(report.document(fleet(size))))


def test_the_document_has_each_failure_and_each_plan_once() -> None:
    made = report.document(fleet(50))
    assert made["summary"] == "50 hosts: 44 installed, 2 refused, 2 failed, 2 unreachable; 9 changed."
    assert [(failure["state"], len(failure["hosts"])) for failure in made["failures"]] == [
        ("refused", 2),
        ("failed", 2),
        ("unreachable", 2),
    ]
    assert made["failures"][1]["what"] == "Install Python failed"
    assert made["failures"][1]["cause"].startswith("another program installs packages")
    assert made["failures"][1]["remedy"].startswith("wait for it")
    assert len(made["plans"]) == 6
    assert sum(len(plan["hosts"]) for plan in made["plans"]) == 44
    rows = [list(row) for plan in made["plans"] for row in plan["rows"]]
    assert ["method", "native at /opt/tensorflow, as root, about 1750 MB"] in rows


def test_what_our_modules_say_in_one_sentence_has_cause_and_remedy_too() -> None:
    said = "Build: /opt/tensorflow: the disk is full; nothing was put in its place\n  see: docs/troubleshooting.md#disk-full"
    bad = Result(host="a", state="failed", seconds=0, problems=(said,))
    (failure,) = report.document(replace(fleet(0), results=[bad]))["failures"]
    assert failure["cause"] == "the disk is full"
    assert failure["remedy"].startswith("free space")
    assert failure["what"].endswith("nothing was put in its place")


def test_steps_are_those_that_took_longest() -> None:
    steps = report.document(fleet(50))["steps"]
    assert [step["longest"] for step in steps] == sorted((step["longest"] for step in steps), reverse=True)
    assert steps[0]["role"] == "tensorflow_pip"
    assert steps[0]["hosts"] == 44


def test_no_login_is_in_a_report() -> None:
    secret = "https://bob:hunter2@wheels.example.org/simple"
    run = fleet(1)
    bad = replace(run.results[0], host="b", state="failed", problems=(f"no answer from {secret}",))
    plan = {**run.plans["lab001.example.org"], "notes": [f"from {secret}"]}
    made = report.document(replace(run, results=[*run.results, bad], plans={"lab001.example.org": plan}))
    for text in (json.dumps(made), report.junit(made), report.page(made)):
        assert "hunter2" not in text
        assert "wheels.example.org/simple" in text


def test_junit_has_a_case_for_each_host() -> None:
    stopped = Result(host="late", state="stopped", seconds=0, problems=("the run stopped",))
    run = fleet(5)
    suite = ET.fromstring(report.junit(report.document(replace(run, results=[*run.results, stopped]))))[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "2",
        "1",
        "1",
    )
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases["gpu005.example.org"] == []
    assert cases["lab002.example.org"] == ["failure"]
    assert cases["lab004.example.org"] == ["error"]
    assert cases["late"] == ["skipped"]


def test_junit_holds_what_programs_print_in_colour() -> None:
    bad = Result(host="a", state="failed", seconds=0, problems=("\x1b[31merror\x1b[0m:\x00 <no>",))
    suite = ET.fromstring(report.junit(report.document(replace(fleet(0), results=[bad]))))[0]
    assert suite[0][0].text == "error: <no>"


@pytest.mark.parametrize("size", [0, 1, 5, 40, 41, 500])
def test_the_page_needs_nothing_beside_itself(size: int) -> None:
    made = page(size)
    assert not [tag for tag, _ in made.elements if tag in ("img", "iframe", "object", "video")]
    assert [attributes["href"] for tag, attributes in made.elements if tag == "link"] == ["data:,"]
    assert made.attributes("src") == []
    assert not re.search(r"url\(|@import|https?://", report.page(report.document(replace(fleet(size), plans={}))))


@pytest.mark.parametrize("size", [5, 500])
def test_the_page_names_every_host_and_what_is_wrong(size: int) -> None:
    made = page(size)
    text = " ".join(made.words)
    for number in range(1, size + 1):
        assert f"{number:03}.example.org" in text
    assert "another program installs packages right now; often unattended upgrades" in text
    assert "wait for it and run again" in text
    assert "580.95.05" in text
    assert "python: package python3.11-venv is not installed" in text


def test_many_hosts_of_which_the_same_is_said_share_a_row() -> None:
    made = report.document(fleet(500))["hosts"]
    together, each = report.rows(made, single=False), report.rows(made, single=True)
    assert (len(together), len(each)) == (15, 500)
    assert sum(len(row["hosts"]) for row in together) == 500
    assert [row["state"] for row in together[:3]] == ["failed", "unreachable", "refused"]
    assert together[3]["session"] == "2026-11-01 11:02"  # the oldest
    assert sum(row["changed"] for row in together) == 75


@pytest.mark.parametrize("size", [5, 500])
def test_a_screen_reader_finds_its_way(size: int) -> None:
    made = page(size)
    ids = made.attributes("id")
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-controls"):
        assert set(made.attributes(name)) <= set(ids)
    assert next(attributes for tag, attributes in made.elements if tag == "html")["lang"] == "en"
    headings = [tag for tag, _ in made.elements if tag in ("h1", "h2", "h3")]
    assert headings == ["h1", "h2", "h2", "h2", "h2"]
    # On a phone cells stand below each other, which would take their meaning from them but for these roles.
    roles = {"table": "table", "tr": "row", "thead": "rowgroup", "tbody": "rowgroup"}
    for tag, attributes in made.elements:
        if tag in roles:
            assert attributes["role"] == roles[tag]
        if tag == "th":
            assert attributes["role"] == {"col": "columnheader", "row": "rowheader"}[str(attributes["scope"])]
        if tag == "td" and attributes.get("class") != "shares":
            assert attributes["role"] == "cell"
    tables = [tag for tag, _ in made.elements if tag in ("table", "caption")]
    assert tables == ["table", "caption"] * (len(tables) // 2)


def luminance(colour: str) -> float:
    digits = colour * 2 if len(colour) == 3 else colour
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_its_colours_have_the_contrast_that_small_text_needs() -> None:
    schemes = re.findall(r":root \{(.*?)\}", report.TEMPLATE.read_text(), re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): #(\w+)", scheme))
        for name in COLOURS:
            for ground in ("page", "band"):
                light, dark = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def test_what_hosts_say_is_text_and_not_markup() -> None:
    bad = Result(host="a", state="failed", seconds=0, problems=("<script>alert(1)</script>",))
    assert "<script>alert" not in report.page(report.document(replace(fleet(0), results=[bad])))


def test_the_files_are_their_owner_s_alone(tmp_path: Path) -> None:
    made = report.document(fleet(5))
    place = Path(report.write(made, str(tmp_path / "reports"))).parent
    assert place == tmp_path / "reports" / "2026-11-20T17-43-08Z"
    assert sorted(path.name for path in place.iterdir()) == ["index.html", "junit.xml", "report.json"]
    assert {path.stat().st_mode & 0o777 for path in (place, place.parent)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    assert json.loads((place / "report.json").read_text())["schema"] == report.SCHEMA


def test_runs_of_the_same_second_have_each_a_directory(tmp_path: Path) -> None:
    made = report.document(fleet(1))
    places = {Path(report.write(made, str(tmp_path))).parent.name for _ in range(3)}
    assert places == {"2026-11-20T17-43-08Z", "2026-11-20T17-43-08Z-2", "2026-11-20T17-43-08Z-3"}


def test_the_newest_reports_stay_and_nothing_else_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "KEPT", 2)
    (tmp_path / "2020-01-01T00-00-00Z").mkdir()  # of somebody else's
    (tmp_path / "site.retry").write_text("a\n")
    for second in range(4):
        report.write(report.document(replace(fleet(1), started=f"2026-11-20T17:43:0{second}Z")), str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2020-01-01T00-00-00Z",
        "2026-11-20T17-43-02Z",
        "2026-11-20T17-43-03Z",
        "site.retry",
    ]
