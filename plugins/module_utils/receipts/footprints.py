# SPDX-License-Identifier: GPL-3.0-or-later
"""Footprints: what a role put on a host, recorded as it is, and held against the host later on.

Whatever cannot be checked as an ordinary user is not held against the host.
"""

import glob
import grp
import os
import pwd
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import sha256
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import daemon_config
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import release_files
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.distributions import distributions, normal

LISTS = ("held", "asked")  # kinds that are names alone
KINDS = (
    *("packages", "held", "asked", "files", "links", "distributions"),
    *("units", "users", "members", "settings", "images", "trees"),
)
UNITS = "/etc/systemd/system"
WITHHELD = "withheld"  # in place of the hash of a file with a login, which is root's alone
LOOKED_AT = 1 << 20  # bytes of a file in which a login is looked for
CONTROL_GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")

Footprint = Dict[str, Any]


# -- how things are on the host ---------------------------------------------------------------------------------------


def _target(path: str) -> Optional[str]:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _hash(path: str) -> Optional[str]:
    if os.path.isdir(path):
        raise ValueError("{0} is a directory: a footprint names the files".format(path))
    # All users may read receipts: the hash of a file that they may not read would let them try passwords.
    return WITHHELD if _holds_a_login(path) else sha256(path)


def _holds_a_login(path: str) -> bool:
    """Tell whether a file that not everybody may read has a login in a URL."""
    try:
        if os.stat(path).st_mode & 0o004:
            return False
        with open(path, "rb") as file:
            return re.search(rb"\w://[^/\s]*@", file.read(LOOKED_AT)) is not None
    except OSError:
        return False


def unit_state(name: str) -> Dict[str, bool]:
    """A unit's state by the links and control groups that systemd keeps for it."""
    wanted = (glob.glob("{0}/*.{1}/{2}".format(UNITS, kind, glob.escape(name))) for kind in ("wants", "requires"))
    return {
        "enabled": any(wanted),
        "active": any(os.path.isdir(os.path.join(top, "system.slice", name)) for top in CONTROL_GROUPS),
    }


