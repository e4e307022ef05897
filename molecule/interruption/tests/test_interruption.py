"""Runs that end in the middle: yesterday's environment stays in use, and the next run succeeds with nothing left over.

Each test begins where the one before it ended, and asks for a TensorFlow that the host has to download.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, cut_off, reconnect
from tests.support.runs import GREETING, ROOT, SESSION, Run, command, environment

INSTALLER = "[/]uv.* pip install"  # the brackets keep pgrep's own shell from matching
WHEEL_BEGUN = 60_000_000  # bytes received; what is not TensorFlow's own wheel is smaller
# What is written beside its place first: seals, receipts, the link, tools and downloads.
PARTIAL = ["*.new", ".*.tensorwright-*", "*.building", "unfinished-*", "*.part*", ".tmp*"]
LEFTOVERS = f"/opt /var/lib/tensorwright {' -o '.join(f'-name {shlex.quote(name)}' for name in PARTIAL)}"
VERSION = "import tensorflow; print(tensorflow.__version__)"


@contextmanager
def running(inventory: Path, version: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run that asks for a version, and end whatever is left of it afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("site.yml", inventory, [], {"tensorflow_version": version}),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.1)


def received(login: Login) -> int:
    """Return how many bytes the host has received."""
    return int(login.check_output("cat /sys/class/net/eth0/statistics/rx_bytes"))


def installer_is_in_a_wheel(root: Login, before: int) -> bool:
    """Tell whether the installer runs and the download of the large wheel has begun."""
    return root.run(f"pgrep -f '{INSTALLER}'").rc == 0 and received(root) - before > WHEEL_BEGUN


def still_serves(login: Login, version: str) -> None:
    """Make sure that users still have the release that they had."""
    assert login.check_output("/opt/tensorflow/bin/python -c %s", VERSION) == version
    assert login.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING


def unsealed(root: Login) -> list[str]:
    """Return the releases that lack their seal."""
    script = "cd /opt/.tensorwright/tensorflow; for release in *; do [ -e $release/.tensorwright.json ] || echo $release; done"
    return str(root.check_output(script)).split()


def next_run_succeeds(play: Callable[..., Run], root: Login, alice: Login, version: str) -> None:
    """Make sure that the same request is met now, and that nothing of the broken run is left."""
    play("site.yml", tensorflow_version=version).succeeded()
    still_serves(alice, version)
    assert unsealed(root) == []
    assert len(root.check_output("ls /opt/.tensorwright/tensorflow").split()) == 2
    assert root.check_output(f"find {LEFTOVERS}") == ""
    assert root.run(f"pgrep -f '{INSTALLER}'").rc != 0
    play("site.yml", tensorflow_version=version).changed_nothing()


@pytest.fixture(autouse=True)
def no_tensorflow_in_the_cache(root: Login) -> None:
    """Let each test download again, so that the scenario needs neither many versions nor the disk for them."""
    store = "/opt/.tensorwright"
    root.check_output(f"{store}/tools/uv-*[0-9] cache clean --cache-dir {store}/cache/uv tensorflow tensorflow-cpu")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the interrupted run writes."""
    return tmp_path / "run.log"


def test_network_cut_in_the_middle_of_a_wheel(
    machine: Host, inventory: Path, play: Callable[..., Run], root: Login, alice: Login, log: Path
) -> None:
    before = received(root)
    with running(inventory, "2.21.0", log) as process:
        wait_until(lambda: installer_is_in_a_wheel(root, before))
        cut_off(machine)
        try:
            status = process.wait(timeout=120)
        finally:
            reconnect(machine)
    output = log.read_text()
    assert status != 0, output
    assert "the package index" in output or "a download broke off in the middle" in output
    assert "Traceback" not in output
    still_serves(alice, "2.20.0")
    next_run_succeeds(play, root, alice, "2.21.0")


def test_kill_of_the_installer(inventory: Path, play: Callable[..., Run], root: Login, alice: Login, log: Path) -> None:
    before = received(root)
    with running(inventory, "2.19.1", log) as process:
        wait_until(lambda: installer_is_in_a_wheel(root, before))
        root.check_output(f"pkill -KILL -f '{INSTALLER}'")
        status = process.wait(timeout=120)
    output = log.read_text()
    assert status != 0, output
    assert "was killed by signal 9" in output
    assert "Traceback" not in output
    still_serves(alice, "2.21.0")
    next_run_succeeds(play, root, alice, "2.19.1")


def test_kill_of_what_runs_the_installer(
    inventory: Path, play: Callable[..., Run], root: Login, alice: Login, log: Path
) -> None:
    before = received(root)
    with running(inventory, "2.20.0", log) as process:
        wait_until(lambda: installer_is_in_a_wheel(root, before))
        root.check_output(f"kill -KILL $(ps -o ppid= -p $(pgrep -f '{INSTALLER}'))")
        status = process.wait(timeout=120)
    assert status != 0, log.read_text()
    assert len(unsealed(root)) == 1
    assert root.run(f"pgrep -f '{INSTALLER}'").rc != 0
    still_serves(alice, "2.19.1")
    next_run_succeeds(play, root, alice, "2.20.0")


def test_kill_of_ansible(inventory: Path, play: Callable[..., Run], root: Login, alice: Login, log: Path) -> None:
    before = received(root)
    with running(inventory, "2.21.0", log) as process:
        wait_until(lambda: installer_is_in_a_wheel(root, before))
        process.kill()
        process.wait()
    still_serves(alice, "2.20.0")
    next_run_succeeds(play, root, alice, "2.21.0")
