# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker daemon's settings: what is there stays, what is asked for is set, and only what is ours goes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import daemon_config
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.daemon_config import (
    DaemonJsonError,
    merge,
    parse,
)

Settings = dict[str, Any]
LOGS: Settings = {"log-driver": "json-file", "log-opts": {"max-size": "10m"}}
NVIDIA: Settings = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n  "debug": true,\n}', "/d.json is not valid JSON: line 3: "),
        ('{"debug": true} x', "/d.json is not valid JSON: line 1: Extra data"),
        ("[]", "/d.json is not valid: line 1: it holds no JSON object"),
        ('{\n  "runtimes": []\n}', "/d.json is not valid: line 2: runtimes is no object"),
        ('{\n  "registry-mirrors": "x"\n}', "/d.json is not valid: line 2: registry-mirrors is no list of texts"),
        ('{\n\n  "insecure-registries": [1]\n}', "line 3: insecure-registries is no list of texts"),
    ],
)
def test_an_invalid_file_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(DaemonJsonError) as error:
        parse(text, "/d.json")
    assert told in str(error.value)


def test_no_file_and_an_empty_file_have_no_settings(tmp_path: Path) -> None:
    assert daemon_config.load(str(tmp_path / "none")) == ("", {})
    assert parse(" \n") == {}


def test_a_file_of_other_bytes_is_invalid_and_one_with_a_mark_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe{}")
    with pytest.raises(DaemonJsonError, match="no text in UTF-8"):
        daemon_config.load(str(tmp_path / "a"))
    (tmp_path / "b").write_bytes(b'\xef\xbb\xbf{"debug": true}')
    assert daemon_config.load(str(tmp_path / "b"))[1] == {"debug": True}


@pytest.mark.parametrize(("before", "indent"), [("", "  "), ('{\n\t"a": 1\n}', "\t"), ('{\n    "a": 1\n}', "    ")])
def test_a_text_is_indented_as_its_owner_does_it(before: str, indent: str) -> None:
    assert daemon_config.render({"a": 1}, before) == f'{{\n{indent}"a": 1\n}}\n'


def test_absent_file() -> None:
    done = merge({}, {"data-root": "/srv/docker"}, [LOGS, {"live-restore": True}])
    assert done.settings == {"data-root": "/srv/docker", **LOGS, "live-restore": True} == done.ours
    assert (done.conflicts, done.told, done.was) == ([], [], {})


def test_foreign_keys_stay_in_their_order() -> None:
    current = {"dns": ["192.0.2.1"], "log-opts": {"tag": "x"}, "debug": True}
    done = merge(current, NVIDIA)
    assert list(done.settings) == ["dns", "log-opts", "debug", "runtimes"]
    assert {**current, **NVIDIA} == done.settings
    assert done.ours == NVIDIA


def test_what_is_there_as_wanted_stays_its_owner_s() -> None:
    done = merge({"data-root": "/srv/docker"}, {"data-root": "/srv/docker"})
    assert (done.settings, done.ours, done.conflicts) == ({"data-root": "/srv/docker"}, {}, [])


def test_a_foreign_value_is_a_conflict_and_nothing_is_lost() -> None:
    done = merge({"data-root": "/big", "debug": True}, {"data-root": "/srv/docker", "debug": False})
    assert done.conflicts == [
        'data-root is "/big" there, and "/srv/docker" is wanted',
        "debug is true there, and false is wanted",
    ]
    assert done.settings["data-root"] == "/big"


def test_true_and_one_are_not_the_same() -> None:
    assert merge({"debug": 1}, {"debug": True}).conflicts == ["debug is 1 there, and true is wanted"]


def test_a_foreign_value_that_may_be_replaced_is_kept_and_comes_back() -> None:
    done = merge({"data-root": "/big"}, {"data-root": "/srv"}, replace=True)
    assert (done.settings, done.was) == ({"data-root": "/srv"}, {"data-root": "/big"})
    assert done.told == ['data-root was "/big" and is now "/srv".']
    again = merge(done.settings, {"data-root": "/srv"}, ours=done.ours, was=done.was)
    assert (again.settings, again.ours, again.was, again.told) == (done.settings, done.ours, done.was, [])
    gone = merge(done.settings, {}, ours=done.ours, was=done.was)
    assert (gone.settings, gone.ours, gone.was) == ({"data-root": "/big"}, {}, {})


@pytest.mark.parametrize(
    ("current", "settings", "told"),
    [
        ({"log-driver": "journald"}, {"log-driver": "journald"}, ['log-driver stays "journald".']),
        ({"log-opts": {"tag": "x"}}, {"log-opts": {"tag": "x"}}, ['log-opts.tag stays "x".']),
        ({**LOGS}, {**LOGS}, []),
        ({"debug": True}, {"debug": True, **LOGS}, []),
    ],
)
def test_a_default_gives_way_as_a_whole(current: Settings, settings: Settings, told: list[str]) -> None:
    done = merge(current, {}, [LOGS])
    assert (done.settings, done.told) == (settings, told)


def test_what_is_asked_for_beats_the_default() -> None:
    done = merge({}, {"log-driver": "journald"}, [{"log-driver": "json-file"}])
    assert done.settings == {"log-driver": "journald"}


