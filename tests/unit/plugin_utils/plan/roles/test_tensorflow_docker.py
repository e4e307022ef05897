# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jupyters and TensorBoards that a site asks for, refused before any change where they cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.planner import plan

from tests.unit.plugin_utils.plan.hosts import debian

JUPYTER = {"service": "jupyter", "user": "alice"}
BOARD = {"service": "tensorboard", "user": "alice"}


def told(*rows: Any, method: str = "docker", version: str = "latest", **variables: Any) -> list[str]:
    named = {
        "tensorflow_docker_jupyter": True,
        "tensorflow_docker_extra_packages": ["tensorboard"],
        **variables,
        "tensorflow_docker_services": list(rows),
    }
    made = plan({"method": method, "version": version}, debian(), named)
    return [f"{one['message']}; accepted: {one['accepted']}" for one in made["problems"]]


@pytest.mark.parametrize(
    "rows",
    [
        [JUPYTER, BOARD],
        [JUPYTER, {**JUPYTER, "user": "bob", "port": 8889}],
        [JUPYTER, {**BOARD, "port": 8888, "address": "10.0.0.1"}],
        [{**BOARD, "directory": "/srv/runs", "token": False}],
        [{**JUPYTER, "token": False, "open_to_all": True}],
        [{**JUPYTER, "token": "yes", "open_to_all": False}],
    ],
)
def test_what_can_be(rows: list[dict[str, Any]]) -> None:
    assert told(*rows) == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{**JUPYTER, "service": "lab"}], "has the service 'lab'; accepted: jupyter, tensorboard"),
        ([{"service": "jupyter"}], "names no user for a jupyter; accepted: the name of a user of the host"),
        ([{**JUPYTER, "port": 70000}], "has the port 70000 for alice; accepted: a whole number from 1 to 65535"),
        (
            [{**JUPYTER, "prot": 1}],
            "has the key 'prot'; accepted: the keys service, user, port, address, directory, token, open_to_all",
        ),
        *[
            (
                [{**JUPYTER, "token": token, **more}],
                (
                    "has a jupyter for alice with token: false, by which every user of the host, and whoever else reaches its port, "
                    "may do all that alice may; accepted: a token, or open_to_all: true beside it where that is meant"
                ),
            )
            for token in (False, "no")
            for more in ({}, {"open_to_all": False})
        ],
        (
            [JUPYTER, {**JUPYTER, "port": 9000}],
            "names alice twice for jupyter; accepted: one of each service for a user",
        ),
        (
            [JUPYTER, {**JUPYTER, "user": "bob"}],
            "gives port 8888 to alice and to bob; accepted: a port for each of them",
        ),
    ],
)
def test_what_cannot_be(rows: list[dict[str, Any]], sentence: str) -> None:
    assert told(*rows) == [f"tensorflow_docker_services {sentence}"]


def test_a_service_wants_an_image_that_has_its_program() -> None:
    bare: dict[str, Any] = {"tensorflow_docker_jupyter": False, "tensorflow_docker_extra_packages": []}
    assert told(JUPYTER, **bare) == [
        (
            "tensorflow_docker_services has a jupyter for alice, and the image tensorflow/tensorflow:2.21.0 is without it; accepted: "
            "the same with tensorflow_docker_jupyter: true"
        )
    ]
    assert told(BOARD, **bare) == [
        (
            "tensorflow_docker_services has a tensorboard for alice, and the image tensorflow/tensorflow:2.21.0 is without it; "
            "accepted: the same with tensorflow_docker_extra_packages: [tensorboard]"
        )
    ]
    assert told(BOARD, **bare, version="2.20.0") == []
    assert told(JUPYTER, **bare, version="1.12.0") == []
    assert told(JUPYTER, **bare, version="1.15.5") != []
    assert told(JUPYTER, BOARD, **bare, tensorflow_docker_image="site/tf:1") == []


def test_a_value_of_another_type_and_another_method_are_not_looked_at() -> None:
    assert told(3) == [
        "tensorflow_docker_services has the item 3, which is not a mapping; accepted: a list whose items are each a mapping"
    ]
    assert told({"service": "lab"}, method="virtualenv") == []
