# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts: what a role put on a host and from which inputs.

One counts only where nobody else than root, or the user as whom this runs, can have written it, and only in the file where that role's
receipt belongs: whoever can put a file beside an environment must not have root remove what the file names.

A receipt is only ever a shortcut to a result that the role's own tasks would give, so one that cannot be read or
understood counts as missing, and whatever cannot be checked as an ordinary user is not held against the host.
"""

import glob
import grp
import json
import os
import pwd
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils import (
    daemon_json,
    dpkg,
    location,
    permissions,
    receipt_rules,
    releases,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.distributions import distributions, normal
from ansible_collections.tensorwright.fleet.plugins.module_utils.files import replace, sha256

SCHEMA = 1
DIRECTORY = "/var/lib/tensorwright/receipts"
KINDS = (
    *("packages", "held", "asked", "files", "links", "distributions"),
    *("units", "users", "members", "settings", "images", "trees"),
)
UNITS = "/etc/systemd/system"
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
    return sha256(path)


def _unit(name: str) -> Dict[str, bool]:
    """A unit's state by the links and control groups that systemd keeps for it."""
    wanted = (glob.glob("{0}/*.{1}/{2}".format(UNITS, kind, glob.escape(name))) for kind in ("wants", "requires"))
    return {
        "enabled": any(wanted),
        "active": any(os.path.isdir(os.path.join(top, "system.slice", name)) for top in CONTROL_GROUPS),
    }


def _uid(name: str) -> Optional[int]:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _missing(path: str) -> bool:
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
    or nothing where all may read it and its owner alone may write.
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
        "units": {name: _unit(name) for name in asked["units"]},
        "users": {name: _uid(name) for name in asked["users"]},
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


def _package_names(footprint: Footprint) -> List[str]:
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
        if _missing(path):
            yield "{0} is missing".format(path)
        elif os.access(path, os.R_OK) and sha256(path) != digest:
            yield "{0} was edited".format(path)


def _links_drift(footprint: Footprint) -> Iterable[str]:
    for path, target in sorted((footprint.get("links") or {}).items()):
        now = _target(path)
        if _missing(path):
            yield "{0} is missing".format(path)
        elif now is None and not os.path.islink(path):
            yield "{0} is no longer a link".format(path)
        elif now != target:
            yield "{0} points to {1} instead of {2}".format(path, now, target)


def _distributions_drift(footprint: Footprint) -> Iterable[str]:
    for place, names in sorted((footprint.get("distributions") or {}).items()):
        present = distributions(place)
        if present is None:
            if _missing(place):
                yield "{0} is missing".format(place)
            continue
        for name, version in sorted(names.items()):
            if name not in present:
                yield "{0} is missing from {1}".format(name, place)
            elif version not in (None, present[name]):
                yield "{0} in {1} is {2} instead of {3}".format(name, place, present[name], version)


def _units_drift(footprint: Footprint) -> Iterable[str]:
    for name, state in sorted((footprint.get("units") or {}).items()):
        now = _unit(name)
        if state.get("enabled") and not now["enabled"]:
            yield "{0} is no longer enabled".format(name)
        if state.get("active") and not now["active"]:
            yield "{0} is not running".format(name)


def _users_drift(footprint: Footprint) -> Iterable[str]:
    for name, uid in sorted((footprint.get("users") or {}).items()):
        now = _uid(name)
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
            lacking = daemon_json.missing(daemon_json.load(path)[1], ours)
        except daemon_json.DaemonJsonError as error:
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
    from ansible_collections.tensorwright.fleet.plugins.module_utils import docker_images

    for name in docker_images.lost(images):
        yield "the image {0} is gone".format(name)


def _trees_drift(footprint: Footprint) -> Iterable[str]:
    for path, rule in sorted((footprint.get("trees") or {}).items()):
        if rule and _missing(path):
            yield "{0} is missing".format(path)
        group = rule.get("group", "")
        yield from permissions.sentences(path, permissions.look(path, group, bool(rule.get("private"))), group)


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
        installed = dpkg.packages(_package_names(footprint))
    return list(_packages_drift(footprint, installed)) + [line for check in CHECKS for line in check(footprint)]