def test_our_own_value_follows_the_request() -> None:
    done = merge(
        {"log-opts": {"max-size": "10m"}}, {"log-opts": {"max-size": "50m"}}, ours={"log-opts": {"max-size": "10m"}}
    )
    assert done.settings == done.ours == {"log-opts": {"max-size": "50m"}}
    assert (done.conflicts, done.told) == ([], [])


def test_a_default_of_ours_follows_too() -> None:
    done = merge({"live-restore": True, **LOGS}, {}, [{"live-restore": True}], ours={"live-restore": True, **LOGS})
    assert done.settings == {"live-restore": True}


def test_our_own_value_that_somebody_edited_is_put_right_and_told() -> None:
    done = merge({"data-root": "/tmp"}, {"data-root": "/srv"}, ours={"data-root": "/srv"})
    assert (done.settings, done.conflicts) == ({"data-root": "/srv"}, [])
    assert done.told == ['data-root was "/tmp" and is now "/srv".']


def test_our_default_that_somebody_edited_is_theirs() -> None:
    done = merge({"live-restore": False}, {}, [{"live-restore": True}], ours={"live-restore": True})
    assert (done.settings, done.ours) == ({"live-restore": False}, {})


def test_what_somebody_edited_since_is_not_taken_out() -> None:
    assert merge({"debug": False}, {}, ours={"debug": True}).settings == {"debug": False}


def test_only_what_is_ours_goes() -> None:
    current = {"debug": True, "runtimes": {"kata": {"path": "kata"}, **NVIDIA["runtimes"]}}
    gone = merge(current, {}, ours=NVIDIA)
    assert gone.settings == {"debug": True, "runtimes": {"kata": {"path": "kata"}}}
    assert merge(NVIDIA, {}, ours=NVIDIA).settings == {}


def test_lists_are_united_with_our_items_first() -> None:
    done = merge({"registry-mirrors": ["c", "b"]}, {"registry-mirrors": ["a", "b"]})
    assert done.settings == {"registry-mirrors": ["a", "c", "b"]}
    assert done.ours == {"registry-mirrors": ["a"]}
    turned = merge(
        {"registry-mirrors": ["a", "b", "c"]}, {"registry-mirrors": ["b", "a"]}, ours={"registry-mirrors": ["a", "b"]}
    )
    assert turned.settings == {"registry-mirrors": ["b", "a", "c"]}
    gone = merge(turned.settings, {}, ours=turned.ours)
    assert gone.settings == {"registry-mirrors": ["c"]}


def test_an_empty_mapping_stays() -> None:
    assert merge({"features": {}, "registry-mirrors": []}, {}).settings == {"features": {}, "registry-mirrors": []}


@pytest.mark.parametrize(
    "written",
    [
        {"path": "nvidia-container-runtime", "runtimeArgs": []},
        {"path": "/usr/bin/nvidia-container-runtime", "args": []},
    ],
)
def test_a_runtime_as_older_tools_wrote_it_is_the_same(written: Settings) -> None:
    done = merge({"runtimes": {"nvidia": written}}, NVIDIA)
    assert (done.conflicts, done.settings) == ([], {"runtimes": {"nvidia": written}})


def test_a_runtime_of_another_program_is_not() -> None:
    assert merge({"runtimes": {"nvidia": {"path": "other"}}}, NVIDIA).conflicts
    assert merge({"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": ["-x"]}}}, NVIDIA).conflicts


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({}, {"live-restore": True}, []),
        ({}, {"registry-mirrors": ["a"]}, []),
        ({"registry-mirrors": ["a"]}, {}, ["registry-mirrors"]),
        ({}, NVIDIA, []),
        ({"runtimes": {"kata": {}, "b": {}}}, {"runtimes": {"kata": {}}}, ["runtimes"]),
        (LOGS, {**LOGS, "data-root": "/srv"}, ["data-root"]),
        ({}, {"features": {"cdi": True}}, ["features"]),
        (LOGS, LOGS, []),
    ],
)
def test_what_a_running_daemon_does_not_take_over(before: Settings, after: Settings, keys: list[str]) -> None:
    assert daemon_config.needs_restart(before, after) == keys


def test_what_live_restore_does_not_survive() -> None:
    assert daemon_config.ends_containers(["log-opts", "data-root", "bip", "mtu", "unheard-of", "features"]) == [
        "data-root",
        "bip",
        "unheard-of",
    ]


def test_what_of_ours_is_missing() -> None:
    ours = {**NVIDIA, "registry-mirrors": ["a"], "debug": True}
    assert daemon_config.missing({**ours, "dns": []}, ours) == []
    assert daemon_config.missing({"debug": False}, ours) == ["runtimes.nvidia", "registry-mirrors.a", "debug"]


def test_the_record(tmp_path: Path) -> None:
    place = str(tmp_path / "records")
    assert daemon_config.read_record("docker", place) == {}
    daemon_config.write_record("docker", {"ours": LOGS}, place)
    assert daemon_config.read_record("docker", place) == {"ours": LOGS}
    assert (tmp_path / "records" / "docker.json").stat().st_mode & 0o777 == 0o600
    daemon_config.remove_record("docker", place)
    assert not (tmp_path / "records").exists()
    daemon_config.remove_record("docker", place)


def test_a_record_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    (tmp_path / "docker.json").write_text("[")
    assert daemon_config.read_record("docker", str(tmp_path)) == {}
    (tmp_path / "docker.json").write_text("[]")
    assert daemon_config.read_record("docker", str(tmp_path)) == {}
