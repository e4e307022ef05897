# SPDX-License-Identifier: GPL-3.0-or-later
"""Method docker: what is refused before any change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import docker as engine

from tests.unit.plugin_utils.plan.hosts import debian, refusals

FRESH: dict[str, Any] = {
    "engines": {"docker": [], "distribution": [], "retired": []},
    "settings_error": None,
    "data_root": "/var/lib/docker",
    "free_mb": 100000,
    "subids": ["alice"],
}


def told(docker: object, variables: dict[str, Any], **more: Any) -> list[str]:
    host = debian(docker=docker, **more)
    plan = resolve({"method": more.get("method", "docker")}, host)
    return [sentence("h", one) for one in engine.problems(plan, host, variables)]


@pytest.mark.parametrize("docker", [FRESH, None, "unreadable", {}])
def test_a_fresh_or_unknown_host_has_no_problem(docker: object) -> None:
    assert told(docker, {}) == []


def test_docker_needs_root() -> None:
    assert refusals({"method": "docker"}, debian(become=False)) == [
        (
            "tensorflow_method is 'docker', which needs root, and this run may not become root; accepted: virtualenv, or a run that "
            "may become root."
        )
    ]


def test_settings_that_are_not_valid() -> None:
    error = "/etc/docker/daemon.json is not valid JSON: line 3: Expecting value"
    assert told({**FRESH, "settings_error": error}, {}) == [
        f"h: tensorflow_method is 'docker', but {error}; accepted: that file once it is put right, or none."
    ]


@pytest.mark.parametrize(
    ("engines", "variables", "sentence_"),
    [
        (
            {"distribution": ["docker.io", "containerd"]},
            {},
            (
                "h: docker_package_source is 'docker', and docker.io and containerd of another origin are installed; accepted: "
                "docker_package_source: distribution, or docker_conflicting_packages: remove, which keeps images and containers."
            ),
        ),
        (
            {"retired": ["podman-docker"], "distribution": ["docker.io"]},
            {"docker_package_source": "distribution"},
            (
                "h: docker_package_source is 'distribution', and podman-docker of another origin is installed; accepted: "
                "docker_conflicting_packages: remove, which keeps images and containers."
            ),
        ),
        ({"distribution": ["docker.io"]}, {"docker_package_source": "distribution"}, None),
        ({"distribution": ["docker.io"]}, {"docker_conflicting_packages": "remove"}, None),
        ({"docker": ["docker-ce"]}, {}, None),
    ],
)
def test_another_engine(engines: dict[str, list[str]], variables: dict[str, Any], sentence_: str | None) -> None:
    assert told({**FRESH, "engines": engines}, variables) == ([sentence_] if sentence_ else [])


def test_rootless_users_need_subordinate_ids() -> None:
    variables = {"docker_rootless_users": ["alice", "bob"]}
    assert told(FRESH, variables) == [
        (
            "h: docker_rootless_users names bob, who has no 65536 ids in /etc/subuid and /etc/subgid; accepted: users who have them; "
            "usermod --add-subuids and --add-subgids give them."
        )
    ]
    assert told({**FRESH, "subids": None}, variables) == []
    assert told({**FRESH, "subids": ["alice", "bob"]}, variables) == []


def test_space_below_the_data_root() -> None:
    short = {**FRESH, "data_root": "/small", "free_mb": 10}
    (sentence_,) = told(short, {})
    assert sentence_.startswith(
        "h: docker_data_root is /small, whose filesystem has 10 MB free; accepted: a path with at least "
    )
    assert told({**short, "images": [{"reference": "tensorflow/tensorflow:2.21.0"}]}, {}) == []


def test_other_methods_do_not_care() -> None:
    assert told({**FRESH, "settings_error": "bad"}, {}, method="virtualenv") == []