def user_id(name: str) -> Optional[int]:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def is_missing(path: str) -> bool:
    """Surely not there: a place that this user may not look into proves nothing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


# -- what a role declares, as it is now -------------------------------------------------------------------------------


def record(request: Mapping[str, Any]) -> Footprint:
    """The footprint that a role declares, with the hashes, targets and versions that the host has now.

    packages: names, or name -> whether exactly the version of now is right; held, files, links, units, users: names;
    asked: those of the packages that the role asked for, the others came along;
    distributions: site-packages directory -> names; members: group -> users; settings: file in the form of daemon.json -> those of
    its settings that are the role's; images: id -> name; trees: directory -> the group that may write to it and whether it is private,
    or nothing where all may read it and its owner alone may write; for a release, that its files count, and whether it is a user's own.
    """
    strange = sorted(set(request) - set(KINDS))
    if strange:
        raise ValueError("a footprint has no {0}; it has {1}".format(", ".join(strange), ", ".join(KINDS)))
    asked = {kind: request.get(kind) or [] for kind in KINDS}
    pinned = asked["packages"] if isinstance(asked["packages"], Mapping) else dict.fromkeys(asked["packages"], False)
    installed = dpkg.packages(name for name, pin in pinned.items() if pin)
    footprint: Footprint = {
        "packages": {name: installed[name].version if name in installed else None for name in pinned},
        "held": sorted(asked["held"]),
        "asked": sorted(asked["asked"]),
        "files": {path: _hash(path) for path in asked["files"]},
        "links": {path: _target(path) for path in asked["links"]},
        "distributions": {},
        "units": {name: unit_state(name) for name in asked["units"]},
        "users": {name: user_id(name) for name in asked["users"]},
        "members": {group: sorted(names) for group, names in dict(asked["members"]).items()},
        "settings": dict(asked["settings"]),
        "images": dict(asked["images"]),
        "trees": {path: dict(rule or {}) for path, rule in dict(asked["trees"]).items()},
    }
    for place, names in dict(asked["distributions"]).items():
        present = distributions(place) or {}
        footprint["distributions"][place] = {normal(name): present.get(normal(name)) for name in names}
    return footprint


# -- what has changed since -------------------------------------------------------------------------------------------


def package_names(footprint: Footprint) -> List[str]:
    return list(footprint.get("packages") or {}) + list(footprint.get("held") or [])


def _packages_drift(footprint: Footprint, installed: Mapping[str, dpkg.Package]) -> Iterable[str]:
    packages, held = footprint.get("packages") or {}, footprint.get("held") or []
    for name, version in sorted(packages.items()):
        if name not in installed:
            yield "package {0} is not installed".format(name)
        elif version not in (None, installed[name].version):
            yield "package {0} is {1} instead of {2}".format(name, installed[name].version, version)
    for name in held:
        if name in installed and not installed[name].held:
            yield "package {0} is no longer held".format(name)


def _files_drift(footprint: Footprint) -> Iterable[str]:
    for path, digest in sorted((footprint.get("files") or {}).items()):
        if is_missing(path):
            yield "{0} is missing".format(path)
        elif digest != WITHHELD and os.access(path, os.R_OK) and sha256(path) != digest:
            yield "{0} was edited".format(path)


def _links_drift(footprint: Footprint) -> Iterable[str]:
    for path, target in sorted((footprint.get("links") or {}).items()):
        now = _target(path)
        if is_missing(path):
            yield "{0} is missing".format(path)
        elif now is None and not os.path.islink(path):
            yield "{0} is no longer a link".format(path)
        elif now != target:
            yield "{0} points to {1} instead of {2}".format(path, now, target)


def _distributions_drift(footprint: Footprint) -> Iterable[str]:
    for place, names in sorted((footprint.get("distributions") or {}).items()):
        present = distributions(place)
        if present is None:
            if is_missing(place):
                yield "{0} is missing".format(place)
            continue
        for name, version in sorted(names.items()):
            if name not in present:
                yield "{0} is missing from {1}".format(name, place)
            elif version not in (None, present[name]):
                yield "{0} in {1} is {2} instead of {3}".format(name, place, present[name], version)


def _units_drift(footprint: Footprint) -> Iterable[str]:
    for name, state in sorted((footprint.get("units") or {}).items()):
        now = unit_state(name)
        if state.get("enabled") and not now["enabled"]:
            yield "{0} is no longer enabled".format(name)
        if state.get("active") and not now["active"]:
            yield "{0} is not running".format(name)


def _users_drift(footprint: Footprint) -> Iterable[str]:
    for name, uid in sorted((footprint.get("users") or {}).items()):
        now = user_id(name)
        if now is None:
            yield "user {0} is gone".format(name)
        elif now != uid:
            yield "user {0} has the id {1} instead of {2}".format(name, now, uid)


def _members_drift(footprint: Footprint) -> Iterable[str]:
    for group, names in sorted((footprint.get("members") or {}).items()):
        try:
            now = grp.getgrnam(group).gr_mem
        except KeyError:
            yield "group {0} is gone".format(group)
            continue
        yield from ("user {0} is no longer in group {1}".format(name, group) for name in names if name not in now)


def _settings_drift(footprint: Footprint) -> Iterable[str]:
    for path, ours in sorted((footprint.get("settings") or {}).items()):
        try:
            lacking = daemon_config.missing(daemon_config.load(path)[1], ours)
        except daemon_config.DaemonJsonError as error:
            yield str(error)
        except OSError:  # not to be read by this user
            continue
        else:
            yield from ("{0} in {1} is no longer as it was set".format(name, path) for name in lacking)


def _images_drift(footprint: Footprint) -> Iterable[str]:
    images = footprint.get("images")
    if not images:
        return
    # Of the look at a host, what asks Docker is most of what its Python has to read, and few hosts have images.
    from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import image_store

    for name in image_store.lost(images):
        yield "the image {0} is gone".format(name)


def _trees_drift(footprint: Footprint) -> Iterable[str]:
    for path, rule in sorted((footprint.get("trees") or {}).items()):
        if rule and is_missing(path):
            yield "{0} is missing".format(path)
        if rule.get("files"):
            said = any(_distributions_drift(footprint))  # which names the package, and not its files
            yield from () if is_missing(path) else _release_drift(path, bool(rule.get("own")), not said)
            continue
        group = rule.get("group", "")
        yield from permissions.sentences(path, permissions.look(path, group, bool(rule.get("private"))), group)


def _release_drift(path: str, own: bool, with_damage: bool) -> Iterable[str]:
    """A release with a list of its files; of a user's own one, who may read and write them is that user's business."""
    found, damaged = release_files.look(path)
    if damaged and with_damage:
        yield "{0} {1}".format(path, release_files.words(path, damaged))
    if not own:
        yield from permissions.sentences(path, found)


CHECKS: Iterable[Callable[[Footprint], Iterable[str]]] = (
    _files_drift,
    _links_drift,
    _distributions_drift,
    _units_drift,
    _users_drift,
    _members_drift,
    _settings_drift,
    _images_drift,
    _trees_drift,
)


def drift(footprint: Footprint, installed: Optional[Mapping[str, dpkg.Package]] = None) -> List[str]:
    """The differences between a footprint and the host, one plain sentence each.

    installed: what dpkg has of the footprint's packages, from a caller that asked for several footprints at once.
    """
    if installed is None:
        installed = dpkg.packages(package_names(footprint))
    return list(_packages_drift(footprint, installed)) + [line for check in CHECKS for line in check(footprint)]
