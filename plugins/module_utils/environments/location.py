# SPDX-License-Identifier: GPL-3.0-or-later
"""The place where an environment is to be: a link beside a directory of releases.

~/tensorflow -> .tensorwright/tensorflow/<release>
"""

import glob
import json
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.store import SEAL, STORE

LAUNCHER = "/usr/local/bin/tensorflow-docker"


def asked(item: Mapping[str, Any], path: str) -> str:
    """Where an item of tensorflow_environments is to be: its path, or what a host's method would make of it.

    Images have no path; the command that starts them stands for it.
    """
    default = {"docker": LAUNCHER, "native": "/opt/tensorflow"}.get(str(item.get("method")), path)
    return str(item.get("path") or default).strip()


def paths(path: str, environments: Any) -> List[str]:
    """The places of a host's environments: those of the items of tensorflow_environments that make sense, or the one."""
    items = (
        [item for item in environments if isinstance(item, Mapping)] if isinstance(environments, (list, tuple)) else []
    )
    found = [asked(item, path) for item in items]
    return sorted(set(found), key=found.index) or [path.strip()]


def absolute(path: str) -> str:
    """The path without its ~; one that is relative stays so, for there is nothing that it could be relative to."""
    return os.path.normpath(os.path.expanduser(path))


def releases(path: str) -> str:
    """The directory that holds the releases of the environment at this path."""
    return os.path.join(os.path.dirname(path), STORE, os.path.basename(path))


def receipt(path: str) -> str:
    """The receipt of the environment at this path."""
    return os.path.join(os.path.dirname(path), STORE, "receipts", os.path.basename(path) + ".json")


def runtime_receipts(path: str) -> List[str]:
    """The receipts of the runtimes that the environment at this path may stand on."""
    return sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(path)), STORE, "runtimes", "*.json")))


def build_receipt(path: str) -> str:
    """The receipt of the wheel that was built, or handed over, for the environment at this path."""
    return os.path.join(os.path.dirname(path), STORE, "builds", os.path.basename(path) + ".json")


def current(path: str) -> Optional[str]:
    """The release that the path's link leads to, if it is such a link."""
    try:
        target = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    except OSError:
        return None
    return target if os.path.dirname(target) == releases(path) else None


def _upwards(path: str) -> Iterator[str]:
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent in (path, ""):
            return
        path = parent


def standing(path: str) -> str:
    """The path itself or its nearest ancestor that exists."""
    return next((place for place in _upwards(path) if os.path.exists(place)), "/")


def _writable(path: str) -> bool:
    """May this user make the link and its release: the places that do not exist yet are judged by their ancestor."""
    places = {standing(os.path.dirname(path)), standing(releases(path))}
    return all(os.access(place, os.W_OK | os.X_OK) for place in places)


def describe(given: str) -> Dict[str, Any]:
    """What stands at the place and around it."""
    path = absolute(given)
    if not os.path.isabs(path):
        return {
            "given": given,
            "absolute": path,
            "blocked_by": None,
            "writable": False,
            "occupied": False,
            "filesystem": None,
            "untrusted": {},
        }
    above = [place for place in _upwards(os.path.dirname(path)) if os.path.lexists(place) and not os.path.isdir(place)]
    return {
        "given": given,
        "absolute": path,
        "blocked_by": above[-1] if above else None,
        "writable": not above and _writable(path),
        "occupied": os.path.lexists(path) and current(path) is None and not _led_astray(path),
        "filesystem": os.stat(standing(os.path.dirname(path))).st_dev,
        "untrusted": untrusted(releases(path)),
    }


def untrusted(path: str) -> Dict[str, Dict[str, str]]:
    """Which directory on the way to `path` must not be believed: by root, and by this user where the run stays that user.

    Each is a path, why, and whose it is; what is not here can be trusted, or is not for this user's eyes.
    """
    found = {}
    for who, owners in (("root", frozenset((0,))), ("user", safe_tree.owners())):
        fault = safe_tree.look(path, owners)
        if fault:
            found[who] = {"path": fault.path, "why": fault.why}
    return found


def _led_astray(path: str) -> bool:
    """Whether this is our link, which somebody has pointed elsewhere: its receipt tells that it was ours."""
    return os.path.islink(path) and os.path.exists(receipt(path))


def free_mb(path: str) -> Optional[int]:
    """The space left to an ordinary user where the environment is to be."""
    if not os.path.isabs(path):
        return None
    try:
        space = os.statvfs(standing(os.path.dirname(path)))
    except OSError:
        return None
    return space.f_bavail * space.f_frsize >> 20


def environment(path: str) -> Optional[Dict[str, Any]]:
    """The release in use and its seal; None where no environment is."""
    release = current(path)
    if release is None:
        return None
    try:
        sealed = json.loads(text(os.path.join(release, SEAL)))
    except ValueError:
        sealed = None
    return {"release": os.path.basename(release), "sealed": sealed}
