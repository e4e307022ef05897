# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths below directories that somebody else can change: refused before any change, with the directory, its owner and what would do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import planner as planning
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import trust
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import tensorflow_users

from tests.unit.plugin_utils.plan import hosts as cases

ALICE = {"path": "/home/alice", "why": "belongs to user alice"}
VISION = {"path": "/srv/shared", "why": "belongs to root and can be written by group vision"}
ROOT = {"name": "root", "uid": 0, "home": "/root"}
ADMIN = {"name": "ada", "uid": 1001, "home": "/home/ada"}


def refused(
    user: dict[str, Any], untrusted: dict[str, Any], writable: bool = False, method: str = "virtualenv"
) -> list[str]:
    """What a plan for a path says against it."""
    path = "/home/alice/tensorflow"
    host = cases.debian(user=user, path=cases.place(given=path, absolute=path, writable=writable, untrusted=untrusted))
    plan = planning.plan({"method": method, "path": path}, host)
    return [f"{one['message']}; accepted: {one['accepted']}" for one in plan["problems"]]


BELONGS = "tensorflow_path is '/home/alice/tensorflow', but /home/alice belongs to user alice; accepted: "
EACH = "a path of which every directory belongs to {0} and can be written by nobody else, such as {1}"


@pytest.mark.parametrize("user", [ROOT, ADMIN])
def test_root_builds_nothing_in_a_home(user: dict[str, Any]) -> None:
    accepted = EACH.format("root", "/opt/tensorflow") + ", or a run that connects as alice"
    assert refused(user, {"root": ALICE, "user": ALICE}, writable=user is ROOT) == [BELONGS + accepted]
    assert refused(user, {"root": ALICE}, True, "native") == [BELONGS + accepted]


def test_the_home_s_own_user_may() -> None:
    assert refused({"name": "alice", "uid": 1000, "home": "/home/alice"}, {"root": ALICE}, writable=True) == []


def test_where_a_group_may_write_nobody_builds() -> None:
    (told,) = refused(ADMIN, {"root": VISION, "user": VISION}, writable=True)
    accepted = EACH.format("root or ada", "~/tensorflow") + ", or this one after chmod go-w /srv/shared"
    assert told.endswith(f"but /srv/shared {VISION['why']}; accepted: {accepted}")


def test_images_have_no_path_and_what_nobody_has_looked_at_is_not_refused() -> None:
    assert refused(ROOT, {}) == []
    assert [one for one in refused(ROOT, {"root": ALICE}, method="docker") if "belongs" in one] == []


VARIABLES = {
    "tensorflow_users_groups": [{"name": "vision", "path": "/srv/shared/vision/"}, "wrong", {"path": "relative"}],
    "tensorflow_pip_cache": "/srv/shared/cache",
    "docker_data_root": "/home/alice/docker",
}
TOLD = {"/srv/shared": {"root": VISION}, "/srv/shared/cache": {"root": VISION}, "/home/alice/docker": {"root": ALICE}}


def test_the_look_at_a_host_is_asked_about_the_other_paths_too() -> None:
    assert tensorflow_users.accounts(VARIABLES)["paths"] == ["/home/alice/docker", "/srv/shared", "/srv/shared/cache"]
    assert trust.paths({"docker_data_root": "", "tensorflow_users_groups": "wrong"}) == []


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("virtualenv", ["tensorflow_pip_cache", "tensorflow_users_groups"]),
        ("docker", ["docker_data_root", "tensorflow_users_groups"]),
    ],
)
def test_the_other_paths_of_a_host_are_refused_where_they_are_used(method: str, names: list[str]) -> None:
    path = cases.place(writable=False)
    docker = {"engines": {}, "data_root": "/home/alice/docker", "free_mb": 90000}
    accounts = {"groups": {"vision": True}, "users": {}, "paths": TOLD}
    host = cases.debian(user=ADMIN, path=path, accounts=accounts, docker=docker)
    plan = planning.plan({"method": method, "path": "/opt/tf"}, host, VARIABLES)
    told = [one["message"] for one in plan["problems"] if "but /" in one["message"]]
    assert [one.split()[0] for one in told] == names
    assert all(" belongs to " in one for one in told)


def test_what_a_host_says_of_its_directories_stays_one_line() -> None:
    found = trust.fault({"root": {"path": "/a\nb", "why": "belongs to user\x1b[2K x"}}, True, None, "/opt")
    assert found
    assert "\n" not in found[0] + found[1]
    assert "\x1b" not in found[0] + found[1]
