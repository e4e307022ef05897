# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine's commands answer, by commands that answer like them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import engine as docker_engine
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.engine import EngineError

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a program of this name first on the path."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def program(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return program


def test_containers_by_name(install: Install) -> None:
    install("docker", 'test "$*" = "ps --format {{.Names}}" && printf "b\\na\\n"')
    assert docker_engine.containers() == ["a", "b"]
    install("docker", "echo Cannot connect to the daemon >&2; exit 1")
    with pytest.raises(EngineError, match="cannot be listed: Cannot connect to the daemon"):
        docker_engine.containers()


def test_a_command_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert docker_engine.run("docker").status == 127
    assert docker_engine.is_installed() is False


def test_a_command_that_hangs(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "SECONDS", 0.1)
    install("docker", "exec sleep 10")
    assert docker_engine.run("docker").status == 124


@pytest.mark.parametrize(
    ("script", "objection"),
    [
        ("exit 0", ""),
        ("echo 'unknown flag: --validate' >&2; exit 125", ""),
        (
            'echo "unable to configure: $3 has no such key: bpi" >&2; exit 1',
            "unable to configure: the settings has no such key: bpi",
        ),
    ],
)
def test_what_the_engine_has_against_settings(install: Install, script: str, objection: str) -> None:
    install("dockerd", script)
    assert docker_engine.objections({"bpi": 1}) == objection


def test_the_engine_sees_the_settings(install: Install, tmp_path: Path) -> None:
    install("dockerd", f'cp "$3" {tmp_path}/seen')
    docker_engine.objections({"debug": True})
    assert json.loads((tmp_path / "seen").read_text()) == {"debug": True}


JOURNAL = """Starting docker.service
time="2026" level=info msg="Starting up"
{}
docker.service: Main process exited, code=exited, status=1/FAILURE
Failed to start docker.service - Docker Application Container Engine.
"""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "unable to configure the Docker daemon with file /etc/docker/daemon.json: no such key: x",
            "unable to configure the Docker daemon with file /etc/docker/daemon.json: no such key: x",
        ),
        ("failed to start daemon: no such driver", "failed to start daemon: no such driver"),
        ('time="2026" level=fatal msg="no \\"x\\" driver"', 'no "x" driver'),
        ("", "Failed to start docker.service - Docker Application Container Engine."),
    ],
)
def test_an_engine_that_does_not_start_says_why(install: Install, tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "journal").write_text(JOURNAL.format(line))
    install("systemctl", '[ "$1" != restart ]')
    install("journalctl", f"cat {tmp_path}/journal")
    with pytest.raises(EngineError) as error:
        docker_engine.restart()
    assert str(error.value) == f"the engine does not start with these settings: {why}"


def test_live_restore_comes_into_force(install: Install, tmp_path: Path) -> None:
    install("systemctl", f"echo true >{tmp_path}/live")
    install("docker", f"cat {tmp_path}/live || echo false")
    assert docker_engine.restores() is False
    docker_engine.preserve()
    assert docker_engine.restores() is True
