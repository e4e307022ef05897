# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a release was sealed with, and their sizes: what a look at the release holds against what is there.

    {"lib/python3.11/site-packages/numpy": {"__init__.py": 25000, …}, …}        in the release's .tensorwright.files

Files are written into a release only while it is made. Of its settings, which people edit, and of what later runs write, it only counts
that they are there and not empty; files that came later do not count at all.
"""

import json
import os
import re
import stat
from typing import Dict, List, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, permissions
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import wheel_records

LIST = ".tensorwright.files"
PACKAGES = os.sep + "site-packages"
# Below the release: written by later runs (the first two do not matter at all), and settings of whoever uses it.
IGNORED = re.compile(r"(\.tensorwright\..*|pip\.conf|\.lock|conda-meta/history)$")
CHANGING = re.compile(r"([^/]+|bin/(activate.*|Activate\.ps1|tensorflow-env)|etc/.*)$")

Sizes = Dict[str, Dict[str, int]]


def measure(release: str) -> Sizes:
    """Return the sizes of the files of a release that is whole, by directory; '' is the release itself."""
    found: Sizes = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        sizes = {}
        with os.scandir(os.path.join(release, inside)) as entries:
            for entry in entries:
                name = os.path.join(inside, entry.name)
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(name)
                elif not IGNORED.match(name):
                    sizes[entry.name] = permissions.ANY if CHANGING.match(name) and status.st_size else status.st_size
        if sizes:
            found[inside] = sizes
    return found


def listed(release: str) -> bool:
    """Tell whether there is a list."""
    return os.path.exists(os.path.join(release, LIST))


def write(release: str) -> None:
    """Write down what is in a release that is whole now."""
    text = json.dumps(measure(release), separators=(",", ":"), sort_keys=True) + "\n"
    files.replace(os.path.join(release, LIST), text)


def read(release: str) -> Optional[Sizes]:
    """Return what was written down; None where nothing was, or it makes no sense."""
    try:
        found = json.loads(files.text(os.path.join(release, LIST)))
    except ValueError:
        return None
    whole = isinstance(found, dict) and all(isinstance(sizes, dict) for sizes in found.values())
    return found if whole else None


def words(release: str, damaged: List[str]) -> str:
    """Return what is damaged as a sentence goes on after the release's name; nothing where nothing is."""
    if not damaged:
        return ""
    first = os.path.relpath(min(damaged), release)
    more = " and {0} more are".format(len(damaged) - 1) if len(damaged) > 1 else " is"
    return "is damaged: {0}{1} missing or not as installed".format(first, more)


def look(release: str) -> Tuple[permissions.Findings, List[str]]:
    """Return what is wrong with who may read and write a release that has such a list, and which of its files are damaged.

    What is as large as it was, but was written since, is held against the hash that came with its wheel.
    """
    path, sizes = os.path.join(release, LIST), read(release)
    if sizes is None:
        return permissions.look(release), [path]
    found, lost = permissions.compare(release, permissions.Known(sizes, os.stat(path).st_mtime))
    places = {path.partition(PACKAGES)[0] + PACKAGES for path in lost.touched if PACKAGES in path}
    altered = (bad for place in sorted(places) for bad in wheel_records.altered(place, lost.touched))
    return found, lost.damaged + list(altered)