# -- the files --------------------------------------------------------------------------------------------------------


def _is_footprint(value: Any) -> bool:
    """Whether every kind that is there has its shape: a list for names alone, a mapping for all others."""
    return isinstance(value, dict) and all(
        isinstance(value[kind], list if kind in ("held", "asked") else dict) for kind in KINDS if kind in value
    )


def read(file: str) -> Optional[Dict[str, Any]]:
    """The receipt in a file; None where it is missing, cannot be read, makes no sense, or somebody else may have written it."""
    try:
        receipt = json.loads(receipt_rules.text(file) or "")
    except ValueError:
        return None
    if not isinstance(receipt, dict) or receipt.get("schema") != SCHEMA or not _is_footprint(receipt.get("footprint")):
        return None
    if not all(isinstance(receipt.get(key), str) for key in ("role", "inputs")):
        return None
    return receipt if receipt_rules.belongs(receipt["role"], file) else None


def write(
    file: str, role: str, inputs: str, footprint: Footprint, check_mode: bool = False, environments: Sequence[str] = ()
) -> bool:
    """Write the receipt; tells whether there was anything to write.

    environments: which environments now rely on what the role has put on the host, beside those of before.
    Each has its inputs in place of the receipt, for the role may have done different things for them.
    """
    receipt: Dict[str, Any] = {"schema": SCHEMA, "role": role, "inputs": inputs, "footprint": footprint}
    before = read(file)
    if environments:
        known = (before or {}).get("environments")  # those that are gone as well: of the new ones none may be there yet
        receipt["inputs"] = ""
        receipt["environments"] = dict(known if isinstance(known, dict) else {}, **dict.fromkeys(environments, inputs))
    if before is not None and {key: value for key, value in before.items() if key != "written"} == receipt:
        return False
    if not check_mode:
        receipt["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        replace(file, json.dumps(receipt, indent=2, sort_keys=True) + "\n")
    return True


def _relying(receipt: Mapping[str, Any]) -> Optional[Dict[str, str]]:
    """The environments that rely on what a receipt is for, as far as they are still there, with the inputs from which it was done for
    them; None where nobody has written down which.
    """
    named = receipt.get("environments")
    if not isinstance(named, dict):
        return None
    # What is no path stands for an environment that has none.
    return {one: inputs for one, inputs in named.items() if not os.path.isabs(one) or not _missing(one)}


def remove(file: str, check_mode: bool = False) -> bool:
    """Remove the receipt, and the directories that were made for receipts once they are empty."""
    if not os.path.lexists(file):
        return False
    if not check_mode:
        os.unlink(file)
        directory = os.path.dirname(file)
        for place, names in (
            (directory, ("receipts",)),
            (os.path.dirname(directory), ("tensorwright", releases.STORE)),
        ):
            if os.path.basename(place) not in names or os.listdir(place):
                break
            os.rmdir(place)
    return True


def survey(directory: str, paths: Iterable[str]) -> List[Dict[str, Any]]:
    """Every receipt of the host, and those of the environments at these paths, each held against the host."""
    files = sorted(glob.glob(os.path.join(glob.escape(directory), "*.json")))
    for path in paths:
        own = [location.receipt(path), location.build_receipt(path)] + location.runtime_receipts(path)
        files += [file for file in own if file not in files]
    receipts = [(file, receipt) for file, receipt in zip(files, map(read, files)) if receipt is not None]
    installed = dpkg.packages(name for _file, receipt in receipts for name in _package_names(receipt["footprint"]))
    found = []
    for file, receipt in receipts:
        facts = {key: receipt[key] for key in ("role", "inputs")}
        try:
            footprint, strange = receipt_rules.within(receipt["role"], file, receipt["footprint"])
            wrong = [
                "{0} names {1}, which role {2} cannot have made".format(file, name, facts["role"]) for name in strange
            ]
            facts.update(
                file=file,
                footprint=footprint,
                drift=wrong + drift(footprint, installed),
                environments=_relying(receipt),
            )
        except (AttributeError, TypeError):  # a footprint of another shape than record() gives: no receipt of ours
            continue
        found.append(facts)
    return found
