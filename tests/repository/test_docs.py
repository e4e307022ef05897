# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents say what is there: commands, files, variables, and the tables that are rendered into them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import PREFIX, sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.planner import plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import plan_view
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import DEFAULTS

from script import render_variables

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
EXAMPLE = ROOT / "inventory" / "example"
VARIABLE_FILES = sorted(EXAMPLE.glob("*_vars/*.yml"))
# What the playbooks and the roles make, for others to read.
DERIVED = {"tensorflow_host", "tensorflow_plan", "tensorflow_due"}
MODULES = {path.stem for path in ROOT.glob("plugins/modules/*.py")}
VARIABLE = re.compile(
    r"(?<![\w./-])(?:tensorflow|tensorwright|ca_certificates|conda|python|validate)_[a-z_]+(?!\w|[.-]\w)"
)
OUTPUT = re.compile(r"^```text\n.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
OURS = re.compile(
    r"(?<![\w./-])(?:script|playbooks|roles|plugins|tests|docs|compatibility|inventory/example)/[\w./-]*\w"
)
SCENARIO = re.compile(r"script/test (?:molecule (\w+)|(ubuntu))")


# The refusals that docs/plans.md shows: host → what it asks for, beside the names that it sets and what it is.
HOST = {"distribution": "Debian", "release": "12", "architecture": "x86_64", "glibc": "2.36", "become": True}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "gpu01.example.org": ({"method": "vitualenv"}, {}, {}),
    "gpu02.example.org": ({}, {"tensorflow_verison": "2.20.0"}, {}),
    "lab01.example.org": (
        {"version": "2.21.0"},
        {},
        {
            "release": "11",
            "glibc": "2.31",
            "become": False,
            "pythons": [{"path": "/usr/bin/python3", "version": "3.9.2"}],
        },
    ),
    "ws07.example.org": (
        {"path": "/opt/tensorflow"},
        {},
        {"become": False, "path": {"absolute": "/opt/tensorflow", "writable": False}},
    ),
}


def variables() -> set[str]:
    """Return the names of all roles' variables."""
    return {name for specification in render_variables.read(ROOT).values() for name in specification["options"]}


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as renderers of Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def load(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text())


def groups(inventory: dict[str, Any]) -> dict[str, set[str]]:
    """Return group → hosts that it names itself, for all groups of an inventory."""
    found: dict[str, set[str]] = {}
    for name, group in inventory.items():
        found.setdefault(name, set()).update((group or {}).get("hosts") or {})
        for inner, hosts in groups((group or {}).get("children") or {}).items():
            found.setdefault(inner, set()).update(hosts)
    return found


