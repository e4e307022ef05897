# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code decides what a role does: its own and what it sends to hosts, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import role_code

PACKAGE = "ansible_collections.tensorwright.fleet.plugins.module_utils"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in {
        "roles/python/tasks/main.yml": "- name: Install\n  tensorwright.fleet.packages:\n    state: present\n",
        "roles/python/tasks/uninstall.yml": "- tensorwright.fleet.receipt:\n",
        "roles/docker/tasks/main.yml": "- include_role:\n    name: tensorwright.fleet.python\n",
        "plugins/modules/packages.py": f"from {PACKAGE}.apt import dpkg, sources\nimport os\n",
        "plugins/modules/receipt.py": f"from {PACKAGE}.common.files import text\n",
        "plugins/modules/session.py": f"from {PACKAGE}.environments import store\n",
        "plugins/module_utils/apt/dpkg.py": f"from {PACKAGE}.common import processes\n",
        "plugins/module_utils/apt/sources.py": f"from {PACKAGE}.apt import dpkg\n",
        "plugins/module_utils/common/files.py": "text = 1\n",
        "plugins/module_utils/common/processes.py": "run = 1\n",
        "plugins/module_utils/environments/store.py": "x = 1\n",
        "plugins/filter/due.py": "y = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def names(role: str, root: Path) -> set[str]:
    return {file.relative_to(root).as_posix() for file in role_code.files(role, root)}


def code(role: str, root: Path) -> str:
    role_code.code.cache_clear()
    role_code._imports.cache_clear()
    return role_code.code(role, root)


def test_a_role_s_code_is_its_files_the_modules_they_name_and_what_these_import(root: Path) -> None:
    assert names("python", root) == {
        "roles/python/tasks/main.yml",
        "roles/python/tasks/uninstall.yml",
        "plugins/modules/packages.py",
        "plugins/modules/receipt.py",
        "plugins/module_utils/apt/dpkg.py",
        "plugins/module_utils/apt/sources.py",
        "plugins/module_utils/common/files.py",
        "plugins/module_utils/common/processes.py",
    }


def test_an_included_role_s_code_counts_too(root: Path) -> None:
    assert names("docker", root) == names("python", root) | {"roles/docker/tasks/main.yml"}


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("roles/python/tasks/main.yml", True),
        ("plugins/modules/packages.py", True),
        ("plugins/module_utils/common/processes.py", True),
        ("plugins/module_utils/environments/store.py", False),
        ("plugins/modules/session.py", False),
        ("plugins/filter/due.py", False),
        ("roles/python/tasks/__pycache__/main.cpython-311.pyc", False),
    ],
)
def test_a_change_counts_where_the_role_uses_what_has_changed(root: Path, changed: str, counts: bool) -> None:
    before = code("python", root)
    (root / changed).parent.mkdir(exist_ok=True)
    with (root / changed).open("a") as file:
        file.write("# changed\n")
    assert (code("python", root) != before) is counts


def test_a_renamed_file_counts(root: Path) -> None:
    before = code("python", root)
    (root / "roles/python/tasks/uninstall.yml").rename(root / "roles/python/tasks/removal.yml")
    assert code("python", root) != before


def test_each_role_of_the_collection_that_changes_hosts_has_modules_in_its_code() -> None:
    for role in ("python", "tensorflow_pip", "docker", "nvidia_driver", "tensorflow_users"):
        found = {file.name for file in role_code.files(role) if file.parent.name == "modules"}
        assert "receipt.py" in found or role == "tensorflow_pip", role
    assert not [file for file in role_code.files("docker") if file.name == "pci.py"], "Docker's role looks at no bus"
