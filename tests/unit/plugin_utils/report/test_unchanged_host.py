"""The row of an environment with which all is right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import unchanged_host

SESSION = {"greeting": "Hello, TensorFlow!", "python": "3.11.2", "tensorflow": "2.21.0", "gpus": 0}
SEALED = {"proved": "2026-11-20T10:00:00Z", "session": SESSION}


def plan(method: str = "virtualenv", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {**blank(), "method": method, "device": "cpu", "notes": ["A note."], **more}
    made["path"] = {"given": "~/tf", "absolute": "/home/a/tf", "become": False}
    made["python"] = {"version": "3.11", "path": None, "provider": "system"}
    made["tensorflow"] = {**made["tensorflow"], "version": "2.21.0"}
    return made


def test_it_says_what_the_seal_proves() -> None:
    told = unchanged_host.told(plan(), {"environment": {"sealed": SEALED}}, "installed")
    assert {key: told[key] for key in ("state", "method", "device", "python", "tensorflow", "session", "proved")} == {
        "state": "installed",
        "method": "virtualenv",
        "device": "cpu",
        "python": "3.11.2",
        "tensorflow": "2.21.0",
        "session": "Hello, TensorFlow!",
        "proved": "2026-11-20T10:00:00Z",
    }
    assert told["notes"] == ["A note."]


def test_gpus_are_counted_and_without_them_it_says_what_was_loaded() -> None:
    sealed = {**SEALED, "session": {**SESSION, "gpus": 2, "device": "2 GPUs"}}
    told = unchanged_host.told(plan(device="gpu"), {"environment": {"sealed": sealed}}, "installed")
    assert (told["device"], told["notes"]) == ("gpu (2)", ["A note."])
    sealed = {**SEALED, "session": {**SESSION, "device": "CUDA libraries load; no GPU on this host"}}
    told = unchanged_host.told(plan(device="gpu"), {"environment": {"sealed": sealed}}, "installed")
    assert told["device"] == "gpu"
    assert told["notes"] == ["A note.", "CUDA libraries load; no GPU on this host."]


def test_a_rehearsal_says_what_is_planned() -> None:
    told = unchanged_host.told(plan(), {"environment": {"sealed": SEALED}}, "planned")
    assert (told["session"], told["python"], told["notes"]) == ("", "3.11", ["A note."])


def test_an_image_is_proved_by_what_docker_has() -> None:
    told = unchanged_host.told(plan("docker"), {"docker": {"images": [SEALED]}, "environment": None}, "installed")
    assert (told["session"], told["activate"]) == ("Hello, TensorFlow!", "tensorflow-docker")
    assert unchanged_host.told(plan("docker"), {"docker": None}, "installed")["session"] == ""


@pytest.mark.parametrize(
    ("method", "typed"),
    [("virtualenv", "source ~/tf/bin/activate"), ("native", "/usr/bin/python3.11 -c 'import tensorflow'")],
)
def test_what_to_type(method: str, typed: str) -> None:
    assert unchanged_host.told(plan(method), {}, "installed")["activate"] == typed
