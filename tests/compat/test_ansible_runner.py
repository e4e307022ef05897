"""The playbooks run by ansible-runner, as AWX does it."""

import json
import sys
from pathlib import Path

import ansible_runner
import pytest

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = """
right.example.org
refused.example.org tensorflow_version=9.9
gone.example.org ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
[all:vars]
ansible_connection=local
"""


@pytest.fixture(scope="module", params=["", "tensorwright.fleet.board"], ids=["its own output", "the board asked for"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run of site.yml in check mode, with the environment that the run had."""
    place = tmp_path_factory.mktemp("runner")
    (place / "hosts").write_text(INVENTORY)
    chosen = {"ANSIBLE_STDOUT_CALLBACK": request.param} if request.param else {}
    run = ansible_runner.run(
        private_data_dir=str(place),
        project_dir=str(ROOT),
        inventory=str(place / "hosts"),
        playbook="site.yml",
        cmdline="--check",
        ident="it",
        quiet=True,
        extravars={"tensorflow_path": str(place / "tensorflow"), "ansible_python_interpreter": "/usr/bin/python3"},
        envvars={
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "TENSORWRIGHT_REPORTS": str(place / "reports"),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            **chosen,
        },
    )
    assert run.status == "failed"
    assert run.rc == 4
    (place / "stats.json").write_text(json.dumps(run.stats))
    (place / "events.json").write_text(json.dumps([event["event"] for event in run.events]))
    (place / "output").write_text(run.stdout.read())
    return place


def test_one_host_s_trouble_does_not_stop_the_others(place: Path) -> None:
    stats = json.loads((place / "stats.json").read_text())
    assert stats["dark"] == {"gone.example.org": 1}
    assert stats["failures"] == {"refused.example.org": 1}
    assert stats["ok"]["right.example.org"] >= 3


def test_its_events_are_there_and_the_table_ends_its_output(place: Path) -> None:
    events = json.loads((place / "events.json").read_text())
    assert {"playbook_on_start", "runner_on_ok", "runner_on_failed", "runner_on_unreachable"} <= set(events)
    output = (place / "output").read_text()
    assert "3 hosts: 1 planned, 1 refused, 1 unreachable; " in output
    assert "PLAY RECAP" in output  # lines, and no board
    assert "\x1b[J" not in output


def test_the_report_is_written(place: Path) -> None:
    (report,) = (place / "reports").glob("*/report.json")
    made = json.loads(report.read_text())
    assert made["check"]
    assert {host["host"].partition(".")[0]: host["state"] for host in made["hosts"]} == {
        "right": "planned",
        "refused": "refused",
        "gone": "unreachable",
    }
    assert made["plans"][0]["hosts"] == ["right.example.org"]
