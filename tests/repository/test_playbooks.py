# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host's problem means for the others: real runs of site.yml in check mode, two names for this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("all_or_nothing", "summary"),
    [
        (False, "2 hosts: 1 planned, 1 refused; 1 would change."),
        (True, "2 hosts: 2 refused; none changed."),
    ],
)
def test_one_hosts_problem(tmp_path: Path, all_or_nothing: bool, summary: str) -> None:
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {
        "right": {"tensorflow_path": str(tmp_path / "right" / "tensorflow")},
        "wrong": {"tensorflow_path": str(tmp_path / "wrong" / "tensorflow"), "tensorflow_version": "9.9"},
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": common, "hosts": hosts}}))
    finished = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "site.yml",
            "--check",
            "-i",
            inventory,
            "-e",
            f"tensorflow_all_or_nothing={all_or_nothing}",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 2, finished.stdout
    assert finished.stdout.strip().splitlines()[-1] == summary, finished.stdout
    assert "wrong: tensorflow_version is '9.9'" in finished.stdout
    assert ("right: tensorflow_all_or_nothing is true" in finished.stdout) is all_or_nothing
