# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the tests of the plan, and its two outcomes."""

from __future__ import annotations

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve

Facts = dict[str, Any]
Request = dict[str, Any]


def refusals(request: Request, host: Facts, **options: Any) -> list[str]:
    """The problems of a plan as sentences, without the host's name."""
    return [sentence("h", problem).removeprefix("h: ") for problem in resolve(request, host, **options)["problems"]]


def planned(request: Request, host: Facts, **options: Any) -> Plan:
    """A plan that holds."""
    plan = resolve(request, host, **options)
    assert plan["problems"] == []
    return plan


def place(**changes: Any) -> Facts:
    """What stands at the environment's path: nothing, and the user may write there."""
    facts = {"given": "/opt/tf", "absolute": "/opt/tf", "blocked_by": None, "writable": True, "occupied": False}
    return {**facts, **changes}


def pythons(*series: str, directory: str = "/usr/bin") -> list[dict[str, str]]:
    """Interpreters of these minor versions."""
    return [{"path": f"{directory}/python{one}", "version": f"{one}.4"} for one in series]


def driver(version: str | None) -> dict[str, str | None]:
    """A driver that is installed and in use."""
    return {"installed": version, "loaded": version}


def debian(release: str = "12", **changes: Any) -> Facts:
    """A Debian server with a processor of today and no GPU, where the run may become root."""
    python, glibc = {"13": ("3.13", "2.41"), "12": ("3.11", "2.36"), "11": ("3.9", "2.31")}[release]
    facts: Facts = {
        "distribution": "Debian",
        "release": release,
        "architecture": "x86_64",
        "glibc": glibc,
        "cpu_flags": ["avx", "avx2", "fma"],
        "pythons": pythons(python),
        "gpus": [],
        "driver": driver(None),
        "secure_boot": False,
        "free_mb": 90000,
        "become": True,
    }
    return {**facts, **changes}


def ubuntu(release: str = "22.04", **changes: Any) -> Facts:
    """An Ubuntu server of the same kind."""
    known = {
        "26.04": ("3.14", "2.43"),
        "24.04": ("3.12", "2.39"),
        "22.04": ("3.10", "2.35"),
        "20.04": ("3.8", "2.31"),
        "18.04": ("3.6", "2.27"),
        "16.04": ("3.5", "2.23"),
    }
    python, glibc = known[release]
    own = {"distribution": "Ubuntu", "release": release, "glibc": glibc, "pythons": pythons(python)}
    return {**debian(), **own, **changes}


def gpu(name: str, pci_id: str, capability: str | None = None) -> dict[str, Any]:
    """A GPU as the PCI bus shows it, with a capability where a driver told it."""
    return {"name": name, "pci_id": f"10de:{pci_id}", "compute_capability": capability, "memory_mb": 0}


K80 = gpu("Tesla K80", "102d")
GTX980 = gpu("GeForce GTX 980", "13c0")
P100 = gpu("Tesla P100-PCIE-16GB", "15f8")
V100 = gpu("Tesla V100-SXM2-16GB", "1db1")
T4 = gpu("Tesla T4", "1eb8")
A100 = gpu("NVIDIA A100-SXM4-80GB", "20b2")
H100 = gpu("NVIDIA H100 PCIe", "2331")
H200 = gpu("NVIDIA H200", "2335", "9.0")
RTX5090 = gpu("NVIDIA GeForce RTX 5090", "2b85")
UNKNOWN = gpu("NVIDIA Tomorrow 1", "ffff")
# What the guides install of CUDA 9.0, and its runtime.
CUDA_9_0 = [
    "cuda-command-line-tools-9-0",
    "cuda-cudart-9-0",
    "cuda-cublas-9-0",
    "cuda-cufft-9-0",
    "cuda-curand-9-0",
    "cuda-cusolver-9-0",
    "cuda-cusparse-9-0",
]
GOOD = driver("580.95.05")
