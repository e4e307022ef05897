"""One command in a clean clone, typed by an ordinary user of a fresh machine. Each test begins where the one before it ended."""

import subprocess

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, ssh_arguments
from tests.support.runs import GREETING, RECAP, ROOT, SESSION


@pytest.fixture(scope="module")
def clone(machine: Host, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A clean clone of this checkout's last commit, in alice's home."""
    here = tmp_path_factory.mktemp("clone") / "tensorwright"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(here)], check=True)
    ssh = ["ssh", *ssh_arguments(), f"alice@{machine.address}", "tar", "--extract"]
    with subprocess.Popen(
        ["tar", "--create", "--directory", str(here.parent), here.name], stdout=subprocess.PIPE
    ) as tar:
        subprocess.run(ssh, stdin=tar.stdout, check=True)
    return "/home/alice/tensorwright"


def test_alice_has_no_root_and_no_tools(alice: Login) -> None:
    assert alice.run("sudo -n true").rc != 0
    assert alice.run("python3 -m pip --version").rc != 0
    assert alice.run("python3 -m ensurepip --version").rc != 0


def test_one_command_ends_in_the_greeting(alice: Login, clone: str) -> None:
    provisioned = alice.run("cd %s && script/provision </dev/null", clone)
    assert provisioned.rc == 0, provisioned.stdout + provisioned.stderr
    assert GREETING in provisioned.stdout
    assert "source ~/tensorflow/bin/activate" in provisioned.stdout


def test_the_environment_can_be_used(alice: Login, clone: str) -> None:
    script = (
        f'source ~/tensorflow/bin/activate && pip install --quiet tabulate && python -c "import tabulate\n{SESSION}"'
    )
    assert alice.run("bash -lc %s", script).stdout.strip() == GREETING


@pytest.mark.parametrize(("shell", "script"), [("fish", "activate.fish"), ("csh", "activate.csh")])
def test_other_shells_activate_it(root: Login, alice: Login, shell: str, script: str) -> None:
    root.check_output(
        "command -v %s || { apt-get update -qq; apt-get install -qqy --no-install-recommends %s; }", shell, shell
    )
    found = alice.check_output("%s -c %s", shell, f"source ~/tensorflow/bin/{script}; which python")
    assert found.startswith("/home/alice/")
    assert "tensorflow" in found


def test_a_second_run_changes_nothing(alice: Login, clone: str) -> None:
    again = alice.run("cd %s && script/provision </dev/null", clone)
    assert again.rc == 0, again.stdout + again.stderr
    recap = RECAP.findall(again.stdout)
    assert [(host, changed) for host, _ok, changed, *_ in recap] == [("localhost", "0")]


def test_an_inventory_of_ones_own_takes_the_place_of_the_embedded_one(alice: Login, clone: str) -> None:
    alice.check_output("printf 'mine ansible_connection=local\\n' >~/inventory")
    listed = alice.check_output("%s/script/provision -i ~/inventory --list-hosts", clone)
    assert "mine" in listed
    assert "localhost" not in listed


def test_a_machine_that_cannot_reach_the_index_says_so(alice: Login, clone: str) -> None:
    alice.check_output("cp -r %s ~/unreachable && rm -rf ~/unreachable/.venv ~/unreachable/.cache", clone)
    failed = alice.run("PIP_INDEX_URL=https://127.0.0.1:1/simple ~/unreachable/script/provision")
    assert failed.rc != 0
    assert "Error: cannot fetch uv" in failed.stderr
    assert "PIP_INDEX_URL" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_check_mode_shows_what_would_be_instead(alice: Login, clone: str) -> None:
    checked = alice.check_output("cd %s && script/provision --check -e tensorflow_version=2.20.0 </dev/null", clone)
    (row,) = [line.split() for line in checked.splitlines() if line.startswith("localhost ") and "planned" in line]
    assert row[4:6] == ["2.20.0", "planned"]
    assert (
        alice.check_output("~/tensorflow/bin/python -c 'import tensorflow; print(tensorflow.__version__)'") != "2.20.0"
    )


def test_the_environment_is_removed_wholly(alice: Login, clone: str) -> None:
    removed = alice.run(
        "cd %s && .venv/controller/bin/ansible-playbook playbooks/uninstall.yml -i hosts </dev/null", clone
    )
    assert removed.rc == 0, removed.stdout + removed.stderr
    assert "1 host: 1 removed; 1 changed." in removed.stdout
    assert alice.check_output("ls -A ~ | grep tensor") == "tensorwright"
