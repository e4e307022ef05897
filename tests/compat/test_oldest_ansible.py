"""The playbooks on the oldest ansible-core that is supported."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
OLDEST = ROOT / ".venv" / "ansible-2.16" / "bin"
PLAYBOOKS = sorted(path.relative_to(ROOT) for path in [ROOT / "site.yml", *ROOT.glob("playbooks/*.yml")])


def oldest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook of the oldest release in the checkout, as a user of that release does."""
    environment = {**os.environ, "TENSORWRIGHT_REPORTS": "none", "PATH": f"{OLDEST}:{os.environ['PATH']}"}
    return subprocess.run(
        [OLDEST / "ansible-playbook", "-i", "hosts", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_the_oldest() -> None:
    assert oldest("--version").stdout.startswith("ansible-playbook [core 2.16.")


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=str)
def test_syntax(playbook: Path) -> None:
    result = oldest("--syntax-check", str(playbook))
    assert result.returncode == 0, result.stdout + result.stderr


def test_plan_of_this_machine() -> None:
    result = oldest("playbooks/plan.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "failed=0" in result.stdout
    assert "changed=0" in result.stdout
    assert "tensorflow" in result.stdout


@pytest.mark.parametrize("share", [100, 50])
def test_installation_in_check_mode(share: int) -> None:
    result = oldest("site.yml", "--check", "--extra-vars", f"tensorwright_max_fail_percentage={share}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 host: 1 planned; " in result.stdout
    assert "WARNING" not in result.stderr


def test_templates_that_read_other_hosts_and_templates_that_fail(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts"
    inventory.write_text(
        "a package_cache_url=\"http://{{ hostvars['b'].cache_address }}:9\"\n"
        "b cache_address=127.0.0.1\n"
        "c tensorflow_version='{{ nobody }}'\n"
        "[all:vars]\nansible_connection=local\n"
    )
    result = oldest("site.yml", "--check", "-i", str(inventory), "--limit", "a:b:c")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Note, a: The package cache http://127.0.0.1:9 does not answer this host" in result.stdout
    assert "c: tensorflow_version is '{{ nobody }}', a template that fails: 'nobody' is undefined" in result.stdout
    assert "3 hosts: 2 planned, 1 refused" in result.stdout
