# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's own variables add to a plan."""

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import ca_certificates


def planned(host: dict[str, Any], variables: dict[str, Any]) -> Plan:
    plan = blank()
    plan["roles"] = ["python", "tensorflow_pip"]
    ca_certificates.add(plan, host, variables)
    return plan


@pytest.mark.parametrize(
    "variables", [{}, {"ca_certificates_files": []}, {"ca_certificates_no_proxy": ""}, {"ca_other": 1}]
)
def test_a_site_without_settings_adds_nothing(variables: dict[str, Any]) -> None:
    assert planned({"become": True}, variables)["roles"] == ["python", "tensorflow_pip"]


def test_certificates_and_proxies_come_first() -> None:
    plan = planned({"become": True}, {"ca_certificates_https_proxy": "http://proxy.example.org:3128"})
    assert plan["roles"] == ["ca_certificates", "python", "tensorflow_pip"]
    assert plan["problems"] == []


def test_without_root_they_are_refused() -> None:
    (problem,) = planned({"become": False}, {"ca_certificates_files": ["ca.crt"]})["problems"]
    assert problem["message"] == "ca_certificates_files is set, which needs root, and this run may not become root"
    assert "tensorflow_pip_ca_file" in problem["accepted"]


@pytest.mark.parametrize("name", ["ansible_become_password", "ansible_become_pass"])
def test_a_password_for_become_means_root(name: str) -> None:
    assert ca_certificates.may_become({"become": False}, {name: "secret"}) == {"become": True}
    assert ca_certificates.may_become({"become": False}, {name: ""}) == {"become": False}
