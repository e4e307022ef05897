# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine is, read from files wherever there is a file to read."""

import grp
import os
import pwd
import re
import shutil
import subprocess
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import interpreters, location
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import driver as nvidia
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import pci, secure_boot
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts

CPU_FLAGS = ("avx", "avx2", "avx512f", "fma", "sse4_2")  # those that builds of TensorFlow were made for
# /etc/os-release speaks of "debian"; Ansible, and so the tables, of "Debian".
DISTRIBUTIONS = {"debian": "Debian", "ubuntu": "Ubuntu"}


def distribution(os_release: str = "/etc/os-release") -> Dict[str, Optional[str]]:
    """Name, release and codename."""
    fields = {key: value.strip("\"'") for key, value in re.findall(r"^(\w+)=(.*)$", text(os_release), re.MULTILINE)}
    name = fields.get("ID", "")
    return {
        "distribution": DISTRIBUTIONS.get(name, fields.get("NAME", name)),
        "release": fields.get("VERSION_ID", ""),
        "codename": fields.get("VERSION_CODENAME") or fields.get("UBUNTU_CODENAME"),
    }


def glibc() -> Optional[str]:
    """The version of the C library, None on a host with another one."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")[2] or None
    except (OSError, ValueError):
        return None


def cpu_flags(cpuinfo: str = "/proc/cpuinfo") -> List[str]:
    """Which of the instruction sets that matter here the processor has."""
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as stream:  # the rest repeats it for each of many cores
            present = next((line.partition(":")[2].split() for line in stream if line.startswith("flags")), [])
    except OSError:
        present = []
    return [flag for flag in CPU_FLAGS if flag in present]


def may_become_root(seconds: float = 3) -> bool:
    """Whether this user may act as root without being asked for a password."""
    if os.getuid() == 0:
        return True
    sudo = shutil.which("sudo")
    if not sudo:
        return False
    shell = ["/bin/sh", "-c", "true"]  # what Ansible runs through sudo
    # To list first is not vain: a user whom sudo does not know is then only told so, and not reported to root by mail.
    for command in ([sudo, "-n", "-l"] + shell, [sudo, "-n"] + shell):
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return False
    return True


def user() -> Dict[str, Any]:
    """Who connects."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return {"name": name, "uid": uid, "home": os.path.expanduser("~")}


def at(path: str) -> Dict[str, Any]:
    """What is to know of the place of one environment."""
    place = location.describe(path)
    return {
        "path": place,
        "free_mb": location.free_mb(place["absolute"]),
        "environment": location.environment(place["absolute"]),
        "builds": source_facts.wheels(place["absolute"]),
    }


def accounts(asked: Mapping[str, Iterable[str]]) -> Dict[str, Dict[str, Any]]:
    """Which of the groups and users that are asked about the host knows, its directory service included; and of the paths that
    root or the acting user is to write which directories must not be believed.
    """
    paths = [path for path in asked.get("paths") or [] if os.path.isabs(path)]
    found: Dict[str, Dict[str, Any]] = {
        "groups": {},
        "users": {},
        "paths": {path: location.untrusted(path) for path in paths},
    }
    ask: Mapping[str, Callable[[str], object]] = {"groups": grp.getgrnam, "users": pwd.getpwnam}
    for kind, look_up in ask.items():
        for name in asked.get(kind) or []:
            try:
                look_up(name)
            except KeyError:
                found[kind][name] = False
            else:
                found[kind][name] = True
    return found


def _docker(data_root: str) -> Dict[str, Any]:
    # Of the look at a host, this is most of what its Python has to read, and few hosts are asked for it.
    from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import facts as docker_facts

    return docker_facts.describe(data_root)


def _package_cache(url: str) -> Optional[Dict[str, Any]]:
    # Without a cache, what it takes to ask for one is not worth its reading.
    if not url:
        return None
    from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache

    return package_cache.fact(url)


def gather(
    paths: List[str],
    receipts_dir: str = drift.DIRECTORY,
    pci_devices: str = pci.DEVICES,
    driver_proc: str = nvidia.PROC,
    docker_data_root: Optional[str] = None,
    asked_accounts: Optional[Mapping[str, Iterable[str]]] = None,
    package_cache_url: str = "",
) -> Dict[str, Any]:
    """All host facts; those about Docker only where its data root, which may be empty, is given.

    paths: where environments are, or are to be. The facts themselves are of the first one, `places` has those that differ by path.
    """
    who = user()
    search = interpreters.Search(interpreters.directories(who["home"], os.environ.get("PATH", "")))
    places = {path: at(path) for path in paths}
    first = places[paths[0]]
    devices = pci.nvidia_devices(pci_devices)
    gpus = pci.gpus(devices)
    driver = {
        "installed": nvidia.installed() if gpus else None,
        "loaded": nvidia.loaded(driver_proc),
        "fabric_manager": nvidia.fabric_manager() if pci.nvswitches(devices) else None,
    }
    signed_only = secure_boot.is_on()
    if gpus and driver["loaded"]:
        nvidia.describe(gpus, driver_proc)
    for gpu in gpus:
        del gpu["address"]
    facts: Dict[str, Any] = dict(distribution())
    facts.update(
        architecture=os.uname().machine,
        kernel=os.uname().release,
        glibc=glibc(),
        cpu_flags=cpu_flags(),
        gpus=gpus,
        nvswitches=pci.nvswitches(devices),
        driver=driver,
        cuda=nvidia.by_hand() if gpus else {"directory": False, "uninstallers": []},
        secure_boot=signed_only,
        secure_boot_key=secure_boot.key() if gpus and signed_only else {"file": None, "enrolled": None},
        become=may_become_root(),
        user=who,
        accounts=accounts(asked_accounts or {}),
        path=first["path"],
        free_mb=first["free_mb"],
        environment=first["environment"],
        places=places if len(places) > 1 else {},
        receipts=drift.survey(receipts_dir, [place["path"]["absolute"] for place in places.values()]),
        pythons=search.pythons(),
        source=dict(source_facts.describe(), builds=first["builds"]),
        docker=None if docker_data_root is None else _docker(docker_data_root),
        package_cache=_package_cache(package_cache_url),
    )
    return facts
