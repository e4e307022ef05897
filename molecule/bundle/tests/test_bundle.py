"""Hosts that reach nothing but the machine that serves the folder. Each test begins where the one before it ended."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.hosts import cut_off, scenario_hosts
from tests.hosts.bundles import Server, served
from tests.hosts.containers import gateway
from tests.support.runs import GREETING, SESSION, run

MACHINES = ["debian12", "debian13"]


@pytest.fixture(scope="module")
def folder(inventory: Path) -> Iterator[Path]:
    """The folder that the scenario has filled."""
    directory = inventory.parent / "bundle"
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """This machine, as it serves the folder to the hosts."""
    with served(folder, gateway(scenario_hosts()[0])) as serving:
        yield serving


@pytest.fixture(scope="module")
def closed(server: Server) -> dict[str, Any]:
    """The variables of hosts that are cut off."""
    return {"package_cache_url": server.url, "package_cache_only": True}


def objects(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of the manifest."""
    return {entry["path"]: entry for entry in json.loads((folder / "bundle.json").read_text())["objects"]}


def only(folder: Path, pattern: str) -> Path:
    """Return the one file of the folder that matches."""
    (found,) = folder.rglob(pattern)
    return found


def test_the_folder_is_what_its_manifest_says(folder: Path) -> None:
    told = objects(folder)
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert there - set(told) == {"bundle.json", ".bundle.lock"}
    for path, entry in told.items():
        content = (folder / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["size"]), path


def test_it_has_what_each_host_needs_and_says_for_whom(folder: Path) -> None:
    hosts = {Path(path).name.partition("_amd64")[0]: entry["hosts"] for path, entry in objects(folder).items()}
    wheels = {name.split("-")[2]: names for name, names in hosts.items() if name.startswith("tensorflow_cpu-")}
    assert wheels == {"cp311": ["debian12"], "cp313": ["debian13"]}
    for package, name in (("python3.11-venv_", "debian12"), ("python3.13-venv_", "debian13")):
        assert [names for file, names in hosts.items() if file.startswith(package)] == [[name]]
    assert next(names for name, names in hosts.items() if name.startswith("tabulate-")) == MACHINES


def test_another_run_mends_what_was_damaged_and_fetches_nothing_else(folder: Path, inventory: Path) -> None:
    wheel = only(folder, "tabulate-*.whl")
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1] + b"?")
    wanted = run("playbooks/bundle.yml", inventory, "--check").succeeded()
    assert f"{wheel.name} is not what was fetched, and would be fetched again." in " ".join(wanted.output.split())
    assert wheel.read_bytes() != whole
    mended = run("playbooks/bundle.yml", inventory).succeeded()
    assert (
        f"1 of {len([path for path in objects(folder) if not path.endswith(('.html', '.metadata'))])} objects"
        in mended.output
    )
    assert wheel.read_bytes() == whole


def test_hosts_that_reach_nothing_else_are_turned_into_tensorflow_machines(
    inventory: Path, logins: Callable[..., dict[str, Login]], server: Server, closed: dict[str, Any]
) -> None:
    for host in scenario_hosts():
        cut_off(host)
    for login in logins("root", MACHINES).values():
        assert login.run("ip route get 192.0.2.1").rc != 0
        assert not login.file("/opt/tensorflow").exists
    run("site.yml", inventory, tensorflow_pip_extra_packages=[], **closed).succeeded()
    assert server.missed == []
    assert any(path.startswith("/deb.debian.org/") for path in server.asked)


def test_a_user_s_session_greets(alice: Login) -> None:
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING


def test_a_damaged_wheel_is_refused_and_yesterday_s_environment_stays(
    inventory: Path, folder: Path, logins: Callable[..., dict[str, Login]], closed: dict[str, Any]
) -> None:
    before = {name: login.check_output("readlink /opt/tensorflow") for name, login in logins("root", MACHINES).items()}
    wheel = only(folder, "tabulate-*.whl")
    content = bytearray(wheel.read_bytes())
    content[len(content) // 3] ^= 1
    wheel.write_bytes(content)
    refused = run("site.yml", inventory, **closed)
    assert refused.status != 0
    sentences = [line for line in refused.output.splitlines() if "a download is not the file that was expected" in line]
    for name, login in logins("alice", MACHINES).items():
        assert any(name in line for line in sentences)
        assert login.check_output("readlink /opt/tensorflow") == before[name]
        assert login.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
