# SPDX-License-Identifier: GPL-3.0-or-later
"""Method conda with the real Miniforge and conda-forge, on this machine and without root: for machines that can reach them."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from tests.support.runs import GREETING, SESSION, run

CHANNEL = "https://conda.anaconda.org/conda-forge/noarch/repodata.json.zst"
VERSION = "1.15.5"  # on Python 3.7, which few machines have
INVENTORY = """all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
      tensorflow_method: conda
      tensorflow_device: cpu
      tensorflow_version: "{version}"
      tensorflow_path: "{path}"
"""


def reach(url: str) -> str:
    """Return why an address cannot be reached; nothing where it can."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=30):
            return ""
    except (OSError, urllib.error.URLError) as error:
        return f"{url}: {error}"


@pytest.fixture(scope="module", autouse=True)
def reachable() -> None:
    """Say plainly where nothing can be proved."""
    miniforge = tables.load().miniforge
    closed = [why for why in map(reach, (f"{miniforge.url}/{miniforge.installers['x86_64'].file}", CHANNEL)) if why]
    if closed:
        pytest.skip("the real Miniforge is NOT PROVED here, it cannot be reached: " + "; ".join(closed))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("miniforge")


@pytest.fixture(scope="module")
def inventory(place: Path) -> Path:
    file = place / "hosts.yml"
    file.write_text(INVENTORY.format(version=VERSION, path=place / "there" / "tensorflow"))
    return file


def shell(script: str) -> str:
    return subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_installed_and_a_second_run_changes_nothing(inventory: Path) -> None:
    run("site.yml", inventory).succeeded()
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


@pytest.mark.parametrize(
    "how", ["source {path}/bin/activate", ". {conda}/etc/profile.d/conda.sh; conda activate {path}"]
)
def test_users_activate_it(inventory: Path, place: Path, how: str) -> None:
    path = place / "there" / "tensorflow"
    activate = how.format(path=path, conda=place / "there" / ".tensorwright" / "runtimes" / "conda")
    assert shell(f'{activate}; python -c "{SESSION}"') == GREETING


def test_base_is_as_its_installer_left_it(inventory: Path, place: Path) -> None:
    conda = place / "there" / ".tensorwright" / "runtimes" / "conda" / "bin" / "conda"
    assert shell(f"{conda} list --name base --revisions").count("(rev ") == 1


def test_uninstall_leaves_nothing(inventory: Path, place: Path) -> None:
    run("playbooks/uninstall.yml", inventory).succeeded()
    assert list((place / "there").iterdir()) == []
