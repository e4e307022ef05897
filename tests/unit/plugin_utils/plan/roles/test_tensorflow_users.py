# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's settings for its users add to a plan, and which of them are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import tensorflow_users

HOST: dict[str, Any] = {
    "become": True,
    "user": {"home": "/root"},
    "gpus": [{}, {}],
    "accounts": {"groups": {"vision": True, "lost": False}, "users": {"alice": True, "nobody2": False}},
}


def planned(host: dict[str, Any] | None = None, path: str = "/opt/tensorflow", **settings: Any) -> Plan:
    """Return the plan of a host with settings, which are named without their prefix."""
    plan = blank()
    plan.update(
        {
            "roles": ["python", "tensorflow_pip"],
            "method": "virtualenv",
            "path": {"given": path, "absolute": path, "become": True},
        }
    )
    tensorflow_users.add(
        plan, {**HOST, **(host or {})}, {f"tensorflow_users_{name}": settings[name] for name in settings}
    )
    return plan


def told(host: dict[str, Any] | None = None, path: str = "/opt/tensorflow", **settings: Any) -> list[str]:
    """Return the problems with settings."""
    return [row["message"].removeprefix("tensorflow_users_") for row in planned(host, path, **settings)["problems"]]


@pytest.mark.parametrize("settings", [{}, {"groups": []}, {"profile": False, "modules": "false"}, {"discard": True}])
def test_a_site_without_settings_adds_nothing(settings: dict[str, Any]) -> None:
    assert planned(**settings)["roles"] == ["python", "tensorflow_pip"]


@pytest.mark.parametrize(
    "settings", [{"modules": "auto"}, {"profile": "yes"}, {"gpus": [{"group": "vision", "gpus": [1]}]}]
)
def test_any_setting_brings_the_role_last(settings: dict[str, Any]) -> None:
    plan = planned(**settings)
    assert plan["roles"] == ["python", "tensorflow_pip", "tensorflow_users"]
    assert plan["packages"] == []
    assert plan["problems"] == []


def test_notebooks_need_a_package_in_the_release() -> None:
    assert planned(kernels=True)["packages"] == ["ipykernel"]


def test_it_needs_root_and_a_place_for_all() -> None:
    assert told({"become": False}, profile=True) == [
        "profile is set, which needs root, and this run may not become root"
    ]
    assert told(path="/root/tensorflow", profile=True) == [
        "profile is set, but /root/tensorflow is in a home, which others cannot reach"
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "lost", "path": "/opt/lost"}, "groups names the group 'lost', which this host does not have"),
        ({"name": "-x", "path": "/opt/x"}, "groups names '-x', which is no name of a group"),
        ({"name": "vision"}, "groups gives 'vision' the path empty"),
        ({"name": "vision", "path": "/opt/../etc"}, "groups gives 'vision' the path '/opt/../etc'"),
        (
            {"name": "vision", "path": "/opt/tensorflow/"},
            "groups gives 'vision' the path /opt/tensorflow, but /opt/tensorflow is Tensorwright's own",
        ),
        (
            {"name": "vision", "path": "/opt"},
            "groups gives 'vision' the path /opt, but /opt/tensorflow is Tensorwright's own",
        ),
        ({"name": "vision", "path": "/opt/v", "umask": 2}, "groups has the key 'umask'"),
        (
            {"name": "vision", "path": "/opt/v", "environment": "/opt/x"},
            "groups puts /opt/v on '/opt/x', and no environment is there",
        ),
        (
            {"name": "vision", "path": "/opt/v", "members": ["nobody2"]},
            "groups names the user 'nobody2', which this host does not have",
        ),
    ],
)
def test_groups_that_cannot_be(row: dict[str, Any], said: str) -> None:
    assert told(groups=[row]) == [said]


def test_two_groups_have_two_paths() -> None:
    rows = [{"name": "vision", "path": "/opt/vision"}, {"name": "speech", "path": "/opt/vision/speech"}]
    assert told(groups=rows) == ["groups gives 'speech' the path /opt/vision/speech, but group vision has /opt/vision"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"group": "vision", "gpus": [2]}, "gpus gives 'vision' GPU 2, which this host does not have"),
        ({"user": "alice", "gpus": ["one"]}, "gpus gives 'alice' the GPU 'one'"),
        ({"group": "vision", "user": "alice", "gpus": [0]}, "gpus has a row of another shape"),
        ({"group": "vision"}, "gpus has a row of another shape"),
        ({"group": "lost", "gpus": [0]}, "gpus names the group 'lost', which this host does not have"),
    ],
)
def test_gpus_that_cannot_be(row: dict[str, Any], said: str) -> None:
    assert told(gpus=[row]) == [said]


def test_gpus_that_can_be() -> None:
    assert told(gpus=[{"user": "alice", "gpus": [0, 1, "MIG-1c2d/3/0"]}, {"group": "vision", "gpus": []}]) == []


def test_modules_are_auto_or_directories() -> None:
    assert told(modules="lmod") == ["modules is 'lmod'"]
    assert told(modules=["/etc/lmod/modules"]) == []


def test_the_host_is_asked_about_all_names() -> None:
    rows = [{"name": "vision", "path": "/opt/vision", "members": ["alice"]}]
    given = {"tensorflow_users_groups": rows, "tensorflow_users_gpus": [{"user": "bob", "gpus": []}, "odd"]}
    assert tensorflow_users.accounts(given) == {"groups": ["vision"], "users": ["alice", "bob"], "paths": ["/opt"]}
    assert tensorflow_users.accounts({"tensorflow_users_groups": "odd"}) == {"groups": [], "users": [], "paths": []}
