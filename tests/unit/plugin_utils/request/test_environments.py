"""Several environments of one host: what each asks for, its plan, and what they cannot have beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import planner as planning
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import DEFAULTS

from tests.unit.plugin_utils.plan.hosts import A100, GOOD, Facts, debian, ubuntu

NEW = {"path": "/opt/new"}
OLD = {"path": "/opt/old", "version": "2.20.0", "device": "cpu"}


def there(path: str, free_mb: int = 90000, filesystem: int = 1, environment: Any = None) -> dict[str, Any]:
    place = {"given": path, "absolute": path, "blocked_by": None, "writable": True, "occupied": False}
    return {
        "path": {**place, "filesystem": filesystem},
        "free_mb": free_mb,
        "environment": environment,
        "builds": [],
    }


def host(*places: Mapping[str, Any], **more: Any) -> Facts:
    return debian(places={place["path"]["given"]: place for place in places}, **more)


def plans(
    listed: Any, facts: Facts, only: str = "", variables: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    return planning.plans(DEFAULTS, facts, variables or {}, listed, only)


def refusals(listed: Any, facts: Facts | None = None, only: str = "", **variables: Any) -> list[str]:
    found = plans(listed, facts or host(there("/opt/new"), there("/opt/old")), only, variables)
    return [f"{one['message']}; accepted: {one['accepted']}" for plan in found for one in plan["problems"]]


def test_without_a_list_a_host_has_the_environment_that_it_asks_for() -> None:
    assert environments.requests({"path": " ~/x ", "version": "2.15"}, []) == [{"path": "~/x", "version": "2.15"}]
    (plan,) = plans([], debian())
    assert (plan["path"]["given"], plan["problems"]) == ("~/tensorflow", [])


def test_each_item_is_a_request_of_its_own_over_the_host_s() -> None:
    asked = {"path": "~/x", "version": "2.15", "device": "cpu"}
    assert environments.requests(asked, [{}, {"path": " /opt/a ", "version": "2.20"}]) == [
        asked,
        {"path": "/opt/a", "version": "2.20", "device": "cpu"},
    ]
    kinds = environments.requests(asked, [{"method": "docker"}, {"method": "native"}])
    assert [one["path"] for one in kinds] == ["/usr/local/bin/tensorflow-docker", "/opt/tensorflow"]


def test_each_has_its_plan_made_from_the_facts_of_its_place() -> None:
    new, old = plans(
        [NEW, {**OLD, "extra_packages": ["keras-cv"]}], host(there("/opt/new"), there("/opt/old", free_mb=1))
    )
    assert (new["tensorflow"]["version"], new["path"]["absolute"], new["problems"]) != ("2.20.0", "/opt/new", [])
    assert (old["tensorflow"]["version"], old["extra_packages"]) == ("2.20.0", ["keras-cv"])
    assert "extra_packages" not in new
    (problem,) = old["problems"]
    assert problem["message"].startswith("/opt/old: tensorflow_path is '/opt/old', whose filesystem has 1 MB free")


def test_the_facts_of_a_place() -> None:
    facts = host(there("/opt/new"), there("/opt/old", environment={"release": "0f"}), source={"cpus": 4, "builds": [1]})
    assert environments.at(facts, "/opt/old")["environment"] == {"release": "0f"}
    assert environments.at(facts, "/opt/old")["source"] == {"cpus": 4, "builds": []}
    assert environments.at(facts, "/elsewhere") == facts


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ("2.15", "tensorflow_environments is '2.15', which is not a list; accepted: a list of mappings such as"),
        ([NEW, "2.15"], "tensorflow_environments is a list, whose item 2 is '2.15'; accepted: a mapping such as"),
        ([NEW, {"path": "/opt/old", "versoin": 1}], "whose item 2 has 'versoin'; accepted: version, device, method"),
        (
            [NEW, {**OLD, "extra_packages": "a"}],
            "whose item 2 has the extra_packages 'a'; accepted: a list of packages",
        ),
        ([NEW, NEW], "two of them are at /opt/new; accepted: a path of its own for each"),
        (
            [{**NEW, "method": "native"}, {**OLD, "method": "native"}],
            "two of them are of method native, of which a host has one; accepted: another method for all but one",
        ),
    ],
)
def test_what_the_list_cannot_be(listed: Any, sentence: str) -> None:
    assert any(sentence in told for told in refusals(listed)), refusals(listed)


def test_the_nearest_key_is_named() -> None:
    (told,) = (one for one in refusals([{"path": "/opt/new", "versoin": 1}]) if "versoin" in one)
    assert told.endswith("(the nearest is version)")


def test_a_problem_of_all_is_told_once_and_others_with_their_path() -> None:
    told = refusals([NEW, {**OLD, "version": "9.9"}], tensorflow_verison="2.15")
    assert sum("tensorflow_verison" in one for one in told) == 1
    assert [one for one in told if one.startswith("/opt/old: tensorflow_version is '9.9'")]
    assert not [one for one in told if one.startswith("/opt/new")]


def test_what_fits_alone_and_not_together() -> None:
    needed = [plan["space"]["needed_mb"] for plan in plans([NEW, OLD], host(there("/opt/new"), there("/opt/old")))]
    enough, short = sum(needed), sum(needed) - 1
    assert refusals([NEW, OLD], host(there("/opt/new", enough), there("/opt/old", enough))) == []
    (told,) = refusals([NEW, OLD], host(there("/opt/new", short), there("/opt/old", short)))
    assert told.startswith(
        f"tensorflow_environments: together they need {enough} MB, and their filesystem has {short} MB"
    )
    # Elsewhere, there already, or the same TensorFlow beside it.
    assert refusals([NEW, OLD], host(there("/opt/new", short), there("/opt/old", short, filesystem=2))) == []
    made = {"release": "0f", "sealed": None}
    assert refusals([NEW, OLD], host(there("/opt/new", short), there("/opt/old", short, environment=made))) == []
    same = {**NEW, "path": "/opt/old", "extra_packages": ["keras-cv"]}
    assert refusals([NEW, same], host(there("/opt/new", short), there("/opt/old", short))) == []


def test_a_host_has_one_cuda_from_packages() -> None:
    gpu = {"gpus": [A100], "driver": GOOD, "become": True}
    places = {path: there(path) for path in ("/opt/new", "/opt/old")}
    facts = ubuntu("22.04", places=places, **gpu)
    apt = {"cuda_from": "apt", "device": "gpu"}
    new, old = {**NEW, **apt, "version": "2.15.1"}, {"path": "/opt/old", **apt, "version": "2.14.1"}
    told = refusals([new, old], facts)
    assert any("they need more than one CUDA of NVIDIA's packages" in one and "/opt/old" in one for one in told), told
    assert refusals([new, {**old, "cuda_from": "auto", "device": "cpu"}], facts) == []


def test_a_run_may_be_for_one_of_them() -> None:
    facts = host(there("/opt/new"), there("/opt/old"))
    assert refusals([NEW, OLD], facts, only="/opt/old") == []
    (told,) = refusals([NEW, OLD], facts, only="/opt/odl")
    assert (
        told == "tensorflow_only is '/opt/odl', where no environment of this host is; accepted: /opt/new and /opt/old"
    )


def test_roles_are_due_for_each_environment_or_once_for_the_host() -> None:
    facts = host(there("/opt/new"), there("/opt/old"))
    variables = {"ca_certificates_http_proxy": "http://proxy.example.org:3128"}
    found = plans([NEW, OLD], facts, variables=variables)
    assert due.due_at(found, facts, variables) == {
        "ca_certificates": ["/opt/new"],
        "python": ["/opt/new", "/opt/old"],
        "tensorflow_pip": ["/opt/new", "/opt/old"],
    }
    mine = {
        "role": "tensorflow_pip",
        "file": "/opt/.tensorwright/receipts/new.json",
        "inputs": due.inputs(found[0], "tensorflow_pip", variables),
        "drift": [],
    }
    left = due.due_at(found, {**facts, "receipts": [mine]}, variables)
    assert left["tensorflow_pip"] == ["/opt/old"]
