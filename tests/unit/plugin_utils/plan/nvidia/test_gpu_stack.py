# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of the NVIDIA roles, before they have run and after."""

from __future__ import annotations

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import NVIDIA_ROLES
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

HOST: dict[str, Any] = {
    "distribution": "Ubuntu",
    "release": "22.04",
    "architecture": "x86_64",
    "glibc": "2.35",
    "cpu_flags": ["avx"],
    "pythons": [{"path": "/usr/bin/python3.10", "version": "3.10.12"}],
    "gpus": [{"pci_id": "10de:20b2"}],
    "driver": {"installed": None, "loaded": None},
    "become": True,
}
LOADED = {"driver": {"installed": "580.95.05", "loaded": "580.95.05"}}
OURS = {
    "receipts": [
        {
            "role": "nvidia_driver",
            "inputs": "x",
            "drift": [],
            "footprint": {"packages": {"nvidia-driver-580-server-open": "1"}},
        }
    ]
}


def plan(facts: dict[str, Any] | None = None, **asked: Any) -> Plan:
    """The plan for a host with CUDA from apt."""
    made = resolve({"version": "2.17.1", "cuda_from": "apt", **asked}, {**HOST, **(facts or {})})
    assert made["problems"] == []
    return made


def test_before_the_first_run() -> None:
    made = plan()
    assert made["roles"][:4] == ["nvidia_repo", "nvidia_driver", "cuda", "cudnn"]
    assert made["driver"]["packages"] == ["nvidia-driver-580-server-open", "nvidia-utils-580-server"]
    assert any("rebooted" in note for note in made["notes"])


def test_a_driver_of_our_own_stays_in_the_plan_and_asks_for_no_reboot() -> None:
    made = plan({**LOADED, **OURS})
    assert made["driver"] == plan()["driver"]
    assert made["roles"] == plan()["roles"]
    assert not any("rebooted" in note for note in made["notes"])


def test_somebody_else_s_driver_is_left_alone() -> None:
    made = plan(LOADED)
    assert made["driver"]["packages"] == []
    assert "nvidia_driver" not in made["roles"]


def test_another_branch_than_ours_is_a_change() -> None:
    made = plan({**LOADED, **OURS}, driver_branch="550")
    assert made["driver"]["packages"] == ["nvidia-driver-550-server-open", "nvidia-utils-550-server"]
    assert any("rebooted" in note for note in made["notes"])


def test_the_repository_knows_its_key_the_old_ones_and_whether_drivers_come_from_it() -> None:
    of_ubuntu = plan()["repository"]
    assert of_ubuntu["drivers"] is False
    keys = {row["fingerprint"]: row["name"] for row in of_ubuntu["retired_keys"]}
    assert of_ubuntu["key"] in keys
    assert keys["AE09FE4BBD223A84B2CCFCE3F60F4B3D7FA2AF80"] == "7fa2af80"
    assert "/etc/apt/sources.list.d/nvidia-ml.list" in {row["file"] for row in of_ubuntu["retired_files"]}
    debian = {
        "distribution": "Debian",
        "release": "12",
        "pythons": [{"path": "/usr/bin/python3.11", "version": "3.11.2"}],
    }
    assert plan(debian)["repository"]["drivers"] is True


def test_each_role_s_receipt_counts_what_the_role_reads() -> None:
    one, other = plan(), plan(version="2.15.1")
    for role in NVIDIA_ROLES:
        same = due.inputs({**one}, role, {}) == due.inputs({**other}, role, {})
        assert same is (role in ("nvidia_repo", "nvidia_driver", "nccl", "tensorrt")), role


def test_a_variable_of_one_run_alone_does_not_count() -> None:
    made = plan()
    usual = due.inputs({**made}, "nvidia_driver", {})
    assert due.inputs({**made}, "nvidia_driver", {"nvidia_driver_reboot": True, "nvidia_driver_wait": 60}) == usual
    assert due.inputs({**made}, "nvidia_driver", {"nvidia_driver_persistence": False}) != usual
