# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due as receipts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import role_code

PLAN: dict[str, Any] = {
    "roles": ["ca_certificates", "python", "tensorflow_pip"],
    "path": {"absolute": "/opt/tensorflow", "become": True},
    "tensorflow": {"version": "2.21.0"},
    "notes": ["TensorRT is left out."],
}
BESIDE = "/opt/.tensorwright/receipts/tensorflow.json"


def checkout(place: Path) -> Path:
    for name, content in {
        "roles/python/tasks/main.yml": "- name: Install Python\n",
        "roles/python/defaults/main.yml": "python_extra: []\n",
        "roles/tensorflow_pip/tasks/main.yml": "- name: Install TensorFlow\n",
        "roles/ca_certificates/tasks/main.yml": "[]\n",
        "plugins/modules/receipt.py": "print(1)\n",
        "plugins/module_utils/facts/gather.py": "x = 1\n",
        "plugins/filter/due.py": "y = 1\n",
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)
    return place


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    role_code.code.cache_clear()
    yield checkout(tmp_path / "checkout")
    role_code.code.cache_clear()


def host(root: Path, variables: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Host facts with a current receipt for every role of the plan."""
    files = {"tensorflow_pip": BESIDE}
    return {
        "receipts": [
            {
                "role": role,
                "file": files.get(role, f"/var/lib/tensorwright/receipts/{role}.json"),
                "inputs": receipts.inputs(PLAN, role, variables, root),
                "footprint": {},
                "drift": [],
                "environments": {"/opt/tensorflow": receipts.inputs(PLAN, role, variables, root)},
                **changes,
            }
            for role in PLAN["roles"]
        ]
    }


def test_nothing_is_due_where_every_receipt_is_current(root: Path) -> None:
    assert receipts.due(PLAN, host(root, {}), {}, root=root) == []


def test_all_is_due_without_receipts_and_without_trust(root: Path) -> None:
    assert receipts.due(PLAN, {"receipts": []}, {}, root=root) == PLAN["roles"]
    assert receipts.due(PLAN, {}, {}, root=root) == PLAN["roles"]
    assert receipts.due(PLAN, host(root, {}), {}, trust=False, root=root) == PLAN["roles"]


def test_drift_and_other_inputs_make_a_role_due(root: Path) -> None:
    facts = host(root, {})
    facts["receipts"][1]["drift"] = ["/etc/x was edited"]
    assert receipts.due(PLAN, facts, {}, root=root) == ["python"]
    facts = host(root, {})
    facts["receipts"][2]["inputs"] = "other"
    assert receipts.due(PLAN, facts, {}, root=root) == ["tensorflow_pip"]


def test_an_environments_receipt_counts_for_its_own_path_only(root: Path) -> None:
    facts = host(root, {})
    facts["receipts"][2]["file"] = "/opt/.tensorwright/receipts/other.json"
    assert receipts.due(PLAN, facts, {}, root=root) == ["tensorflow_pip"]


def test_a_role_that_serves_other_environments_is_due_until_it_knows_of_this_one(root: Path) -> None:
    facts = host(root, {}, environments={"/srv/tf": "0f"})
    assert receipts.due(PLAN, facts, {}, root=root) == ["ca_certificates", "python"]
    facts = host(root, {}, environments=None)  # an older version's
    assert receipts.due(PLAN, facts, {}, root=root) == ["ca_certificates", "python"]
    facts = host(root, {}, environments={"/opt/tensorflow": "0f"})  # made for it from other inputs
    assert receipts.due(PLAN, facts, {}, root=root) == ["ca_certificates", "python"]
    images = {**PLAN, "method": "docker", "roles": ["ca_certificates"]}
    facts = host(root, {}, environments={"docker": receipts.inputs(images, "ca_certificates", {}, root)})
    assert receipts.due(images, facts, {}, root=root) == []


def shared(**environments: list[str] | None) -> dict[str, Any]:
    place = "/var/lib/tensorwright/receipts"
    return {
        "receipts": [
            {
                "role": role,
                "file": f"{place}/{role}.json",
                "environments": None if names is None else dict.fromkeys(names, "0f"),
            }
            for role, names in environments.items()
        ]
    }


@pytest.mark.parametrize(
    ("facts", "going"),
    [
        (shared(python=["/opt/a"], ca_certificates=["/opt/a"]), ["python", "ca_certificates"]),
        (shared(ca_certificates=["/opt/a"]), ["ca_certificates"]),
        (shared(python=[], ca_certificates=[]), ["python", "ca_certificates"]),
        (shared(python=["/opt/b", "/opt/a"], ca_certificates=["/opt/a"]), []),
        (shared(python=["/opt/a"], ca_certificates=["/opt/a", "/opt/b"]), ["python"]),
        (shared(python=["/opt/a"], ca_certificates=["/opt/a"], cuda=None), ["python"]),
        (shared(python=["/opt/a"], ca_certificates=["docker"], docker=None), ["python"]),
        (shared(python=None, ca_certificates=["/opt/a"]), []),
        (
            {
                "receipts": [
                    {"role": "python", "file": "/opt/.tensorwright/runtimes/python3.12.json", "environments": {}}
                ]
            },
            [],
        ),
        ({}, []),
    ],
)
def test_what_of_the_hosts_goes_with_an_environment(facts: dict[str, Any], going: list[str]) -> None:
    assert receipts.unneeded(facts, ["/opt/a"]) == going


def test_roles_that_are_not_in_the_plan_are_ignored(root: Path) -> None:
    facts = host(root, {})
    facts["receipts"].append({**facts["receipts"][0], "role": "cuda", "inputs": "x"})
    assert receipts.due({**PLAN, "roles": []}, facts, {}, root=root) == []
    assert receipts.due(PLAN, facts, {}, root=root) == []


def test_the_plan_counts_but_not_its_notes(root: Path) -> None:
    before = receipts.inputs(PLAN, "tensorflow_pip", {}, root)
    assert receipts.inputs({**PLAN, "notes": []}, "tensorflow_pip", {}, root) == before
    assert receipts.inputs(dict(reversed(PLAN.items())), "tensorflow_pip", {}, root) == before
    assert receipts.inputs({**PLAN, "tensorflow": {"version": "2.20.0"}}, "tensorflow_pip", {}, root) != before


def test_what_a_run_of_the_role_gave_decides_nothing(root: Path) -> None:
    before = receipts.inputs(PLAN, "tensorflow_docker", {"tensorflow_docker_image": ""}, root)
    given = {"tensorflow_docker_image": "", "tensorflow_docker_result": {"changed": True}}
    assert receipts.inputs(PLAN, "tensorflow_docker", given, root) == before


def test_of_the_plan_a_role_of_the_host_counts_only_what_it_reads(root: Path) -> None:
    before = receipts.inputs(PLAN, "python", {}, root)
    assert receipts.inputs({**PLAN, "tensorflow": {"version": "2.20.0"}}, "python", {}, root) == before
    assert receipts.inputs({**PLAN, "python": {"version": "3.13", "path": None}}, "python", {}, root) != before


def test_an_interpreter_that_was_installed_meanwhile_is_the_planned_one(root: Path) -> None:
    planned = {"version": "3.12", "provider": "system"}
    before = receipts.inputs({**PLAN, "python": {**planned, "path": None}}, "tensorflow_pip", {}, root)
    after = receipts.inputs({**PLAN, "python": {**planned, "path": "/usr/bin/python3.12"}}, "tensorflow_pip", {}, root)
    other = receipts.inputs({**PLAN, "python": {**planned, "path": "/opt/bin/python3.12"}}, "tensorflow_pip", {}, root)
    assert before == after != other


def test_the_roles_own_variables_count(root: Path) -> None:
    before = receipts.inputs(PLAN, "python", {}, root)
    assert receipts.inputs(PLAN, "python", {"tensorflow_pip_timeout": 3, "pythons": 1, "xpython_a": 1}, root) == before
    assert receipts.inputs(PLAN, "python", {"python_extra": ["tk"]}, root) != before


def test_the_hash_is_the_same_wherever_the_collection_lies(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "another" / "place")
    assert receipts.inputs(PLAN, "python", {}, root) == receipts.inputs(
        PLAN, "python", {}, tmp_path / "another" / "place"
    )


@pytest.mark.parametrize("role", receipts.LOGINS_LEAD + receipts.LOGINS_KEPT)
def test_no_hash_lets_anybody_try_passwords(root: Path, role: str) -> None:
    def hashed(login: str, host: str = "h.test") -> str:
        wheel = f"https://{login}{host}/x.whl"
        plan = {
            **PLAN,
            "tensorflow": {"requirement": wheel},
            "build": {"key": wheel, "capabilities": []},
            "conda": wheel,
        }
        url = f"https://{login}{host}/simple"
        return receipts.inputs(plan, role, {f"{role}_url": url, f"{role}_more": [url, {"proxy": url}]}, root)

    assert hashed("user:one@") == hashed("user:two@") == hashed("token@") == hashed("")
    assert hashed("user:one@") != hashed("user:one@", "other.test")


def test_a_login_that_is_no_secret_on_the_host_counts(root: Path) -> None:
    first, second = ({"ca_certificates_http_proxy": f"http://u:{word}@proxy"} for word in ("one", "two"))
    assert receipts.inputs(PLAN, "ca_certificates", first, root) != receipts.inputs(
        PLAN, "ca_certificates", second, root
    )


@pytest.mark.parametrize(
    ("variables", "due"),
    [
        ({"docker_http_proxy": "http://proxy:3128"}, []),
        ({"docker_http_proxy": "http://u:secret@proxy:3128"}, ["docker"]),
        ({"docker_settings": {"proxies": {"http-proxy": "http://token@proxy:3128"}}}, ["docker"]),
        ({"tensorflow_pip_index_url": "https://u:secret@index.test/simple"}, []),
    ],
)
def test_a_role_that_keeps_a_secret_login_is_asked_itself(
    root: Path, variables: dict[str, Any], due: list[str]
) -> None:
    plan = {**PLAN, "roles": ["docker", "tensorflow_pip"]}
    facts = host(root, variables)
    inputs = receipts.inputs(plan, "docker", variables, root)
    facts["receipts"].append({**facts["receipts"][0], "role": "docker", "file": "/x/docker.json", "inputs": inputs})
    for receipt in facts["receipts"]:
        if receipt["role"] == "tensorflow_pip":
            receipt["inputs"] = receipts.inputs(plan, "tensorflow_pip", variables, root)
    assert receipts.due(plan, facts, variables, root=root) == due


def test_files_of_the_controller_count_by_content_and_not_by_place(root: Path, tmp_path: Path) -> None:
    def inputs(*files: Path) -> str:
        return receipts.inputs(PLAN, "ca_certificates", {"ca_certificates_files": [str(file) for file in files]}, root)

    one, same, other = (tmp_path / name / "site.crt" for name in "abc")
    for file, content in ((one, "CA"), (same, "CA"), (other, "another CA")):
        file.parent.mkdir()
        file.write_text(content)
    missing = tmp_path / "d" / "site.crt"
    assert inputs(one) == inputs(same)
    assert len({inputs(one), inputs(other), inputs(missing), inputs(), inputs(tmp_path / "d" / "other.crt")}) == 5
    assert inputs(missing) == inputs(tmp_path / "e" / "site.crt")


def test_one_file_need_not_be_a_list(root: Path, tmp_path: Path) -> None:
    (tmp_path / "site.crt").write_text("CA")
    before = receipts.inputs(PLAN, "x", {"x_files": str(tmp_path / "site.crt")}, root)
    (tmp_path / "site.crt").write_text("new CA")
    assert receipts.inputs(PLAN, "x", {"x_files": str(tmp_path / "site.crt")}, root) != before
    assert receipts.inputs(PLAN, "x", {"x_files": None}, root) != receipts.inputs(PLAN, "x", {}, root)


class LazyList(list[Any]):
    """As Ansible's own: what it holds is not what it gives."""

    def __iter__(self) -> Iterator[Any]:
        return (f"rendered {item}" for item in super().__iter__())


class Marked(str):
    """As Ansible's strings that carry where they came from."""


def test_plain_takes_what_lazy_containers_give() -> None:
    given = {Marked("a"): LazyList([1, 2]), "b": (True, None, 1.5), "c": {"y", "x"}, 3: Path("/p")}
    result = receipts.plain(given)
    assert result == {"a": ["rendered 1", "rendered 2"], "b": [True, None, 1.5], "c": ["x", "y"], "3": "/p"}
    assert all(type(key) is str for key in result)


def test_only_the_roles_own_variables_are_rendered(root: Path) -> None:
    class Variables(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            assert name.startswith("python_"), f"rendered {name}"
            return super().__getitem__(name)

    receipts.inputs(PLAN, "python", Variables(python_a=1, secret="{{ undefined }}"), root)


def test_the_collection_is_found_from_here() -> None:
    assert (role_code.COLLECTION / "galaxy.yml").is_file()
    assert (role_code.COLLECTION / "plugins" / "modules" / "receipt.py").is_file()


def test_roles(root: Path) -> None:
    (root / "roles" / "README.md").touch()
    assert receipts.roles(root) == ["ca_certificates", "python", "tensorflow_pip"]


NIGHTLY = {"version": "nightly", "channel": "nightly", "requirement": "tf-nightly", "moves": False}


def test_a_nightly_build_that_the_host_has_chosen_is_the_planned_one(root: Path) -> None:
    before = receipts.inputs({**PLAN, "tensorflow": NIGHTLY}, "tensorflow_pip", {}, root)
    chosen = {**NIGHTLY, "version": "2.23.0.dev20261026"}
    assert receipts.inputs({**PLAN, "tensorflow": chosen}, "tensorflow_pip", {}, root) == before
    asked = {**chosen, "requirement": "tf-nightly==2.23.0.dev20261026"}
    other = {**chosen, "version": "2.23.0.dev20261101", "requirement": "tf-nightly==2.23.0.dev20261101"}
    found = {receipts.inputs({**PLAN, "tensorflow": one}, "tensorflow_pip", {}, root) for one in (asked, other)}
    assert len({before, *found}) == 3


def test_the_newest_nightly_build_is_looked_for_in_each_run(root: Path) -> None:
    for moves in (False, True):
        plan = {**PLAN, "tensorflow": {**NIGHTLY, "moves": moves}}
        facts = host(root, {})
        facts["receipts"][2]["inputs"] = receipts.inputs(plan, "tensorflow_pip", {}, root)
        assert receipts.due(plan, facts, {}, root=root) == ["tensorflow_pip"] * moves


@pytest.mark.parametrize(("role", "provider"), [("conda", "conda"), ("python", "standalone")])
def test_what_lies_beside_an_environment_has_its_receipt_there(root: Path, role: str, provider: str) -> None:
    plan = {**PLAN, "roles": [role], "python": {"version": "3.11", "path": None, "provider": provider}, "conda": {}}
    facts = host(root, {})
    beside = {**facts["receipts"][1], "role": role, "inputs": receipts.inputs(plan, role, {}, root)}
    name = {"python": "python3.11"}.get(role, role)
    facts["receipts"].append({**beside, "file": f"/opt/.tensorwright/runtimes/{name}.json"})
    assert receipts.due(plan, facts, {}, root=root) == []
    facts["receipts"][-1]["file"] = f"/srv/.tensorwright/runtimes/{name}.json"
    assert receipts.due(plan, facts, {}, root=root) == [role]
    system = {**plan, "roles": ["python"], "python": {"version": "3.11", "path": None, "provider": "system"}}
    facts["receipts"][-1].update(role="python", inputs=receipts.inputs(system, "python", {}, root))
    assert receipts.due(system, facts, {}, root=root) == ["python"]


def environment(path: str, version: str, **changes: Any) -> dict[str, Any]:
    """Return what a role that serves all environments of a host reads of one's plan."""
    plan = {"path": {"absolute": path}, "method": "virtualenv", "device": "cpu", "tensorflow": {"version": version}}
    return {**plan, "python": {"version": "3.11", "provider": "system"}, "constraints": [], **changes}


def test_a_role_for_all_environments_reads_the_plans_of_all(root: Path) -> None:
    one, other = environment("/opt/one", "2.21.0"), environment("/opt/other", "2.15.1")

    def inputs(*plans: dict[str, Any]) -> str:
        return receipts.inputs(plans[0], "tensorflow_users", {}, root, plans)

    assert inputs(one) == receipts.inputs(one, "tensorflow_users", {}, root)
    assert inputs(one, {**other, "constraints": ["numpy<2"]}) == inputs(one, other)
    assert len({inputs(one), inputs(one, other), inputs(other, one), inputs(one, {**other, "method": "conda"})}) == 4
    assert inputs(one, environment("/opt/other", "2.15.0")) != inputs(one, other)
    receipt = {"role": "tensorflow_users", "file": "/r.json", "inputs": inputs(one, other), "drift": []}
    plan = {**one, "roles": ["tensorflow_users"]}
    assert receipts.due(plan, {"receipts": [receipt]}, {}, root=root, plans=[one, other]) == []
    assert receipts.due(plan, {"receipts": [receipt]}, {}, root=root) == ["tensorflow_users"]
