# SPDX-License-Identifier: GPL-3.0-or-later
"""The NVIDIA driver: which one is installed, which one runs, and what it says of the GPUs."""

import glob
import os
import re
import subprocess
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text

PROC = "/proc/driver/nvidia"
# The library that belongs to a driver carries its version in its name, however the driver came: from a package,
# a run file, or into a container from its host.
LIBRARIES = (
    "/usr/lib/*-linux-gnu/libcuda.so.*",
    "/usr/lib/*-linux-gnu/nvidia/*/libcuda.so.*",
    "/usr/lib64/libcuda.so.*",
)
PACKAGES = r"(?:nvidia-(?:driver|kernel|headless|dkms)(?:-[a-z0-9-]+)?|libcuda1|libnvidia-compute-[a-z0-9-]+)"
FABRIC_MANAGER = r"nvidia-fabricmanager(?:-\d+)?"
SECONDS = 10


def _key(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def loaded(proc: str = PROC) -> Optional[str]:
    """The version of the kernel module that runs now."""
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text(proc + "/version"))
    return found.group(1) if found else None


def installed(libraries: Tuple[str, ...] = LIBRARIES, status: str = dpkg.STATUS) -> Optional[str]:
    """The version of the driver on disk, which the next boot loads."""
    names = (path.rpartition("libcuda.so.")[2] for pattern in libraries for path in glob.glob(pattern))
    versions = [name for name in names if re.match(r"\d+(\.\d+)+$", name)]
    if not versions:
        upstream = (re.match(r"(?:\d+:)?(\d+(?:\.\d+)+)", version) for version in dpkg.matching(PACKAGES, status))
        versions = [found.group(1) for found in upstream if found]
    return max(versions, key=_key) if versions else None


def fabric_manager(status: str = dpkg.STATUS) -> Optional[str]:
    """The version of Fabric Manager, without which the GPUs of a machine with NVSwitches run nothing."""
    found = (re.match(r"(?:\d+:)?(\d+(?:\.\d+)+)", one) for one in dpkg.matching(FABRIC_MANAGER, status))
    return next((match.group(1) for match in found if match), None)


def by_hand(prefix: str = "/usr/local") -> Dict[str, Any]:
    """What a run file has installed where CUDA's packages go: its uninstallers, and whether there is a directory for their link."""
    link = prefix + "/cuda"
    patterns = ("/cuda-*/bin/cuda-uninstaller", "/cuda-*/bin/uninstall_cuda_*.pl")
    return {
        "directory": os.path.isdir(link) and not os.path.islink(link),
        "uninstallers": sorted(path for pattern in patterns for path in glob.glob(glob.escape(prefix) + pattern)),
    }


def ask(question: str, seconds: float) -> Optional[str]:
    """What nvidia-smi answers to one of its queries, a line for each; None where it does not."""
    try:
        done = subprocess.run(
            ["nvidia-smi", question, "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _smi(seconds: float) -> Dict[str, List[str]]:
    """Bus address -> name, memory and, where the driver tells it, compute capability."""
    output = ask("--query-gpu=pci.bus_id,name,memory.total,compute_cap", seconds)
    if output is None:  # drivers before 510 do not know compute_cap, and answer such a query with nothing at all
        output = ask("--query-gpu=pci.bus_id,name,memory.total", seconds)
    rows = ([cell.strip() for cell in line.split(",")] for line in (output or "").splitlines())
    return {_address(row[0]): row[1:] + [""] for row in rows if len(row) >= 3}


def _address(address: str) -> str:
    """A bus address as sysfs writes it; nvidia-smi writes its domain with eight digits."""
    return address.lower()[-12:]


def describe(gpus: List[Dict[str, Any]], proc: str = PROC, seconds: float = SECONDS) -> None:
    """Add to GPUs found on the bus what the running driver knows of them."""
    known = _smi(seconds)
    for gpu in gpus:
        name, memory, capability = known.get(_address(gpu["address"]), ["", "", ""])[:3]
        # The kernel module knows the name even while nvidia-smi of another version refuses to speak with it.
        model = re.search(
            r"^Model:\s*(.+)$", text("{0}/gpus/{1}/information".format(proc, gpu["address"])), re.MULTILINE
        )
        gpu["name"] = name or (model.group(1).strip() if model else None)
        gpu["memory_mb"] = int(memory) if memory.isdigit() else None
        gpu["compute_capability"] = capability if re.match(r"\d+\.\d+$", capability) else None
