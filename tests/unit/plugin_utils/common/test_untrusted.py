"""Whatever our plugins hand to templates may be what a host said, and carries Ansible's mark for that."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible.template
import pytest
from ansible.utils import unsafe_proxy
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import untrusted
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import remote_gather

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = "ansible_collections.tensorwright.fleet.plugins"
# It gives variables one by one, when they are read: Ansible's own templating marks them.
LAZY = {"of"}


def filters() -> dict[str, Callable[..., Any]]:
    """All filters of the collection by their names."""
    found: dict[str, Callable[..., Any]] = {}
    for file in (ROOT / "plugins" / "filter").glob("*.py"):
        found.update(importlib.import_module(f"{PLUGINS}.filter.{file.stem}").FilterModule().filters())
    return found


def test_what_filters_return_is_marked() -> None:
    known = filters()
    assert len(known) > 15
    assert {name for name, function in known.items() if not hasattr(function, "__wrapped__")} == LAZY


def test_before_ansible_2_19_facts_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[Any] = []

    def mark(value: Any) -> Any:
        marked.append(value)
        return value

    monkeypatch.setattr(untrusted, "MARKED_BY_DEFAULT", False)
    monkeypatch.setattr(untrusted, "wrap_var", mark)
    assert remote_gather.facts('{"receipts": [{"role": "{{ 1 }}"}]}\n') == {"receipts": [{"role": "{{ 1 }}"}]}
    assert untrusted.untrusted_result(str.upper)("a") == "A"
    assert marked == [{"receipts": [{"role": "{{ 1 }}"}]}, "A"]


def test_since_ansible_2_19_text_that_a_plugin_makes_is_no_template() -> None:
    assert hasattr(ansible.template, "trust_as_template") == untrusted.MARKED_BY_DEFAULT
    templar = ansible.template.Templar(loader=None, variables=remote_gather.facts('{"receipts": "{{ 1 + 1 }}"}'))
    trusted = ansible.template.trust_as_template("{{ receipts }}")
    assert templar.template(trusted) == "{{ 1 + 1 }}"
    assert unsafe_proxy.wrap_var("x") == "x"
