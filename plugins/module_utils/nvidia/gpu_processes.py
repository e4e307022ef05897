# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses the GPUs right now: what nvidia-smi lists, and every process that has a GPU's device file open."""

import glob
import os
import pwd
import re
from typing import Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import driver as nvidia

DEVICE = re.compile(r"/dev/(nvidia\d+|nvidia-uvm)$")
# The driver's own services; they end and begin with it.
SERVICES = ("nvidia-persiste", "nv-fabricmanage", "nvidia-imex", "nv-hostengine", "dcgm-exporter", "nvidia-smi")
SECONDS = 20


def _command(pid: str, proc: str) -> str:
    try:
        with open("{0}/{1}/comm".format(proc, pid)) as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _user(pid: str, proc: str) -> str:
    try:
        uid = os.stat("{0}/{1}".format(proc, pid)).st_uid
    except OSError:
        return "?"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _listed() -> Dict[str, str]:
    """Process id -> program, as the driver tells it; nothing where it does not answer."""
    answer = nvidia.ask("--query-compute-apps=pid,process_name", SECONDS) or ""
    rows = (line.split(",", 1) for line in answer.splitlines() if "," in line)
    return {pid.strip(): name.strip() for pid, name in rows if pid.strip().isdigit()}


def _open(proc: str) -> List[str]:
    found = set()
    for link in glob.glob("{0}/[0-9]*/fd/*".format(proc)):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if DEVICE.match(target):
            found.add(link.split("/")[-3])
    return sorted(found, key=int)


def running(proc: str = "/proc") -> List[str]:
    """One line for each process of a user: who, what and its id."""
    listed = _listed()
    programs = {pid: _command(pid, proc) for pid in _open(proc)}
    programs.update({pid: os.path.basename(name) for pid, name in listed.items()})
    services = {pid for pid, name in programs.items() if name.startswith(SERVICES)}
    return [
        "{0} ({1}, process {2})".format(programs[pid], _user(pid, proc), pid)
        for pid in sorted(set(programs) - services, key=int)
    ]
