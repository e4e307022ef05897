"""What a host answers is data, on the oldest and on the newest ansible-core: no template, no terminal escape, no HTML of it works."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import hostile_python

ROOT = Path(__file__).resolve().parents[2]
OLDEST = ROOT / ".venv" / "ansible-2.16" / "bin"
# By these a plan is made, so with attacks in them the host is refused, in words that name what it said.
DECISIVE = (
    ".distribution",
    ".release",
    ".architecture",
    ".glibc",
    ".cpu_flags",
    ".pythons",
    ".path",
    ".places",
    ".user",
)
CLAIMS: dict[str, Any] = {
    "gpus": [{"name": "GPU", "pci_id": "10de:2330", "compute_capability": None, "memory_mb": 0}],
    "driver": {"installed": None, "loaded": "570.86", "fabric_manager": None},
    "receipts": [
        {"role": "python", "file": "/x", "drift": ["gone"], "inputs": "1", "environments": {}, "files": ["/x"]}
    ],
}
PLAYBOOKS = ("plan", "rollback", "bundle")
FACTS = "(ansible_facts.tensorflow_host | default({}))"
# Every value of a request may be a template that reads what the host said of itself.
READING = {
    "tensorflow_version": f"{{{{ {FACTS}.gpus[0].name }}}}",
    "tensorflow_device": f"{{{{ {FACTS}.kernel | default('auto') }}}}",
    "tensorflow_keep_releases": f"{{{{ {FACTS}.receipts[0].drift[0] | default(2) }}}}",
    "tensorflow_only": f"{{{{ {FACTS}.driver.loaded | default('') }}}}",
}


@pytest.fixture(params=[OLDEST, Path(sys.executable).parent], ids=["oldest", "newest"])
def core(request: pytest.FixtureRequest) -> Path:
    """Return the directory of an ansible-core's programs."""
    return Path(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with an inventory of one host that answers with attacks, and one that reads what it said."""
    attack = hostile_python.attack(tmp_path / "mark")
    all_of_it = hostile_python.make(tmp_path / "all", attack, **CLAIMS)
    plausible = hostile_python.make(tmp_path / "plausible", attack, DECISIVE, **CLAIMS)
    (tmp_path / "hosts").write_text(
        f"attacker ansible_python_interpreter={all_of_it}\n"
        f"plausible ansible_python_interpreter={plausible}\n"
        "other tensorflow_cuda_from=\"{{ hostvars.plausible.ansible_facts.tensorflow_host.gpus[0].name | default('auto') }}\"\n"
        f"[all:vars]\nansible_connection=local\ntensorflow_path={tmp_path}/tensorflow\nbundle_directory={tmp_path}/bundle\n"
    )
    return tmp_path


def run(core: Path, place: Path, playbook: str, *arguments: str, **variables: str) -> str:
    """Run a playbook over the hosts of the inventory; return what it printed, having made sure that nothing of theirs worked."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [core / "ansible-playbook", "-i", place / "hosts", playbook, *arguments, "--extra-vars", json.dumps(variables)],
        cwd=ROOT,
        env={
            **kept,
            "PATH": f"{core}:{os.environ['PATH']}",
            "ANSIBLE_HOME": str(place / "home"),
            "TENSORWRIGHT_REPORTS": str(place / "reports"),
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(place / "reports"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode()
    assert "PLAY RECAP" in output
    assert not (place / "mark").exists(), output
    written = [path.read_bytes().decode() for path in (place / "reports").glob("*/*")]
    assert len(written) >= 3
    for text in (output, *written):
        assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\t"]
        assert "<img src" not in text or not text.lstrip().lower().startswith("<!doctype")
    return output


def test_templates_of_the_request_read_facts_as_data(core: Path, place: Path) -> None:
    output = run(core, place, "site.yml", "--check", "--limit", "plausible", **READING)
    assert "tensorflow_version is '{{ lookup(" in output  # it was read, and not run
    assert "1 refused" in output


@pytest.mark.parametrize("playbook", ["site.yml", *(f"playbooks/{name}.yml" for name in PLAYBOOKS)])
def test_no_playbook_takes_what_a_host_says_for_a_template(core: Path, place: Path, playbook: str) -> None:
    output = run(core, place, playbook, "--check", tensorflow_method="virtualenv")
    assert re.search(r"^plausible +: ok=[1-9]", output, re.MULTILINE), output


@pytest.mark.parametrize("end", ["break", "pass"], ids=["much", "without end"])
def test_a_host_that_says_too_much_is_refused_in_a_sentence(core: Path, tmp_path: Path, end: str) -> None:
    talker = tmp_path / "talker"
    talker.write_text(
        f"#!/usr/bin/python3\nimport sys\nwhile True:\n    sys.stdout.write('x' * (9 << 20))\n    {end}\n"
    )
    talker.chmod(0o755)
    (tmp_path / "hosts").write_text(
        f"talker ansible_connection=local ansible_python_interpreter={talker}\nother ansible_connection=local\n"
    )
    output = run(core, tmp_path, "site.yml", "--check")
    assert "talker answered the look at it with more than 8 MB; accepted: host facts" in output
    assert "2 hosts: 1 planned, 1 failed" in output


def test_the_mark_of_the_oldest_goes_all_the_way_down() -> None:
    program = (
        "from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.untrusted import untrusted, untrusted_result\n"
        "found = untrusted_result(lambda: {'{{ a }}': [{'b': ('{{ c }}', 1, None)}]})()\n"
        "texts = [*found, found['{{ a }}'][0]['b'][0], untrusted('{{ d }}')]\n"
        "print([getattr(text, '__UNSAFE__', False) for text in texts])\n"
    )
    done = subprocess.run(
        [OLDEST / "python", "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[True, True, True]\n", done.stderr
