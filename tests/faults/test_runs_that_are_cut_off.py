# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed after each task of a role in turn, on a real Debian: nothing that it did is forgotten."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import state
from tests.hosts.containers import Host, Platform, down, inside, up
from tests.hosts.keys import KEY, ssh_arguments
from tests.support.runs import ROOT, command, environment

CALLBACKS = Path(__file__).parent / "callbacks"
KILLED = -9
MOST = 40  # tasks of a role
SITE = Path("/usr/local/share/ca-certificates")
THEIRS = ("/root/.keras", "/tmp/", "/var/tmp/")


@dataclass(frozen=True)
class Case:
    """A role, the run that applies it, and the run that takes it away."""

    role: str
    playbook: str
    tags: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)
    undo: str = "playbooks/uninstall.yml"
    undone_by: dict[str, Any] = field(default_factory=dict)
    first: tuple[str, ...] = ()  # roles that the host has before
    but_for: tuple[str, ...] = THEIRS

    def __str__(self) -> str:
        return self.role


CASES = [
    Case("ca_certificates", "site.yml", ("ca_certificates",), {"ca_certificates_http_proxy": "http://proxy.test:3128"}),
    Case("python", "site.yml", ("python",)),
    Case(
        "package_cache",
        "playbooks/package_cache.yml",
        variables={"package_cache_server": True},
        undo="playbooks/package_cache.yml",
        undone_by={"package_cache_state": "absent"},
    ),
    Case(
        "docker",
        "playbooks/docker.yml",
        ("docker",),
        {"tensorflow_method": "docker", "docker_package_source": "distribution", "docker_users": ["alice"]},
        # What an engine's network leaves in the kernel, and its volume of the test host.
        but_for=(*THEIRS, "/var/lib/docker"),
    ),
    Case("tensorflow_pip", "site.yml"),
    Case(
        "tensorflow_users",
        "site.yml",
        ("tensorflow_users",),
        {
            "tensorflow_users_groups": [{"name": "vision", "path": "/opt/vision", "members": ["alice"]}],
            "tensorflow_users_kernels": True,
            "tensorflow_users_profile": True,
            "tensorflow_users_memory_growth": True,
        },
    ),
]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A Debian with users, in a privileged container: an engine runs in it as well."""
    group = f"cut-{os.getpid()}"
    platform: Platform = {"name": "debian12", "distribution": "debian12", "docker": True, "site_ca": True}
    (host,) = up(group, [platform])
    try:
        inside(host, "groupadd vision; id alice || useradd -m alice")
        yield host
    finally:
        down(group)


@pytest.fixture
def inventory(host: Host, tmp_path: Path) -> Path:
    """The host as an inventory has it."""
    path = tmp_path / "hosts.json"
    variables = {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(KEY),
        "ansible_ssh_common_args": " ".join(ssh_arguments()),
        "tensorflow_path": "/opt/tensorflow",
        "tensorflow_version": "2.20.0",
        "tensorflow_device": "cpu",
        "ca_certificates_files": sorted(map(str, SITE.glob("*.crt"))),
    }
    path.write_text(json.dumps({"all": {"hosts": {host.name: variables}}}))
    return path


def play(
    inventory: Path,
    playbook: str,
    variables: dict[str, Any],
    tags: tuple[str, ...] = (),
    role: str = "",
    after: int = 0,
) -> int:
    """Run a playbook, killed after a task of a role where one is named; return its status."""
    words = ["--tags", ",".join(tags)] if tags else []
    cut = {
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "cut",
        "CUT_AFTER": str(after),
        "CUT_ROLES": role,
    }
    done = subprocess.run(
        command(playbook, inventory, words, variables),
        env={**environment(), **(cut if role else {})},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode in ((0, KILLED) if role else (0,)), done.stdout[-6000:]
    return done.returncode


@pytest.fixture
def prepared(case: Case, host: Host, inventory: Path) -> Iterator[state.State]:
    """The host before a role: what users are offered stands on an environment that is there already."""
    if case.role == "tensorflow_users":
        play(inventory, "site.yml", {})
        inside(host, "rm -rf /var/cache/apt/archives/*.deb")
    yield state.observe(host)
    play(inventory, "playbooks/uninstall.yml", {})


@pytest.mark.parametrize("again", [True, False], ids=["run-again", "not-run-again"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_that_is_cut_off_is_undone_as_one_that_ended(
    case: Case, again: bool, host: Host, inventory: Path, prepared: state.State
) -> None:
    """Cut after each of its tasks, then run again or not, then uninstalled: the host is as before."""
    wrong: dict[int, list[str]] = {}
    cut = 0
    for task in range(1, MOST):
        status = play(inventory, case.playbook, case.variables, case.tags, case.role, task)
        cut += status == KILLED
        if again or status == 0:
            play(inventory, case.playbook, case.variables, case.tags)
        tags = case.tags if case.role == "tensorflow_users" else ()
        play(inventory, case.undo, {**case.variables, **case.undone_by}, tags)
        found = state.differences(prepared, state.observe(host), case.but_for)
        if found:
            wrong[task] = found
            break  # what follows would be held against what this one left
        if status == 0:
            break
    assert wrong == {}
    assert cut >= 1
