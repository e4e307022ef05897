"""What the tests of diagnoses share: hosts that are prepared for troubles, and package indexes that fail."""

import os
import subprocess
from collections import ChainMap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, matcher

from tests.doubles.package_index import BREAK, HANG, WRONG_HASH, PackageIndex
from tests.doubles.wheels import Wheel
from tests.hosts import Host, scenario_hosts
from tests.hosts.containers import gateway, podman
from tests.support.provocations import Provocation
from tests.support.runs import ROOT

# To be looked at, and copied to the unit tests' data when a program has changed its words.
RECORDS = ROOT / "reports" / "diagnosis"
PREPARE = {"debian12": [], "debian13": ["docker-cli"]}
# How each package index fails, beside the sound one.
FAILURES: dict[str, tuple[int | str, str]] = {
    "BROKEN": (BREAK, ".whl"),
    "SILENT": (HANG, ""),
    "WRONG": (WRONG_HASH, "/demo/"),
    "OVERLOADED": (503, ""),
    "CLOSED": (401, ""),
    "FORBIDDEN": (403, ""),
    "PROXY": (407, ""),
    "REFUSING": (403, ""),
}
SEEN: set[str] = set()  # the rows that were provoked in this run


def wheels() -> list[Wheel]:
    """Return what the indexes offer."""
    return [
        Wheel("demo", "1.0", {"demo.py": "x = 1\n"}),
        Wheel("demo", "2.0", {"demo.py": "x = 2\n"}),
        Wheel("demo-kept", "1.0", {}),
        Wheel("demo-kept", "2.0", {}),
        Wheel("demo-a", "1.0", {}, requires=("demo==1.0",)),
        Wheel("demo-b", "1.0", {}, requires=("demo==2.0",)),
        Wheel("demo-big", "1.0", {}, data=os.urandom(1 << 23)),
        Wheel("demo-arm", "1.0", {}, tag="py3-none-manylinux_2_17_aarch64"),
        Wheel("demo-ancient", "1.0", {}, tag="cp27-none-any"),
    ]


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, str]]:
    """The indexes' addresses as the hosts see them, by the names that the scripts use."""
    with ExitStack() as stack:
        found, offered = {}, wheels()
        for name in ("GOOD", *FAILURES):
            index = stack.enter_context(PackageIndex(host=gateway(scenario_hosts()[0])))
            index.add(*offered)
            if name in FAILURES:
                index.fail(FAILURES[name][0], on=FAILURES[name][1])
            found[name] = index.url.removesuffix("/simple") if name in ("PROXY", "REFUSING") else index.url
        yield found


def prepare(host: Host) -> None:
    """Give a host all that the scripts need."""
    podman("cp", str(ROOT / "tests" / "doubles" / "troubled_host.py"), f"{host.container}:/srv/")
    podman("cp", str(ROOT / ".venv" / "dev" / "bin" / "uv"), f"{host.container}:/srv/uv")
    podman("exec", host.container, "python3", "/srv/troubled_host.py", *PREPARE[host.name])


def run(host: Host, one: Provocation, addresses: dict[str, str]) -> str:
    """Run a provocation's script, and return what was printed."""
    home = "/root" if one.user == "root" else f"/home/{one.user}"
    # Without TLS: pip would ignore the indexes.
    variables = {**addresses, "LC_ALL": "C.UTF-8", "HOME": home, "PIP_TRUSTED_HOST": gateway(host)}
    settings = [f"--env={name}={value}" for name, value in variables.items()]
    command = ["podman", "exec", *settings, "--user", one.user, "--workdir", "/", host.container, "sh", "-c"]
    script = f"exec 2>&1\n{one.script}"
    return subprocess.run([*command, script], stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.fixture(scope="session")
def outputs(request: pytest.FixtureRequest, addresses: dict[str, str]) -> dict[tuple[str, str], str]:
    """What was printed, by host and provocation, of those that need no TensorFlow. Hosts do so at the same time."""
    users = [
        item for item in request.session.items if isinstance(item, pytest.Function) and "outputs" in item.fixturenames
    ]
    chosen: list[dict[str, Any]] = [item.callspec.params for item in users]

    def of_host(host: Host) -> dict[tuple[str, str], str]:
        mine: list[Provocation] = [params["one"] for params in chosen if params["machine"] == host.name]
        if mine:
            prepare(host)
        return {(host.name, one.name): run(host, one, addresses) for one in mine}

    with ThreadPoolExecutor() as hosts:
        return dict(ChainMap(*hosts.map(of_host, scenario_hosts())))


@pytest.fixture(scope="session")
def provoke(machine: Host, addresses: dict[str, str]) -> Callable[[Provocation], str]:
    """Return a function that runs a provocation's script on the test's host, and returns what was printed."""
    return lambda one: run(machine, one, addresses)


def recorded(output: str, addresses: dict[str, str]) -> str:
    """The output without what differs from run to run."""
    for name, address in addresses.items():
        output = output.replace(address.removesuffix("/simple"), f"http://{name.lower()}.example.org")
        output = output.replace(address.split("/")[2], f"{name.lower()}.example.org")
    return output[-4000:]


@pytest.fixture(scope="session")
def claimed(machine: Host, addresses: dict[str, str]) -> Callable[[Provocation, str], None]:
    """Return a function that makes sure that a provocation's row claims what was printed, and no other."""

    def check(one: Provocation, output: str) -> None:
        RECORDS.mkdir(parents=True, exist_ok=True)
        record = RECORDS / f"{one.name}-{machine.name}.txt"
        record.write_text(f"# provoked on {machine.name}\n{recorded(output, addresses)}")
        assert [row.id for row in matcher.claims(output)] == [one.row], output
        SEEN.add(one.row)

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the share of the rows that were provoked for real."""
    rows = {row.id for row in catalog.ROWS}
    never = ", ".join(sorted(rows - SEEN))
    terminalreporter.write_line(
        f"Provoked for real: {len(SEEN)} of {len(rows)} rows ({len(SEEN) * 100 // len(rows)} %)."
    )
    terminalreporter.write_line(f"From captured output only: {never}.")
