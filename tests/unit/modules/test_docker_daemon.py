# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Docker daemon is told of new settings, and what is refused: with a daemon that only notes what it is asked to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import daemon_config
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import engine as docker_engine
from ansible_collections.tensorwright.fleet.plugins.modules import docker_daemon

LIVE = {"live-restore": True}


class Engine:
    """A stand-in of the engine: what it is asked to do, and what it is."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.installed = self.running = True
        self.names: list[str] = []
        self.restores = False
        self.objection = ""
        self.refuses: list[str] = []

    def note(self, call: str) -> None:
        self.calls.append(call)
        if call in self.refuses:
            self.refuses.remove(call)
            raise docker_engine.EngineError(f"the engine says no to {call}")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    one = Engine()
    monkeypatch.setattr(docker_engine, "is_installed", lambda: one.installed)
    monkeypatch.setattr(docker_engine, "is_running", lambda: one.running)
    monkeypatch.setattr(docker_engine, "containers", lambda: one.names)
    monkeypatch.setattr(docker_engine, "restores", lambda: one.restores)
    monkeypatch.setattr(docker_engine, "objections", lambda _settings: one.objection)
    for name in ("take_over", "preserve", "restart", "read_units"):
        monkeypatch.setattr(docker_engine, name, lambda name=name: one.note(name))
    records = str(tmp_path / "records")
    read, write, remove = daemon_config.read_record, daemon_config.write_record, daemon_config.remove_record
    monkeypatch.setattr(daemon_config, "read_record", lambda role: read(role, records))
    monkeypatch.setattr(daemon_config, "write_record", lambda role, record: write(role, record, records))
    monkeypatch.setattr(daemon_config, "remove_record", lambda role: remove(role, records))
    return one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "daemon.json"


def apply(file: Path, rehearse: Any = False, **asked: Any) -> dict[str, Any]:
    """Run the module's work."""
    defaults: dict[str, Any] = {
        "role": "docker",
        "state": "present",
        "settings": {},
        "defaults": [],
        "replace": False,
        "files": {},
        "interrupt": False,
    }
    return docker_daemon.Work({**defaults, "file": str(file), **asked}, rehearse).do()


def holds(file: Path) -> Any:
    return json.loads(file.read_text())


def test_without_an_engine_only_the_file_is_written(engine: Engine, file: Path) -> None:
    engine.installed = False
    done = apply(file, settings={"data-root": "/srv"})
    assert (done["changed"], done["action"], holds(file)) == (True, "none", {"data-root": "/srv"})
    assert (engine.calls, oct(file.stat().st_mode & 0o777)) == ([], "0o644")


def test_a_second_run_does_nothing(engine: Engine, file: Path) -> None:
    asked = {"settings": {"data-root": "/srv"}, "defaults": [LIVE]}
    assert apply(file, **asked)["action"] == "restart"
    engine.calls.clear()
    done = apply(file, **asked)
    assert (done["changed"], done["action"], engine.calls) == (False, "none", [])
    assert done["settings"] == {"data-root": "/srv", **LIVE}


def test_a_reload_where_that_is_enough(engine: Engine, file: Path) -> None:
    engine.names = ["alice"]
    assert apply(file, defaults=[LIVE])["action"] == "reload"
    assert engine.calls == ["take_over"]


def test_containers_live_through_a_restart_because_live_restore_comes_first(engine: Engine, file: Path) -> None:
    engine.names = ["alice"]
    apply(file, settings={"log-driver": "local"}, defaults=[LIVE])
    assert engine.calls == ["preserve", "restart"]
    engine.calls.clear()
    engine.restores = True
    apply(file, settings={"log-driver": "journald"}, defaults=[LIVE])
    assert engine.calls == ["restart"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"settings": {"data-root": "/srv", **LIVE}}, "new values of data-root would end the running containers alice"),
        (
            {"settings": {"log-driver": "local"}},
            "a restart without live-restore would end the running containers alice",
        ),
    ],
)
def test_a_restart_that_would_end_containers_is_refused(
    engine: Engine, file: Path, asked: dict[str, Any], why: str
) -> None:
    engine.names = ["alice"]
    for rehearse in (True, False):
        with pytest.raises(docker_daemon.RefusedError, match=why):
            apply(file, rehearse, **asked)
    assert (file.exists(), engine.calls) == (False, [])
    apply(file, interrupt=True, **asked)
    assert engine.calls[-1] == "restart"


