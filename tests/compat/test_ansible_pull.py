"""ansible-pull on the host itself, from a clone of this checkout's last commit."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_a_host_plans_for_itself(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts"
    inventory.write_text(
        f"{socket.gethostname()} ansible_connection=local tensorflow_path={tmp_path}/tensorflow\nother\n"
    )
    bin_directory = Path(sys.executable).parent
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    pulled = subprocess.run(
        [
            *(bin_directory / "ansible-pull", "--url", f"file://{ROOT}", "--directory", tmp_path / "checkout"),
            *("--inventory", inventory, "playbooks/plan.yml"),
        ],
        env={**variables, "PATH": f"{bin_directory}:{os.environ['PATH']}", "ANSIBLE_HOME": str(tmp_path / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert pulled.returncode == 0, pulled.stdout + pulled.stderr
    assert "1 plan for 1 host" in pulled.stdout
    assert "failed=0" in pulled.stdout
