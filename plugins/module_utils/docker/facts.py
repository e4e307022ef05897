# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host decides whether Docker can be had there as asked, as an ordinary user can see it."""

import os
import pwd
import re
from typing import Any, Dict, List, Optional, Set

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import daemon_config, image_store
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location

DATA_ROOT = "/var/lib/docker"
ROUTES = "/proc/net/route"
INTERFACES = "/sys/class/net"
SUBIDS = ("/etc/subuid", "/etc/subgid")
ENOUGH_SUBIDS = 65536
# The engine's packages by their makers: Docker's own, the distributions', and those of long ago.
ENGINES = {
    "docker": (
        "containerd.io",
        "docker-buildx-plugin",
        "docker-ce",
        "docker-ce-cli",
        "docker-ce-rootless-extras",
        "docker-compose-plugin",
        "docker-model-plugin",
    ),
    "distribution": (
        "containerd",
        "docker-buildx",
        "docker-cli",
        "docker-compose",
        "docker-compose-v2",
        "docker-doc",
        "docker.io",
        "runc",
    ),
    "retired": ("docker", "docker-engine", "lxc-docker", "podman-docker"),
}


def _names(file: str) -> Set[str]:
    """The users that have enough subordinate ids in a file, which may name them by number."""
    found = set()
    for who, count in re.findall(r"^([^:#\s]+):\d+:(\d+)\s*$", text(file), re.MULTILINE):
        if int(count) >= ENOUGH_SUBIDS:
            found.add(_name(who))
    return found


def _name(who: str) -> str:
    try:
        return pwd.getpwuid(int(who)).pw_name if who.isdigit() else who
    except KeyError:
        return who


def subids(nsswitch: str = "/etc/nsswitch.conf") -> Optional[List[str]]:
    """The users whom the files give subordinate ids; None where something else than the files gives them."""
    sources = re.findall(r"^subid:\s*(.*)$", text(nsswitch), re.MULTILINE)
    if sources and sources[0].split() != ["files"]:
        return None
    return sorted(_names(SUBIDS[0]) & _names(SUBIDS[1]))


def mtu(routes: str = ROUTES, interfaces: str = INTERFACES) -> Optional[int]:
    """The largest packet in bytes, headers included, that all default routes' interfaces take; None where there is no such route."""
    rows = [line.split() for line in text(routes).splitlines()[1:]]
    names = {row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"}  # destination and mask
    sizes = [text(os.path.join(interfaces, name, "mtu")).strip() for name in names]
    return min((int(size) for size in sizes if size.isdigit()), default=None)


def describe(data_root: str, file: str = daemon_config.FILE, status: str = dpkg.STATUS) -> Dict[str, Any]:
    """What there is; `data_root` is the one that is wanted, nothing the one of the engine's settings or its default."""
    settings, error = {}, None  # type: Dict[str, Any], Optional[str]
    try:
        settings = daemon_config.load(file)[1]
    except daemon_config.DaemonJsonError as wrong:
        error = str(wrong)
    except OSError:  # not to be read by this user, so nothing is known of it
        pass
    root = str(data_root or settings.get("data-root") or settings.get("graph") or DATA_ROOT)
    there = dpkg.packages((name for names in ENGINES.values() for name in names), status)
    return {
        "engines": {maker: [name for name in names if name in there] for maker, names in ENGINES.items()},
        "settings_error": error,
        "data_root": root,
        "free_mb": location.free_mb(os.path.join(root, "image")),
        "subids": subids(),
        "mtu": mtu(),
        "images": image_store.Store().read(),
    }
