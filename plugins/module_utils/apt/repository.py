# SPDX-License-Identifier: GPL-3.0-or-later
"""An apt repository of somebody's on a host: its source with its key, and what older guides left of it."""

import glob
import os
import re
from typing import Any, Dict, List, Mapping

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import nvidia_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import Cache

Edit = nvidia_repository.Edit
RepositoryError = nvidia_repository.RepositoryError

LIST = "sources.list.d/tensorwright-{0}.list"
KEYRING = "keyrings/tensorwright-{0}.gpg"


def present(edit: Edit, asked: Mapping[str, Any], apt: str = "/etc/apt") -> List[str]:
    """Set the repository up; return the files that are ours. Raises RepositoryError before any change."""
    keyring, source = ours(asked["name"], apt)
    cache = Cache(asked.get("package_cache"))
    key = nvidia_repository.wanted_key(asked, keyring, "{0}_repository".format(asked["role"]))
    address = nvidia_repository.mirrored(edit, asked["name"], asked["url"], cache, apt)
    place = " ".join([address, asked["suite"]] + asked["components"])
    line = "deb [arch={0} signed-by={1}] {2}\n".format(asked["architecture"], keyring, place)
    repair(edit, apt, source, asked["url"], asked["retired"])
    nvidia_repository.repair_keyrings(edit, apt, asked["retired_keys"])
    edit.write(keyring, key)
    edit.write(source, line.encode("utf-8"))
    return [keyring, source] + ([address.partition(":")[2]] if address != asked["url"] else [])


def ours(name: str, apt: str = "/etc/apt") -> List[str]:
    """The keyring and the source file of a repository."""
    return [os.path.join(apt, KEYRING.format(name)), os.path.join(apt, LIST.format(name))]


def mirrors(name: str, apt: str = "/etc/apt") -> str:
    """The file with the places where a repository may be had."""
    return os.path.join(apt, nvidia_repository.MIRRORS.format(name))


def repair(edit: Edit, apt: str, ours_: str, url: str, retired: Mapping[str, str]) -> None:
    """Disable what other files name: the same repository, for which apt wants one key, and retired ones.

    retired: patterns of addresses, each with the reason.
    """
    same = apt_sources.address(url)
    reasons: Dict[str, str] = {
        re.escape(same) + r"(/.*)?": "the same repository, which another file names with its key"
    }
    reasons.update(retired)

    def unwanted(place: str) -> str:
        return next((why for pattern, why in reasons.items() if re.match(pattern + "$", place)), "")

    for path in [os.path.join(apt, "sources.list")] + sorted(glob.glob(os.path.join(apt, "sources.list.d", "*"))):
        if path == ours_ or not path.endswith((".list", ".sources")):
            continue
        changed, why = apt_sources.without(files.text(path), path.endswith(".sources"), unwanted)
        if why:
            edit.write(path, changed.encode("utf-8"), "{0}: disabled, {1}.".format(path, why[0]))


def absent(edit: Edit, name: str, url: str, apt: str = "/etc/apt", lists: str = "/var/lib/apt/lists") -> None:
    """Remove what is ours, and the lists that apt has of it."""
    there = [path for path in ours(name, apt) + [mirrors(name, apt)] if os.path.lexists(path)]
    for address in (url, nvidia_repository.mirror_file(name, apt)):
        for path in nvidia_repository.lists_of(address, lists) if there else ():
            edit.remove(path)
    for path in there:
        edit.remove(path)
