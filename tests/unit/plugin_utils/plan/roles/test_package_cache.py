# SPDX-License-Identifier: GPL-3.0-or-later
"""The package cache's variables, and what hosts are told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import ROLES
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import ca_certificates, package_cache
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

URL = "http://cache.example.org:8180"


def planned(variables: dict[str, Any], **host: Any) -> Plan:
    plan = blank()
    plan["roles"] = ["python", "tensorflow_pip"]
    ca_certificates.add(plan, {"become": True, **host}, variables)
    return plan


def test_a_site_s_origins_win_over_those_that_every_cache_has() -> None:
    rows = package_cache.origins(
        {"PyPI.org": "https://pypi.example.org/root/", "github.com": "", "a.example.org:8080": "http://b"}
    )
    assert rows["pypi.org"] == "https://pypi.example.org/root"
    assert rows["a.example.org:8080"] == "http://b"
    assert "github.com" not in rows
    assert rows["files.pythonhosted.org"] == "https://files.pythonhosted.org"
    assert rows["archive.ubuntu.com"] == "http://archive.ubuntu.com"


def test_without_a_cache_nobody_is_told_of_one() -> None:
    assert package_cache.settings({}) == package_cache.settings({"package_cache_url": ""}) == {}


def test_what_modules_are_told() -> None:
    told = package_cache.settings(
        {"package_cache_url": URL + "/", "package_cache_only": "yes", "package_cache_timeout": 60}
    )
    assert (told["url"], told["only"], told["timeout"]) == (URL, True, 60)
    assert {"pypi.org", "deb.debian.org"} <= set(told["hosts"])


def test_the_role_follows_the_site_s_certificates() -> None:
    plan = planned({"package_cache_url": URL, "ca_certificates_files": ["ca.crt"]})
    assert plan["roles"] == ["ca_certificates", "package_cache", "python", "tensorflow_pip"]
    assert not plan["problems"]
    assert not plan["notes"]


def test_without_root_apt_stays_as_it_is() -> None:
    assert planned({"package_cache_url": URL}, become=False)["roles"] == ["python", "tensorflow_pip"]


def test_a_host_that_used_one_no_longer_does() -> None:
    plan = planned({}, receipts=[{"role": "package_cache"}])
    assert plan["roles"] == ["package_cache", "python", "tensorflow_pip"]


@pytest.mark.parametrize(
    ("only", "says"),
    [
        (False, f"The package cache {URL} does not answer this host, so the origins are asked."),
        (True, f"The package cache {URL} does not answer this host, and package_cache_only is true."),
    ],
)
def test_a_cache_that_does_not_answer_is_told(only: bool, says: str) -> None:
    variables = {"package_cache_url": URL, "package_cache_only": only}
    assert planned(variables, package_cache={"url": URL, "answers": False})["notes"] == [says]
    assert planned(variables, package_cache={"url": URL, "answers": True})["notes"] == []


@pytest.mark.parametrize("role", list(ROLES))
def test_whether_it_answers_is_no_input_of_any_role(role: str) -> None:
    variables = {"package_cache_url": URL}
    plans = [planned(variables, package_cache={"url": URL, "answers": answers}) for answers in (True, False)]
    assert len({due.inputs(plan, role, variables) for plan in plans}) == 1


def test_a_cache_is_an_input_where_files_of_the_host_name_it() -> None:
    def differ(role: str, **more: Any) -> bool:
        plan, named = blank(), {"package_cache_url": URL, **more}
        return due.inputs(plan, role, named) != due.inputs(plan, role, {**named, "package_cache_url": URL + "1"})

    assert [differ(role) for role in ("package_cache", "docker", "nvidia_repo", "nvidia_docker", "python")] == [
        True
    ] * 5
    assert not differ("cuda")
    assert not differ("tensorflow_pip")
    assert differ("tensorflow_pip", package_cache_only=True)


@pytest.mark.parametrize(
    ("variables", "message", "accepted"),
    [
        ({"package_cache_url": "cache"}, "package_cache_url is 'cache', which is no cache's address", "http://HOST:PORT"),
        ({"package_cache_url": URL + "/simple"}, f"package_cache_url is '{URL}/simple', which is no cache's address", "http://HOST:PORT"),
        ({"package_cache_url": "http://me:secret@cache"}, "which is no cache's address", "http://HOST:PORT"),
        ({"package_cache_url": "http://cache:99999"}, "which is no cache's address", "http://HOST:PORT"),
        ({"package_cache_only": True}, "package_cache_only is true, and package_cache_url is empty", "package_cache_only: false"),
        ({"package_cache_origins": {"a/": "http://b"}}, "package_cache_origins has the key 'a/', which names no host", "pypi.org"),
        ({"package_cache_origins": {"a.org": "b.org"}}, "package_cache_origins.a.org is 'b.org', which is no origin's address", "http://"),
        ({"package_cache_origins": {"a.org": 'http://b"; evil'}}, "which is no origin's address", "http://"),
    ],
)  # fmt: skip
def test_what_no_host_can_use_is_refused(variables: dict[str, Any], message: str, accepted: str) -> None:
    (problem,) = package_cache.problems(variables)
    assert message in problem["message"]
    assert accepted in problem["accepted"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"package_cache_clients": ["10.0.0.0/8", "10.0.0.1/8"]}, "package_cache_clients is '10.0.0.1/8', which is no network"),
        ({"package_cache_listen": ["eth0"]}, "package_cache_listen is 'eth0', which is no address"),
        ({"package_cache_resolvers": ["dns"]}, "package_cache_resolvers is 'dns', which is no address"),
        ({"package_cache_port": 0}, "package_cache_port is 0, which is no port"),
        ({"package_cache_max_mb": 10}, "package_cache_max_mb is 10, which is too little"),
        ({"package_cache_index_seconds": 5}, "package_cache_index_seconds is 5, which is too little"),
        ({"package_cache_directory": "cache"}, "package_cache_directory is 'cache', which is no path"),
        ({"package_cache_directory": "/srv//cache"}, "package_cache_directory is '/srv//cache', which is no path"),
        ({"package_cache_directory": "/a b;"}, "package_cache_directory is '/a b;', which is no path"),
        ({"ca_certificates_https_proxy": "http://proxy:3128"}, "nginx asks origins without a proxy"),
        ({"package_cache_tls_key": "/etc/hostname"}, "package_cache_tls_key is set without package_cache_tls_certificate"),
    ],
)  # fmt: skip
def test_what_no_cache_can_be_is_refused_on_the_cache_alone(variables: dict[str, Any], message: str) -> None:
    (problem,) = package_cache.problems({"package_cache_server": True, **variables})
    assert message in problem["message"]
    assert package_cache.problems(variables) == []


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("package_cache_tls_certificate", "package_cache_tls_key")}
    assert len(package_cache.problems({"package_cache_server": True, **files})) == 2
    for file in files.values():
        Path(file).touch()
    assert package_cache.problems({"package_cache_server": True, **files}) == []


def test_the_defaults_are_all_right() -> None:
    import yaml

    root = Path(package_cache.__file__).resolve().parents[4]
    defaults = yaml.safe_load((root / "roles" / "package_cache" / "defaults" / "main.yml").read_text())
    assert package_cache.problems({**defaults, "package_cache_server": True, "package_cache_url": URL}) == []
