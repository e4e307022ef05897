# SPDX-License-Identifier: GPL-3.0-or-later
"""apt and dpkg are struck in the middle of a real installation: the next run finishes it, and uninstalling gives the host back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_runs_that_are_cut_off import THEIRS, host, inventory
from tests.hosts import state
from tests.hosts.containers import Host, inside
from tests.support.runs import ROOT, Run, command, environment, run

__all__ = ["host", "inventory"]

TAGS = ("--tags", "python")
# dpkg tells a program of the host's what it is at; this one kills it in the middle of the second package.
KILLER = r"""cat >/usr/local/bin/kill-dpkg <<'END'
#!/bin/sh
count=0
while read -r line; do
    case $line in
        *half-installed*) count=$((count + 1)); [ $count -lt 2 ] || { rm -f /etc/dpkg/dpkg.cfg.d/test; pkill -KILL -x dpkg; } ;;
    esac
done
END
chmod +x /usr/local/bin/kill-dpkg
echo status-logger=/usr/local/bin/kill-dpkg >/etc/dpkg/dpkg.cfg.d/test
"""
WHEELS = "/usr/share/python-wheels"


@pytest.fixture
def before(host: Host, inventory: Path) -> Iterator[state.State]:
    """The state of a host on which no role has done anything."""
    yield state.observe(host)
    inside(host, "rm -f /etc/dpkg/dpkg.cfg.d/test /usr/local/bin/kill-dpkg")


def converge(inventory: Path) -> Run:
    return run("site.yml", inventory, *TAGS)


def given_back(host: Host, inventory: Path, before: state.State) -> list[str]:
    """Install to the end, uninstall, and return what is not as before."""
    converge(inventory).succeeded()
    assert "python3.11-venv" in state.observe(host)["packages"].__str__()
    assert inside(host, "dpkg --audit") == ""
    run("playbooks/uninstall.yml", inventory).succeeded()
    return state.differences(before, state.observe(host), THEIRS)


def test_dpkg_is_killed_in_the_middle(host: Host, inventory: Path, before: state.State) -> None:
    inside(host, KILLER)
    failed = converge(inventory)
    assert failed.status != 0
    assert "0 changed" not in failed.output.splitlines()[-1]
    assert inside(host, "dpkg --audit") != ""
    inside(host, "rm -f /usr/local/bin/kill-dpkg")
    assert given_back(host, inventory, before) == []


def test_dpkg_is_killed_in_the_middle_and_the_role_uninstalled_at_once(
    host: Host, inventory: Path, before: state.State
) -> None:
    inside(host, KILLER)
    assert converge(inventory).status != 0
    inside(host, "rm -f /usr/local/bin/kill-dpkg")
    run("playbooks/uninstall.yml", inventory).succeeded()
    assert state.differences(before, state.observe(host), THEIRS) == []


def test_the_disk_is_full_in_the_middle(host: Host, inventory: Path, before: state.State) -> None:
    inside(host, f"mkdir -p {WHEELS} && mount -t tmpfs -o size=200k tmpfs {WHEELS}")
    failed = converge(inventory)
    assert failed.status != 0
    assert "the disk is full; free space and run again, which finishes what was begun" in failed.output
    inside(host, f"umount {WHEELS}; rmdir --ignore-fail-on-non-empty {WHEELS}")
    assert given_back(host, inventory, before) == []


def test_somebody_types_ctrl_c_in_the_middle(host: Host, inventory: Path, before: state.State) -> None:
    """What Ansible has begun on the host goes on there, and the next run waits for it."""
    inside(
        host,
        "echo 'pre-invoke=case $DPKG_HOOK_ACTION in unpack) touch /run/begun; sleep 10;; esac' >/etc/dpkg/dpkg.cfg.d/test",
    )
    with subprocess.Popen(
        command("site.yml", inventory, TAGS, {}),
        env=environment(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        while inside(host, "ls /run/begun 2>/dev/null || true") == "":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert process.returncode != 0
    inside(host, "rm -f /run/begun")
    assert given_back(host, inventory, before) == []


def test_somebody_holds_the_lock_of_apt_s_lists(host: Host, inventory: Path, before: state.State) -> None:
    """As apt-daily does on a fresh machine: apt itself fails at once."""
    inside(
        host,
        "find /var/lib/apt/lists -type f -name '*_*' -delete; touch -d yesterday /var/lib/apt/lists /var/lib/apt/lists/partial",
    )
    inside(
        host,
        'systemd-run --quiet python3 -c \'import fcntl, time; stream = open("/var/lib/apt/lists/lock", "w");'
        " fcntl.lockf(stream, fcntl.LOCK_EX); time.sleep(20)'",
    )
    time.sleep(2)
    assert given_back(host, inventory, before) == []