def example() -> Iterator[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Return host, request, host facts and variables of each machine of the example inventory."""
    ansible_inventory = Path(sys.executable).with_name("ansible-inventory")
    listing = subprocess.check_output([ansible_inventory, "--list", "-i", EXAMPLE], text=True)
    facts = load(ROOT / "tests" / "unit" / "data" / "example_facts.yml")
    for host, variables in sorted(json.loads(listing)["_meta"]["hostvars"].items()):
        asked = {name: variables[PREFIX + name] for name in DEFAULTS if PREFIX + name in variables}
        yield host, asked, {**facts["common"], **facts["hosts"].get(host, {})}, variables


def test_rendered_documents_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert render_variables.main(["--check"]) == 0, capsys.readouterr().out


def test_a_document_that_is_not_current_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "variables.md"
    monkeypatch.setattr(render_variables, "rendered", lambda _root: {page: "another text"})
    assert render_variables.main(["--check"]) == 1
    assert "docs/variables.md" in capsys.readouterr().out
    assert page.read_text() != "another text"


def test_a_table_shows_defaults_and_markup() -> None:
    options: dict[str, dict[str, Any]] = {
        "a_text": {"description": "V(x) or V(y|z).", "default": "x"},
        "a_list": {"description": ["See O(a_text).", "And more."], "default": []},
        "a_switch": {"description": "Whether.", "default": False},
        "an_empty_text": {"description": "Nothing.", "default": ""},
        "a_computed": {"description": "The default is the plan's."},
    }
    assert render_variables.table(options)[2:] == [
        r"| `a_text` | `x` | `x` or `y\|z`. |",
        "| `a_list` | `[]` | See `a_text`. And more. |",
        "| `a_switch` | `false` | Whether. |",
        "| `an_empty_text` | empty | Nothing. |",
        "| `a_computed` | computed | The default is the plan's. |",
    ]


def test_a_readme_without_markers_is_not_overwritten() -> None:
    with pytest.raises(SystemExit, match="markers"):
        render_variables.with_section("A text.", ["A table."])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_commands_exist(document: Path) -> None:
    text = LINK.sub("", document.read_text())
    missing = {name for name in OURS.findall(text) if not (ROOT / name).exists()}
    assert not missing


def test_commands_can_be_run() -> None:
    named = {name for document in DOCUMENTS for name in re.findall(r"\bscript/[a-z-]+(?!\w|\.)", document.read_text())}
    assert {"script/provision", "script/test"} <= named
    for name in named:
        assert (ROOT / name).stat().st_mode & 0o111, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scenarios_exist(document: Path) -> None:
    for name in map("".join, SCENARIO.findall(document.read_text())):
        assert (ROOT / "molecule" / name / "molecule.yml").is_file(), name


def test_every_scenario_is_in_the_table_of_what_has_been_proved() -> None:
    scenarios = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    assert scenarios == set(map("".join, SCENARIO.findall((ROOT / "docs" / "proved.md").read_text())))


def test_tests_that_are_named_as_proofs_exist() -> None:
    """A name may be cut short by an ellipsis."""
    sources = [path for place in ("tests", "molecule") for path in (ROOT / place).rglob("test_*.py")]
    known = {name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text())}
    text = (ROOT / "docs" / "faults.md").read_text()
    assert set(re.findall(r"`(test_\w+)`", text)) <= known
    assert all(any(one.startswith(name) for one in known) for name in re.findall(r"`(test_\w+)…`", text))
    assert set(re.findall(r"`(test_\w+\.py)`", text)) <= {path.name for path in sources}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_exist(document: Path) -> None:
    text = OUTPUT.sub("", document.read_text())  # where a misspelt name may be told
    strangers = set(VARIABLE.findall(text)) - variables() - DERIVED - MODULES
    assert not {name for name in strangers if not (ROOT / "roles" / name).is_dir()}


@pytest.mark.parametrize("name", REFUSED)
def test_the_documents_show_refusals_as_they_are(name: str) -> None:
    request, names, facts = REFUSED[name]
    (refused,) = resolve(request, {**HOST, **facts}, names=names)["problems"]
    assert sentence(name, refused) in (ROOT / "docs" / "plans.md").read_text().splitlines()


def test_the_documents_show_the_plan_of_the_example() -> None:
    expected = plan_view.view((host, plan(asked, facts, variables)) for host, asked, facts, variables in example())
    page = (ROOT / "docs" / "plans.md").read_text()
    assert f"\n{expected}\n" in page, f"docs/plans.md has to show:\n{expected}"


def test_the_readme_is_short_and_complete() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    assert "TO BE CAPTURED" not in text, "an output in the README is a placeholder"


def test_the_index_lists_every_page() -> None:
    pages = {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"}
    assert set(LINK.findall((ROOT / "docs" / "README.md").read_text())) == pages


@pytest.mark.parametrize("file", VARIABLE_FILES, ids=lambda path: str(path.relative_to(EXAMPLE)))
def test_the_example_sets_variables_that_exist(file: Path) -> None:
    strangers = {name for name in load(file) if not name.startswith("ansible_")} - variables()
    assert not strangers


def test_the_example_describes_the_groups_and_hosts_that_it_has() -> None:
    here = groups(load(EXAMPLE / "hosts.yml"))
    hosts = set().union(*here.values())
    assert {path.stem for path in EXAMPLE.glob("group_vars/*.yml")} == set(here)
    assert {path.stem for path in EXAMPLE.glob("host_vars/*.yml")} <= hosts


def test_the_example_names_no_real_machine() -> None:
    for file in EXAMPLE.rglob("*.yml"):
        for name in re.findall(r"[\w-]+(?:\.[\w-]+)*\.(?:org|com|net|edu)\b", file.read_text()):
            assert name.endswith("example.org"), f"{file}: {name}"
