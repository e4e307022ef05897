"""What the scenarios' tests have in common: logins of users on each host, and runs of the playbooks from this machine.

A test that takes `root`, `alice` or `bob` runs once on each host of its scenario, logged in over SSH as that user.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host as Login

from tests.hosts import Host, scenario_hosts
from tests.hosts.keys import KEY, ssh_arguments
from tests.support.runs import Run, run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a machine once on each of the scenario's hosts, or on those that its module names in MACHINES."""
    chosen = any("machine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "machine" in metafunc.fixturenames and not chosen:
        there = [host.name for host in scenario_hosts()]
        # Two scenarios may have the same tests for hosts of different names.
        names = [name for name in getattr(metafunc.module, "MACHINES", there) if name in there]
        metafunc.parametrize("machine", names, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in the order in which they are written, all hosts in each; pytest would go host by host."""
    items.sort(key=lambda item: (item.location[0], item.location[1]))


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Host:
    """One of the scenario's hosts."""
    return {host.name: host for host in scenario_hosts()}[request.param]


def log_in(name: str, machine: Host) -> Login:
    """Return a user's login on a host."""
    return testinfra.get_host(
        f"ssh://{name}@{machine.address}", ssh_identity_file=str(KEY), ssh_extra_args=" ".join(ssh_arguments())
    )


@pytest.fixture(scope="session")
def login(machine: Host) -> Callable[[str], Login]:
    """Return a function that logs a user in."""
    return lambda name: log_in(name, machine)


@pytest.fixture(scope="session")
def logins() -> Callable[..., dict[str, Login]]:
    """Return a function that logs a user in on several hosts, for a test of what one run does on all: logins("root", MACHINES)."""
    return lambda name, machines: {host.name: log_in(name, host) for host in scenario_hosts() if host.name in machines}


@pytest.fixture(scope="session")
def root(login: Callable[[str], Login]) -> Login:
    """The administrator."""
    return login("root")


@pytest.fixture(scope="session")
def alice(login: Callable[[str], Login]) -> Login:
    """An ordinary user."""
    return login("alice")


@pytest.fixture(scope="session")
def bob(login: Callable[[str], Login]) -> Login:
    """Another ordinary user."""
    return login("bob")


@pytest.fixture(scope="session")
def inventory() -> Path:
    """The scenario's inventory."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"


@pytest.fixture(scope="session")
def play(machine: Host, inventory: Path) -> Callable[..., Run]:
    """Return a function that runs a playbook on the test's host: play("site.yml", "--check", tensorflow_version="2.20.0")."""

    def on_machine(playbook: str, *arguments: str, **variables: Any) -> Run:
        return run(playbook, inventory, "--limit", machine.name, *arguments, **variables)

    return on_machine