def test_conflicts_are_refused_before_any_change(engine: Engine, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"data-root": "/big"}')
    with pytest.raises(docker_daemon.RefusedError, match=r'data-root is "/big" there.*docker_replace_settings: true'):
        apply(file, settings={"data-root": "/srv"})
    assert file.read_text() == '{"data-root": "/big"}'
    apply(file, settings={"data-root": "/srv"}, replace=True)
    assert holds(file) == {"data-root": "/srv"}
    apply(file, state="absent")
    assert holds(file) == {"data-root": "/big"}


def test_what_the_engine_does_not_accept_is_refused_before_any_change(engine: Engine, file: Path) -> None:
    engine.objection = "the following directives don't match any configuration option: bpi"
    with pytest.raises(docker_daemon.RefusedError, match="bpi"):
        apply(file, settings={"bpi": "x"})
    assert not file.exists()


def test_a_link_is_followed_and_stays(engine: Engine, file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    target = tmp_path / "shared.json"
    target.write_text('{\n\t"debug": true\n}')
    target.chmod(0o640)
    file.symlink_to(target)
    apply(file, defaults=[LIVE])
    assert file.is_symlink()
    assert target.read_text() == '{\n\t"debug": true,\n\t"live-restore": true\n}\n'
    assert oct(target.stat().st_mode & 0o777) == "0o640"
    apply(file, state="absent")
    assert (file.is_symlink(), holds(target)) == (True, {"debug": True})


def test_absent_removes_the_file_that_was_made_and_no_other(engine: Engine, file: Path) -> None:
    apply(file, defaults=[LIVE])
    apply(file, state="absent")
    assert not file.parent.exists()  # nothing else was in it
    file.parent.mkdir()
    file.write_text("{}")
    apply(file, defaults=[LIVE])
    apply(file, state="absent")
    assert holds(file) == {}
    assert apply(file, state="absent")["changed"] is False


def test_two_roles_do_not_meddle_with_each_other(engine: Engine, file: Path) -> None:
    runtime = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}
    apply(file, defaults=[LIVE])
    apply(file, role="nvidia_docker", settings=runtime)
    assert apply(file, defaults=[LIVE])["changed"] is False
    apply(file, state="absent")
    assert holds(file) == runtime


def test_a_file_beside_it_restarts_the_daemon_once(engine: Engine, file: Path, tmp_path: Path) -> None:
    beside = tmp_path / "unit.d" / "proxy.env"
    asked = {"files": {str(beside): "HTTP_PROXY=x\n"}}
    done = apply(file, **asked)
    assert (done["files"], engine.calls) == ([str(beside)], ["read_units", "restart"])
    assert oct(beside.stat().st_mode & 0o777) == "0o600"
    assert apply(file, **asked)["changed"] is False
    done = apply(file, files={str(beside): None})
    assert (done["changed"], done["files"], beside.exists()) == (True, [], False)


def test_check_mode_writes_nothing(engine: Engine, file: Path, tmp_path: Path) -> None:
    done = apply(file, True, settings={"data-root": "/srv"}, files={str(tmp_path / "a.env"): "x"})
    assert (done["changed"], done["action"]) == (True, "restart")
    assert sorted(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before", ["", '{"debug": true}'])
def test_a_daemon_that_does_not_start_gets_its_old_settings_back(engine: Engine, file: Path, before: str) -> None:
    file.parent.mkdir()
    if before:
        file.write_text(before)
    beside = file.parent / "x.env"
    engine.refuses = ["restart"]
    asked = {"settings": {"log-driver": "no such"}, "files": {str(beside): "x"}}
    with pytest.raises(
        docker_daemon.RefusedError, match="says no to restart; the settings of before are in force again"
    ):
        apply(file, **asked)
    assert (file.read_text() if file.exists() else "") == before
    assert not beside.exists()
    assert engine.calls[-2:] == ["read_units", "restart"]
    assert daemon_config.read_record("docker") == {}


def test_a_run_that_was_cut_off_before_the_restart_restarts_later(engine: Engine, file: Path) -> None:
    engine.refuses = ["restart"]
    asked = {"settings": {"log-driver": "local"}}
    work = docker_daemon.Work(
        {
            "role": "docker",
            "state": "present",
            "file": str(file),
            "defaults": [],
            "replace": False,
            "files": {},
            "interrupt": False,
            **asked,
        },
        False,
    )
    work._put_back = lambda kept, action: None  # type: ignore[method-assign]  # killed in the middle
    with pytest.raises(docker_daemon.RefusedError):
        work.do()
    engine.calls.clear()
    assert apply(file, **asked)["action"] == "restart"
    assert apply(file, **asked)["action"] == "none"
    assert engine.calls == ["restart"]
