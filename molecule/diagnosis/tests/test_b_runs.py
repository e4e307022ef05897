"""Runs that fail say why and what to do; hosts that others installed are looked at without a change.

Real: TensorFlow, apt, the loader. A stand-in: what others installed on debian13, a package that loads a library as TensorFlow did.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, differences, inside, scenario_hosts
from tests.support.provocations import PROVOCATIONS, Provocation
from tests.support.runs import GREETING, Run, run

INSTALLED = [one for one in PROVOCATIONS if one.installed]
ON_12 = pytest.mark.parametrize("machine", ["debian12"], indirect=True, scope="session")
ON_13 = pytest.mark.parametrize("machine", ["debian13"], indirect=True, scope="session")
LIBRARY = "/opt/tensorflow/lib/python3*/site-packages/tensorflow/libtensorflow_framework.so.2"
THEIRS = "/home/alice/theirs"


def blocks(output: str) -> list[str]:
    """Return the statements about what went wrong at the end of a run."""
    (table,) = re.findall(r"^host +method.*", output, re.MULTILINE | re.DOTALL)
    return str(table).split("\n\n")[1].replace("\n  ", " | ").splitlines()


def test_a_step_of_apt_that_fails_alike_on_several_hosts_is_told_once(inventory: Path) -> None:
    hosts = scenario_hosts()
    for host in hosts:
        inside(host, "echo 'debb http://nowhere.invalid stable main' >/etc/apt/sources.list.d/nonsense.list")
    failed = run("site.yml", inventory)
    for host in hosts:
        inside(host, "rm /etc/apt/sources.list.d/nonsense.list")
    assert failed.status != 0
    (told,) = blocks(failed.output)
    heading, *rest = told.split(" | ")
    assert heading.startswith("debian12, debian13: Install ")
    assert heading.endswith(
        ": apt says: Type 'debb' is not known on line 1 in source list /etc/apt/sources.list.d/nonsense.list"
    )
    assert rest == [
        "cause: a file of apt's sources has a line that apt cannot read (/etc/apt/sources.list.d/nonsense.list)",
        "remedy: mend or remove that file below `/etc/apt`; `grep -rn deb /etc/apt/sources.list*` shows all lines",
        "see: docs/troubleshooting.md#apt-source-malformed",
    ]
    log = Path(failed.output.partition("All that failed steps have printed: ")[2].splitlines()[0])
    assert "nonsense.list" in log.read_text()


def test_an_installer_that_fails_alike_on_several_hosts_is_told_once(inventory: Path) -> None:
    failed = run(
        "site.yml", inventory, tensorflow_pip_index_url="http://nowhere.invalid/simple", tensorflow_pip_retries=0
    )
    assert failed.status != 0
    (told,) = blocks(failed.output)
    assert told.startswith("debian12, debian13: ")
    assert "a server's name cannot be resolved on this host" in told
    assert "see: docs/troubleshooting.md#name-unresolved" in told


@ON_12
def test_a_sound_host_has_no_findings(play: Callable[..., Run], machine: Host) -> None:
    play("site.yml").succeeded()
    before = differences(machine)
    sound = play("playbooks/diagnose.yml").changed_nothing()
    assert "A session runs in TensorFlow 2." in sound.output
    assert "of /opt/tensorflow/bin/python as user nobody." in sound.output
    assert GREETING in sound.output
    assert ours(differences(machine) - before) == set()


@ON_12
@pytest.mark.parametrize("one", INSTALLED, ids=lambda one: one.name)
def test_a_damaged_tensorflow_has_its_cause(
    one: Provocation, provoke: Callable[[Provocation], str], claimed: Callable[[Provocation, str], None]
) -> None:
    claimed(one, provoke(one))


@ON_12
def test_validate_says_why_a_session_does_not_run(play: Callable[..., Run], root: Login) -> None:
    root.check_output(f"for file in {LIBRARY}; do mv $file $file.away; done")
    damaged = play("playbooks/validate.yml")  # it holds the release against its list of files before it runs a session
    assert damaged.status != 0
    assert "libtensorflow_framework.so.2 is missing or not as installed" in damaged.output
    failed = play("playbooks/diagnose.yml")
    assert failed.status != 0
    assert (
        "a shared library is missing, or is where the loader does not look (libtensorflow_framework.so.2)"
        in failed.output
    )
    assert "docs/troubleshooting.md#library-missing" in failed.output
    assert "Traceback" not in failed.output
    root.check_output(f"for file in {LIBRARY}.away; do mv $file ${{file%.away}}; done")
    play("playbooks/validate.yml").succeeded()


@ON_13
def test_what_others_installed_is_diagnosed_without_a_change(play: Callable[..., Run], machine: Host) -> None:
    script = f"""
    /srv/uv venv --quiet {THEIRS}; mkdir {THEIRS}/lib/python3.13/site-packages/tensorflow
    echo 'import ctypes; ctypes.CDLL("libcudart.so.11.0")' >{THEIRS}/lib/python3.13/site-packages/tensorflow/__init__.py
    chown -R alice: {THEIRS}
    echo 'deb [signed-by=/srv/keys/other.gpg] file:/srv/apt/sound ./' >/etc/apt/sources.list.d/other.list
    dpkg --unpack /srv/debs/demo-failing_1.0.deb
    """
    inside(machine, script)
    before = differences(machine)
    failed = play("playbooks/diagnose.yml", diagnosis_paths=[THEIRS], diagnosis_user="alice")
    assert failed.status != 0
    told = [line for line in failed.output.splitlines() if line.startswith("failed: [debian13]")]
    for words in (
        f"{THEIRS}/bin/python as user alice: the CUDA libraries of the version that this build needs are not found (libcudart.so.11.0)",
        "apt: a repository is signed with a key that this host does not have (Missing key ",
        "dpkg: an earlier installation of packages was cut off; `dpkg --configure -a`; see docs/troubleshooting.md#dpkg-interrupted",
        "Docker as user alice: the Docker daemon does not run; `systemctl start docker`",
    ):
        assert sum(words in line for line in told) == 1, failed.output
    assert len(told) == 4, failed.output
    assert "Traceback" not in failed.output
    assert ours(differences(machine) - before) == set()
    assert not any(failed.changed().values())


def ours(paths: set[str]) -> set[str]:
    """Return the paths that are not what Ansible and a login always leave."""
    return {path for path in paths if "/.ansible" not in path and not path.startswith(("/var/log", "/run", "/tmp"))}
