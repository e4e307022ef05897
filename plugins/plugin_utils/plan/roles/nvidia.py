# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the NVIDIA roles' own variables decides whether a plan holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import tensorrt_archive

_YES = ("true", "yes", "on", "1")


def facts(host: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the host's facts with what the site allows there and brings along."""
    known = {
        **host,
        "may_reboot": _is_set(variables, "nvidia_driver_reboot"),
        "tensorrt_archive": variables.get(tensorrt_archive.FILE) or None,
    }
    if _is_set(variables, "nvidia_driver_key_enrolled"):
        key = host.get("secure_boot_key")
        known["secure_boot_key"] = {**(key if isinstance(key, Mapping) else {}), "enrolled": True}
    return known


def add(plan: Plan, variables: Mapping[str, Any]) -> None:
    """Add what is wrong with TensorRT's archive, or that it is not used where it might be expected to be."""
    wrong = tensorrt_archive.problems(variables)
    plan["problems"].extend(wrong)
    if (
        variables.get(tensorrt_archive.FILE)
        and plan["device"] == "gpu"
        and not plan["tensorrt"]["archive"]
        and not wrong
    ):
        plan["notes"].append(f"{tensorrt_archive.FILE} is not used: TensorRT is not in this plan.")


def _is_set(variables: Mapping[str, Any], name: str) -> bool:
    return str(variables.get(name, False)).strip().lower() in _YES
