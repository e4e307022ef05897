# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build from source finds on the host: processors, memory, programs, and the wheels that were built here before."""

import glob
import json
import os
import re
import shutil
from typing import Any, Dict, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import processes
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store import STORE

BUILDS = "builds"
RECORD = "record.json"
PROGRAMS = ("git", "patchelf", "unzip", "zip")
COMPILERS = ("/usr/bin/clang-[0-9]*", "/usr/bin/gcc-[0-9]*")


def memory_mb(meminfo: str = "/proc/meminfo") -> Optional[int]:
    """The host's memory, or None where it cannot be read."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text(meminfo), re.MULTILINE)
    return int(found.group(1)) >> 10 if found else None


def cpu_model(cpuinfo: str = "/proc/cpuinfo") -> Optional[str]:
    """What the first processor calls itself."""
    with open(cpuinfo, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return None


def programs() -> List[str]:
    """Those of the programs that a build needs which are there."""
    compilers = [os.path.basename(path) for pattern in COMPILERS for path in glob.glob(pattern)]
    return sorted([name for name in PROGRAMS if shutil.which(name)] + compilers)


def wheels(path: str) -> List[Dict[str, Any]]:
    """The records of the wheels beside the environment at this path, of those that are there."""
    found = []
    pattern = os.path.join(glob.escape(os.path.dirname(path)), STORE, BUILDS, "*", RECORD)
    for file in sorted(glob.glob(pattern)):
        try:
            record = json.loads(text(file))
            wheel = os.path.join(os.path.dirname(file), str(record["file"]))
        except (ValueError, KeyError, TypeError):
            continue
        if os.path.isfile(wheel):
            found.append(dict(record, path=wheel))
    return found


def describe() -> Dict[str, Any]:
    """All of it but the wheels."""
    return {
        "cpus": processes.usable_cpus(),
        "cpu_model": cpu_model(),
        "memory_mb": memory_mb(),
        "programs": programs(),
    }
