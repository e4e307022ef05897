# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every role: its files, its variables and the names that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import PREFIX
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import request

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
TASK_FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("roles/*/tasks/*.yml"))
NOT_OF_ITS_ROLE = {
    "tensorwright_trust_receipts",
    "tensorwright_serial",
    "tensorwright_max_fail_percentage",
}  # of all roles
OF_ALL_ENVIRONMENTS = {"tensorflow_environments", "tensorflow_only"}  # and a request is of one
COLLECTION = "tensorwright.fleet."
# What a reference is, by how it is written. A reference of any other form has to be added here, and is then looked up as well.
REFERENCES = {
    "filter": rf"\| *{COLLECTION}(\w+)|\| *map\('{COLLECTION}(\w+)'",
    "playbook": rf"import_playbook: {COLLECTION}(\w+)$",
    "role": rf"\b(?:name|role): {COLLECTION}(\w+)$",
    "module": rf"^ *(?:- )?{COLLECTION}(\w+):$|ansible_facts_modules: \[{COLLECTION}(\w+)\]$",
    "callback": rf"^(?:callbacks_enabled|stdout_callback) = {COLLECTION}(\w+)$",
}
PLACES = {
    "filter": "plugins/filter/{}.py",
    "playbook": "playbooks/{}.yml",
    "role": "roles/{}/tasks/main.yml",
    "module": "plugins/modules/{}.py",
    "callback": "plugins/callback/{}.py",
}
SPEAKERS = [
    ROOT / "ansible.cfg",
    ROOT / "site.yml",
    *sorted(
        path for place in ("roles", "playbooks", "molecule", "inventory") for path in (ROOT / place).rglob("*.yml")
    ),
    *sorted((ROOT / "roles").rglob("*.j2")),
]


def load(path: Path) -> Any:
    """Return what a YAML file of the repository holds; an empty or missing one holds nothing."""
    return yaml.safe_load((ROOT / path).read_text()) or {} if (ROOT / path).exists() else {}


def specifications(role: str) -> dict[str, Any]:
    """Return a role's entry points."""
    found: dict[str, Any] = load(Path("roles", role, "meta", "argument_specs.yml"))["argument_specs"]
    return found


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the variables that a role's specification names."""
    found: dict[str, dict[str, Any]] = specifications(role)["main"]["options"]
    return found


def defaults(role: str) -> dict[str, Any]:
    """Return a role's defaults."""
    found: dict[str, Any] = load(Path("roles", role, "defaults", "main.yml"))
    return found


def prose(option: dict[str, Any]) -> str:
    """Return a variable's description as one text."""
    description = option["description"]
    return description if isinstance(description, str) else " ".join(description)


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    """Return each task in a file of tasks, those of blocks as well."""
    for task in value:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part, []))


def test_there_are_roles() -> None:
    assert {"tensorflow", "python", "tensorflow_pip", "validate"} <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "file", ["README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml"]
)
def test_a_role_has_its_files(role: str, file: str) -> None:
    assert (ROOT / "roles" / role / file).read_text().strip()


@pytest.mark.parametrize("role", ROLES)
def test_specification_and_defaults_name_the_same_variables(role: str) -> None:
    assert set(options(role)) == set(defaults(role))


@pytest.mark.parametrize("role", ROLES)
def test_specification_and_defaults_say_the_same(role: str) -> None:
    for name, option in options(role).items():
        default = defaults(role)[name]
        if "default" in option:
            assert (option["default"], type(option["default"])) == (default, type(default)), name
        else:
            assert "{{" in str(default), f"{name}: only a computed default may be left out of the specification"
            assert "The default is" in prose(option), f"{name}: a computed default has to be described"


def test_the_request_has_the_same_defaults() -> None:
    others = NOT_OF_ITS_ROLE | OF_ALL_ENVIRONMENTS
    here = {name: default for name, default in defaults("tensorflow").items() if name not in others}
    computed = {name for name in here if "default" not in options("tensorflow")[name]}
    there = {PREFIX + name: default for name, default in request.DEFAULTS.items()}
    assert {name: here[name] for name in here.keys() - computed} == {
        name: there[name] for name in there.keys() - computed
    }


def test_a_variable_of_a_role_is_no_misspelt_request() -> None:
    ours = {name for role in ROLES for name in options(role) if name.startswith(PREFIX)}
    assert set(request.OPTIONS) == ours


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_described(role: str) -> None:
    for name, option in options(role).items():
        assert prose(option).rstrip().endswith("."), name


@pytest.mark.parametrize("role", ROLES)
def test_a_variable_begins_with_its_role(role: str) -> None:
    own = tuple(f"{private}{role}_" for private in ("", "__"))
    named = {*defaults(role), *(name for file in ROOT.glob(f"roles/{role}/vars/*.yml") for name in load(file))}
    for file in ROOT.glob(f"roles/{role}/tasks/*.yml"):
        for task in tasks(load(file)):
            named.update([task["register"]] if "register" in task else [])
            named.update(task.get("vars", {}))
            named.update(task.get("ansible.builtin.set_fact", {}))
    assert not {name for name in named - NOT_OF_ITS_ROLE if not name.startswith(own)}


@pytest.mark.parametrize("role", ROLES)
def test_an_entry_point_is_a_file_of_tasks_with_the_role_s_variables(role: str) -> None:
    for name, specification in specifications(role).items():
        assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file()
        assert specification["options"] == options(role)


@pytest.mark.parametrize("role", ROLES)
def test_what_others_take_from_a_role_is_an_entry_point(role: str) -> None:
    pattern = re.compile(rf"name: {COLLECTION}{role}\n +tasks_from: (\w+)")
    taken = {name for file in SPEAKERS for name in pattern.findall(file.read_text())}
    assert taken <= set(specifications(role))


@pytest.mark.parametrize("file", TASK_FILES, ids=str)
def test_task_files_are_short(file: Path) -> None:
    lines = len((ROOT / file).read_text().splitlines())
    assert lines <= (50 if file.name == "main.yml" else 100)


@pytest.mark.parametrize("file", SPEAKERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_referred_to_exists(file: Path) -> None:
    text = file.read_text()
    unread = text.count(COLLECTION)
    for kind, pattern in REFERENCES.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            (name,) = filter(None, match.groups())
            assert (ROOT / PLACES[kind].format(name)).is_file(), f"{kind} {COLLECTION}{name}"
            unread -= 1
    assert unread == 0, f"{file} refers to something of {COLLECTION}* in a form that no pattern here reads"


def test_what_is_referred_to_is_found() -> None:
    found = {
        kind
        for kind, pattern in REFERENCES.items()
        for file in SPEAKERS
        if re.search(pattern, file.read_text(), re.MULTILINE)
    }
    assert found == set(REFERENCES)
