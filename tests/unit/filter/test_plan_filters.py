# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the plan, as templates use them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.filter import by_next, plan, plan_view, refusal

from tests.unit.plugin_utils.plan.hosts import debian

FILTERS: dict[str, Any] = {
    name: function
    for module in (plan, plan_view, refusal)
    for name, function in module.FilterModule().filters().items()
}
ROOT = Path(__file__).resolve().parents[3]


def test_names_are_those_of_the_files() -> None:
    assert set(FILTERS) == {"plan", "plan_view", "refusal"}


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_documentation(name: str) -> None:
    module = {"plan": plan, "plan_view": plan_view, "refusal": refusal}[name]
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["name"] == name
    assert "_input" in documentation["options"]
    assert f"tensorwright.fleet.{name}" in module.EXAMPLES
    assert yaml.safe_load(module.RETURN)["_value"]["type"]


def test_results_are_plain_data() -> None:
    made = FILTERS["plan"]({}, debian(), {"tensorflow_verison": "2.20.0"})
    assert json.loads(json.dumps(made)) == made
    told = FILTERS["refusal"](made, "lab01")
    assert told == [
        "lab01: tensorflow_verison is '2.20.0', but no variable has that name; accepted: tensorflow_version."
    ]
    assert FILTERS["refusal"]({"problems": []}, "lab01") == []
    assert FILTERS["plan_view"]([["lab01", made]]).startswith("1 problem:\n  lab01: tensorflow_verison")


def test_in_a_template() -> None:
    """With ansible-core's own kinds of text and mapping, as templates hand them over."""
    template = (
        "{{ {'version': version} | tensorwright.fleet.plan(host) | tensorwright.fleet.refusal('lab01') | first }}"
        " {{ [['lab01', {'version': '2.20.0'} | tensorwright.fleet.plan(host)]] | tensorwright.fleet.plan_view }}"
    )
    variables = json.dumps({"version": "9.9", "host": debian()})
    ansible = Path(sys.executable).with_name("ansible")
    arguments = ["localhost", "-m", "ansible.builtin.debug", "-a", f'msg="{template}"', "-e", variables]
    run = subprocess.run([ansible, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lab01: tensorflow_version is '9.9', which is not a TensorFlow release" in run.stdout
    assert "1 plan for 1 host" in run.stdout
    assert "tensorflow-cpu==2.20.0" in run.stdout


def test_hosts_by_what_comes_next() -> None:
    told = {
        "b": {"ansible_facts": {"tensorwright_next": "due"}},
        "a": {"ansible_facts": {"tensorwright_next": "right"}},
    }
    variables = {**told, "c": told["b"], "lost": {"ansible_facts": {}}, "new": {}}
    assert by_next.by_next(["c", "lost", "new", "b", "a", "gone"], variables) == {"due": ["c", "b"], "right": ["a"]}
