# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of users' Jupyters and TensorBoards: only what has changed is restarted, and tokens are for their user's eyes."""

from __future__ import annotations

import getpass
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import services
from ansible_collections.tensorwright.fleet.plugins.modules import docker_services

ME = getpass.getuser()


class Module:
    """A stand-in of an Ansible module: notes what systemd was asked for."""

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        self.asked: list[str] = []
        self.stopped: set[str] = set()

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        if command[1] == "is-active":
            return (3 if command[-1] in self.stopped else 0), "", ""
        self.asked.append(" ".join(command[2:]))
        return 0, "", ""


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    units, tokens = tmp_path / "units", tmp_path / "tokens"
    units.mkdir()
    monkeypatch.setattr(services, "UNITS", str(units))
    monkeypatch.setattr(services, "TOKENS", str(tokens))
    for name in ("installed", "tokens", "token_file", "write_token"):
        plain = getattr(services, name)
        place = str(units) if name == "installed" else str(tokens)
        monkeypatch.setattr(
            services, name, lambda *a, plain=plain, place=place: plain(*a, place) if place not in a else plain(*a)
        )
    return tmp_path


def wanted(*rows: dict[str, Any]) -> list[services.Service]:
    return services.read([{"service": "jupyter", "user": ME, "directory": "/", **row} for row in rows])


def unit(name: str, place: Path) -> Path:
    return place / "units" / f"{name}.service"


def test_a_unit_starts_the_launcher_for_its_user_on_this_host_alone(places: Path) -> None:
    module = Module()
    outcome = docker_services.provide(module, wanted({}))
    name = f"tensorflow-jupyter-{ME}"
    text = unit(name, places).read_text()
    token = places / "tokens" / f"jupyter-{ME}"
    start = f"--as {ME} --name {name} --address 127.0.0.1 --port 8888 --token-file {token} --jupyter"
    assert f"ExecStart=/usr/local/bin/tensorflow-docker {start}\n" in text
    assert module.asked == ["daemon-reload", f"enable {name}.service", f"restart {name}.service"]
    assert outcome == {"changed": True, "units": [name], "restarted": [name], "removed": []}
    assert stat.S_IMODE(token.stat().st_mode) == 0o400
    assert token.stat().st_uid == os.getuid()
    assert len(token.read_text()) == 48
    assert token.read_text() not in text


def test_a_second_run_restarts_nothing_and_keeps_the_tokens(places: Path) -> None:
    docker_services.provide(Module(), wanted({}))
    token = (places / "tokens" / f"jupyter-{ME}").read_text()
    module = Module()
    assert docker_services.provide(module, wanted({}))["changed"] is False
    assert module.asked == []
    assert (places / "tokens" / f"jupyter-{ME}").read_text() == token


def test_only_what_has_changed_is_restarted(places: Path) -> None:
    board = {"service": "tensorboard", "directory": "/"}
    docker_services.provide(Module(), wanted({}, board))
    module = Module()
    outcome = docker_services.provide(module, wanted({}, {**board, "port": 7007}))
    assert outcome["restarted"] == [f"tensorflow-tensorboard-{ME}"]
    assert f"restart tensorflow-tensorboard-{ME}.service" in module.asked


def test_one_that_has_stopped_is_started(places: Path) -> None:
    docker_services.provide(Module(), wanted({}))
    module = Module()
    module.stopped = {f"tensorflow-jupyter-{ME}"}
    assert docker_services.provide(module, wanted({}))["changed"] is True


def test_what_is_no_longer_named_goes_and_no_other_unit_does(places: Path) -> None:
    docker_services.provide(Module(), wanted({}))
    foreign = unit("tensorflow-jupyter-by-hand", places)
    foreign.write_text("[Service]\nExecStart=/usr/bin/jupyter\n")
    module = Module()
    outcome = docker_services.provide(module, [])
    assert outcome["removed"] == [f"tensorflow-jupyter-{ME}"]
    assert module.asked == [f"disable --now tensorflow-jupyter-{ME}.service", "daemon-reload"]
    assert [path.name for path in (places / "units").iterdir()] == [foreign.name]
    assert list((places / "tokens").iterdir()) == []


def test_check_mode_changes_nothing(places: Path) -> None:
    module = Module(check_mode=True)
    assert docker_services.provide(module, wanted({}))["changed"] is True
    assert list((places / "units").iterdir()) == []
    assert not (places / "tokens").exists()


def test_without_a_token_unless_told_so(places: Path) -> None:
    docker_services.provide(Module(), wanted({"token": False}))
    assert (places / "tokens" / f"jupyter-{ME}").read_text() == ""
    docker_services.provide(Module(), wanted({}))
    assert len((places / "tokens" / f"jupyter-{ME}").read_text()) == 48


def test_tensorboard_reads_its_directory_and_odd_names_are_quoted() -> None:
    service = services.Service("tensorboard", "a", 1, 6006, "127.0.0.1", "/srv/100% runs", True)
    text = services.render(service)
    assert '--tensorboard "/srv/100%% runs"\n' in text
    assert "WorkingDirectory=/srv/100%% runs\n" in text


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"user": "no-such-user"}, "the user 'no-such-user', who is to have a Jupyter, does not exist on this host"),
        ({"directory": "/no/such"}, f"the directory /no/such of {ME}'s Jupyter does not exist"),
    ],
)
def test_what_the_host_does_not_have(row: dict[str, Any], told: str) -> None:
    with pytest.raises(services.ServiceError) as error:
        wanted(row)
    assert str(error.value) == told
