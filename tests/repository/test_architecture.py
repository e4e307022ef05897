# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom, as docs/architecture.md draws it, and where a file's test is."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.tensorwright.fleet.plugins"
HALLS = ("module_utils", "plugin_utils")
# From the ground up: a package imports those of lower floors only, never one of its own floor or above.
FLOORS: dict[str, tuple[set[str], ...]] = {
    "module_utils": (
        {"common"},
        {"programs", "diagnosis", "network"},
        {"apt"},
        {"nvidia"},
        {"environments"},
        {"users", "docker"},
        {"receipts"},
        {"source"},
        {"facts"},
    ),
    "plugin_utils": (
        {"common"},
        {"compatibility", "host"},
        {"request", "bundle"},
        {"plan"},
        {"receipts"},
        {"report"},
    ),
}
# What the controller's code takes from the code for hosts: knowledge and file formats, nothing that acts.
SHARED_WITH_THE_CONTROLLER = {"apt", "common", "diagnosis", "environments", "network"}
MOST_ENTRIES = 16
# Its text goes into a program in the place of this import.
SENT_ALONG = f"{OURS}.module_utils.common.safe_tree"
# The only files of plugin_utils that know Ansible, each with the reason why.
KNOW_ANSIBLE = {
    "request/host_variables.py": "reads hostvars, whose templates only Ansible can evaluate",
    "common/untrusted.py": "marks what a host says as data, which each ansible-core does in its own way",
}
# Files without a test of their name: what tests them instead.
TESTED_BY = {
    "module_utils/diagnosis/claims.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/codes/cuda.py": "unit/module_utils/diagnosis/test_enumerations.py",
    "module_utils/diagnosis/codes/libraries.py": "unit/module_utils/diagnosis/test_enumerations.py",
    "module_utils/diagnosis/codes/network.py": "unit/module_utils/diagnosis/test_enumerations.py",
    "module_utils/diagnosis/codes/system.py": "unit/module_utils/diagnosis/test_enumerations.py",
    "module_utils/diagnosis/codes/tools.py": "unit/module_utils/diagnosis/test_enumerations.py",
    "module_utils/diagnosis/grammar.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/heads.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/literals.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/names.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/records.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/row.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/apt.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/conda.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/cuda.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/docker.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/gpu.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/host.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/network.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/packages.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/python.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/system.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/tensorflow.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/diagnosis/rows/tools.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/docker/client.py": "unit/modules/test_docker_image.py",
    "module_utils/docker/image_store.py": "unit/modules/test_docker_image.py",
    "module_utils/common/durable.py": "unit/modules/test_environment_power_cut.py",
    "module_utils/common/host_lock.py": "unit/module_utils/receipts/test_intents.py",
    "module_utils/common/processes.py": "unit/module_utils/environments/build/test_installers.py",
    "module_utils/common/workplaces.py": "unit/module_utils/environments/test_store.py",
    "module_utils/diagnosis/catalog.py": "unit/module_utils/diagnosis/test_matcher.py",
    "module_utils/docker/cli.py": "unit/modules/test_docker_image.py",
    "module_utils/docker/images.py": "unit/modules/test_docker_image.py",
    "module_utils/docker/services.py": "unit/modules/test_docker_services.py",
    "module_utils/environments/build/builder_user.py": "unit/modules/test_environment_builder.py",
    "module_utils/environments/build/takeover.py": "unit/modules/test_environment_builder.py",
    "module_utils/environments/build/workshop.py": "unit/modules/test_environment_builder.py",
    "module_utils/environments/cache_marks.py": "unit/modules/test_environment_damage.py",
    "module_utils/environments/release_files.py": "unit/modules/test_environment_damage.py",
    "module_utils/environments/build/conda.py": "unit/modules/test_environment_roads.py",
    "module_utils/environments/distributions.py": "unit/module_utils/environments/test_store.py",
    "module_utils/environments/runtimes.py": "unit/modules/test_environment_roads.py",
    "module_utils/programs/compile_bytecode.py": "unit/module_utils/environments/build/test_bytecode.py",
    "module_utils/programs/session_test.py": "unit/module_utils/environments/test_session_test.py",
    "module_utils/source/build.py": "unit/modules/test_source_build.py",
    "module_utils/source/kept.py": "unit/modules/test_source_build.py",
    "module_utils/receipts/footprints.py": "unit/module_utils/receipts/test_drift.py",
    "plugin_utils/bundle/images.py": "unit/plugin_utils/bundle/test_builder.py",
    "plugin_utils/bundle/requirements.py": "unit/plugin_utils/bundle/test_builder.py",
    "plugin_utils/common/problems.py": "unit/plugin_utils/request/test_values.py",
    "plugin_utils/common/roles.py": "unit/plugin_utils/receipts/test_due.py",
    "plugin_utils/compatibility/models.py": "unit/plugin_utils/compatibility/test_loader.py",
    "plugin_utils/compatibility/row_reader.py": "unit/plugin_utils/compatibility/test_loader.py",
    "plugin_utils/host/facts.py": "unit/plugin_utils/plan/test_missing_facts.py",
    "plugin_utils/plan/candidate.py": "unit/plugin_utils/plan/test_release.py",
    "plugin_utils/plan/docker_image.py": "unit/plugin_utils/plan/test_docker.py",
    "plugin_utils/plan/model.py": "unit/plugin_utils/plan/test_properties.py",
    "plugin_utils/plan/nvidia/cuda_source.py": "unit/plugin_utils/plan/nvidia/test_gpu.py",
    "plugin_utils/plan/nvidia/tensorrt_archive.py": "unit/plugin_utils/plan/nvidia/test_gpu_stack.py",
    "plugin_utils/plan/planner.py": "unit/filter/test_plan_filters.py",
    "plugin_utils/plan/resolver.py": "unit/plugin_utils/plan/test_properties.py",
    "plugin_utils/plan/roles/nvidia.py": "unit/plugin_utils/plan/nvidia/test_gpu_stack.py",
    "plugin_utils/plan/writer.py": "unit/plugin_utils/plan/test_install_guides.py",
    "plugin_utils/report/terminal.py": "unit/callback/test_roads.py",
    "plugin_utils/request/host_variables.py": "unit/playbooks/test_site.py",
    "plugin_utils/request/request.py": "unit/plugin_utils/request/test_values.py",
    "plugin_utils/request/source_options.py": "unit/plugin_utils/plan/test_source_build.py",
    "plugin_utils/request/wheel_url.py": "unit/plugin_utils/plan/test_release.py",
}
FILES = sorted(file for hall in HALLS for file in (PLUGINS / hall).rglob("*.py") if file.name != "__init__.py")


def imported(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide where things come from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(file: Path) -> set[tuple[str, str]]:
    """Return what a file imports of the two halls, as (hall, package)."""
    found = set()
    for name in imported(file):
        parts = name.removeprefix(f"{OURS}.").split(".")
        if name.startswith(f"{OURS}.") and parts[0] in HALLS:
            found.add((parts[0], parts[1]))
    return found


def floor(hall: str, package: str) -> int:
    """Return the floor of a package, counted from the ground."""
    (found,) = [number for number, packages in enumerate(FLOORS[hall]) if package in packages]
    return found


@pytest.mark.parametrize("hall", HALLS)
def test_every_package_has_a_floor_and_no_file_lies_loose(hall: str) -> None:
    entries = {entry.name for entry in (PLUGINS / hall).iterdir() if entry.name != "__pycache__"}
    assert entries == set().union(*FLOORS[hall])


@pytest.mark.parametrize("hall", HALLS)
def test_no_folder_has_more_entries_than_one_takes_in(hall: str) -> None:
    for folder in [PLUGINS / hall, *(path for path in (PLUGINS / hall).rglob("*") if path.is_dir())]:
        entries = [entry.name for entry in folder.iterdir() if entry.name != "__pycache__"]
        assert len(entries) <= MOST_ENTRIES, folder


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_a_package_imports_lower_floors_only(file: Path) -> None:
    hall, package = file.relative_to(PLUGINS).parts[:2]
    for other_hall, other in rooms(file):
        if (other_hall, other) == (hall, package):
            continue
        if other_hall == hall:
            assert floor(hall, other) < floor(hall, package), f"{package} imports {other}, which is not below it"
        else:
            assert hall == "plugin_utils", "code for hosts imports nothing of the controller's"
            assert other in SHARED_WITH_THE_CONTROLLER, f"{other} is for hosts only"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_packages_import_no_plugins_and_pure_ones_no_ansible(file: Path) -> None:
    path = file.relative_to(PLUGINS)
    for name in imported(file):
        if name.startswith(f"{OURS}."):
            assert name.removeprefix(f"{OURS}.").startswith(HALLS), (
                f"{name}: plugins import packages, never the reverse"
            )
        elif name.split(".")[0] == "ansible":
            if path.parts[0] == "plugin_utils":
                assert "/".join(path.parts[1:]) in KNOW_ANSIBLE, f"{path} imports {name}"
            else:
                assert name.startswith("ansible.module_utils."), f"{path} imports {name}, which hosts do not have"


@pytest.mark.parametrize(
    "file", sorted((PLUGINS / "module_utils" / "programs").glob("*.py")), ids=lambda file: file.name
)
def test_programs_that_are_sent_to_other_pythons_import_the_standard_library_only(file: Path) -> None:
    former = {"__builtin__", "imp", "pipes"}  # of Python 2.7, or gone since
    for name in imported(file):
        if name == SENT_ALONG:
            continue
        # TensorFlow is what they are about; _tensorwright_cuda is the name under which a release holds cuda_preload.
        about = {"tensorflow", "_tensorwright_cuda"}
        assert name.split(".")[0] in sys.stdlib_module_names | former | about, f"{file.name} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_a_file_has_a_test_of_its_name_or_another_is_named(file: Path) -> None:
    path = file.relative_to(PLUGINS)
    own = ROOT / "tests" / "unit" / path.with_name(f"test_{path.name}")
    other = TESTED_BY.get(path.as_posix())
    if other is None:
        assert own.is_file(), f"{path} has no test of its name, and TESTED_BY names no other"
    else:
        assert not own.is_file(), f"{path} has a test of its name by now"
        assert (ROOT / "tests" / other).is_file()


def test_the_picture_shows_every_package() -> None:
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for hall in HALLS:
        for number, packages in enumerate(FLOORS[hall], 1):
            for package in packages:
                assert re.search(rf"^[ │]*{number} .*\b{package}\b", picture, re.MULTILINE), (
                    f"{hall}/{package} on floor {number}"
                )
