# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts: what a role put on a host and from which inputs.

One counts only where nobody else than root, or the user as whom this runs, can have written it, and only in the file where that role's
receipt belongs: whoever can put a file beside an environment must not have root remove what the file names.

A receipt is only ever a shortcut to a result that the role's own tasks would give, so one that cannot be read or
understood counts as missing.

Beside a host's receipts lie intents: what a role is about to put there, written before it does. The receipt takes over what of it the
host has, so what a run that was cut off has done is found and undone as if it had ended.
"""

import contextlib
import glob
import grp
import json
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import host_lock, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import replace
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import footprints, rules
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts.footprints import (
    KINDS,
    LISTS,
    Footprint,
    drift,
    record,
)

SCHEMA = 1
DIRECTORY = "/var/lib/tensorwright/receipts"
CUT_OFF = "a run of role {0} was cut off before its end"


# -- the files --------------------------------------------------------------------------------------------------------


def _is_footprint(value: Any) -> bool:
    """Whether every kind that is there has its shape: a list for names alone, a mapping for all others."""
    if not isinstance(value, dict):
        return False
    kinds = [kind for kind in KINDS if kind in value]
    if not all(isinstance(value[kind], list if kind in LISTS else dict) for kind in kinds):
        return False
    names = [value[kind] for kind in kinds if kind in LISTS] + list(value.get("members", {}).values())
    return all(isinstance(some, list) and all(isinstance(name, str) for name in some) for some in names)


def read(file: str) -> Optional[Dict[str, Any]]:
    """The receipt in a file; None where it is missing, cannot be read, makes no sense, or somebody else may have written it."""
    try:
        receipt = json.loads(rules.text(file) or "")
    except ValueError:
        return None
    if not isinstance(receipt, dict) or receipt.get("schema") != SCHEMA or not _is_footprint(receipt.get("footprint")):
        return None
    if not all(isinstance(receipt.get(key), str) for key in ("role", "inputs")):
        return None
    return receipt if rules.belongs(receipt["role"], file) else None


def write(
    file: str, role: str, inputs: str, footprint: Footprint, check_mode: bool = False, environments: Sequence[str] = ()
) -> bool:
    """Write the receipt; tells whether there was anything to write. It takes over what was intended and is on the host.

    environments: which environments now rely on what the role has put on the host, beside those of before.
    Each has its inputs in place of the receipt, for the role may have done different things for them.
    """
    with _locked(file, role, check_mode):
        intent = read(_intent(file))
        if intent:
            footprint = union(footprint, found(intent["footprint"]))
        receipt: Dict[str, Any] = {"schema": SCHEMA, "role": role, "inputs": inputs, "footprint": footprint}
        before = read(file)
        if environments:
            known = (before or {}).get("environments")  # those that are gone too: of the new ones none may be there yet
            receipt["inputs"] = ""
            receipt["environments"] = dict(
                known if isinstance(known, dict) else {}, **dict.fromkeys(environments, inputs)
            )
        changed = before is None or {key: value for key, value in before.items() if key != "written"} != receipt
        if check_mode:
            return changed
        if changed:
            receipt["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            _save(file, receipt)
        if intent:
            safe_tree.unlink(_intent(file))
        return changed


def _save(file: str, content: Mapping[str, Any]) -> None:
    """Write a record, which is on the disk with its name before anything that it speaks of is done."""
    replace(file, json.dumps(content, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def _locked(file: str, role: str, check_mode: bool = False) -> Iterator[None]:
    """Hold the host's lock while a record of the host is read, changed and written; an environment's has the environment's own lock."""
    of_environment = os.path.basename(os.path.dirname(os.path.dirname(file))) == releases.STORE
    with host_lock.held("receipt of role {0}".format(role), check_mode or of_environment):
        yield


# -- what is intended -------------------------------------------------------------------------------------------------


def _intent(file: str) -> str:
    """Where the intent of a receipt's role lies."""
    return os.path.splitext(file)[0] + ".intent"


def union(first: Footprint, second: Footprint) -> Footprint:
    """What either of two footprints names, with the first one's values."""
    both: Footprint = {}
    for kind in KINDS:
        if kind in LISTS:
            both[kind] = sorted(set(first.get(kind) or []) | set(second.get(kind) or []))
        elif kind == "members":
            groups = (first.get(kind) or {}, second.get(kind) or {})
            names = sorted(set(groups[0]) | set(groups[1]))
            both[kind] = {name: sorted({one for each in groups for one in each.get(name) or []}) for name in names}
        else:
            both[kind] = dict(second.get(kind) or {}, **(first.get(kind) or {}))
    return both


def found(footprint: Footprint) -> Footprint:
    """What of an intended footprint is on the host now, as a receipt records it."""
    installed = dpkg.packages(list(footprint.get("packages") or {}) + list(footprint.get("held") or []))
    in_groups = footprint.get("members") or {}
    present: Footprint = {
        "packages": [name for name in footprint.get("packages") or {} if name in installed],
        "held": [name for name in footprint.get("held") or [] if name in installed and installed[name].held],
        "asked": [name for name in footprint.get("asked") or [] if name in installed],
        "files": [path for path in footprint.get("files") or {} if os.path.isfile(path)],
        "links": [path for path in footprint.get("links") or {} if os.path.islink(path)],
        "units": [name for name in footprint.get("units") or {} if any(footprints.unit_state(name).values())],
        "users": [name for name in footprint.get("users") or {} if footprints.user_id(name) is not None],
        "members": {group: sorted(set(names) & set(members(group))) for group, names in in_groups.items()},
        "trees": {path: rule for path, rule in (footprint.get("trees") or {}).items() if os.path.isdir(path)},
    }
    return record(present)


def members(group: str) -> List[str]:
    """Who is in a group by its own list."""
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:
        return []


def _new(request: Mapping[str, Any], known: Footprint) -> Footprint:
    """What a request names beyond a footprint, in a footprint's shape; nobody is put into a group who is in it already."""
    fresh: Footprint = {}
    for kind in sorted(request):
        names = request[kind] or []
        if kind == "members":
            put = {group: sorted(set(users) - set(members(group))) for group, users in dict(names).items()}
            ours = known.get(kind) or {}
            fresh[kind] = {group: users for group, users in put.items() if set(users) - set(ours.get(group) or [])}
        elif kind in LISTS:
            fresh[kind] = sorted(set(names) - set(known.get(kind) or []))
        else:
            values: Dict[str, Any] = dict(names or {}) if kind == "trees" else dict.fromkeys(names)
            fresh[kind] = {name: value for name, value in values.items() if name not in (known.get(kind) or {})}
    return {kind: names for kind, names in fresh.items() if names}


def intend(
    role: str,
    request: Mapping[str, Any],
    environments: Sequence[str] = (),
    check_mode: bool = False,
    directory: Optional[str] = None,
) -> bool:
    """Write down what a role is about to put on the host, beyond what its receipt names; tells whether there was anything to write.

    request: as record() takes it. What of it is on the host already belongs in it only where the role is to remove it one day.
    """
    file = os.path.join(directory or DIRECTORY, role + ".json")
    with _locked(file, role, check_mode):
        before = read(_intent(file)) or {"footprint": {}, "environments": {}}
        fresh = _new(request, union((read(file) or {}).get("footprint") or {}, before["footprint"]))
        if not fresh or check_mode:
            return bool(fresh)
        relying = dict(before.get("environments") or {}, **dict.fromkeys(environments, ""))
        intent = {"schema": SCHEMA, "role": role, "inputs": "", "environments": relying}
        _save(_intent(file), dict(intent, footprint=union(before["footprint"], fresh)))
        return True


def of_role(role: str, directory: Optional[str] = None) -> Footprint:
    """What a role has put on this host, by its receipt and by its intent."""
    return of_roles(directory).get(role) or union({}, {})


def of_roles(directory: Optional[str] = None) -> Dict[str, Footprint]:
    """Role -> what it has put on this host, by its receipt and by its intent."""
    return {one["role"]: one["footprint"] for one in _of_host(directory or DIRECTORY)}


def _of_host(directory: str) -> List[Dict[str, Any]]:
    """The host's receipts, each with what its role's intent adds; `file` is where the receipt is or would be."""
    names = glob.glob(os.path.join(glob.escape(directory), "*.json"))
    names += glob.glob(os.path.join(glob.escape(directory), "*.intent"))
    combined = []
    for file in sorted({os.path.splitext(name)[0] + ".json" for name in names}):
        receipt, intent = read(file), read(_intent(file))
        if intent is None and receipt is None:
            continue
        one = dict(receipt or intent or {}, file=file, receipt=receipt, intended=intent is not None)
        if intent:
            one["footprint"] = union((receipt or {}).get("footprint") or {}, intent["footprint"])
            if receipt is None or isinstance(receipt.get("environments"), dict):
                own = (receipt or {}).get("environments") or {}
                one["environments"] = dict(intent.get("environments") or {}, **own)
        one["footprint"], one["strange"] = rules.within(one["role"], file, one["footprint"])
        combined.append(one)
    return combined


def _relying(receipt: Mapping[str, Any]) -> Optional[Dict[str, str]]:
    """The environments that rely on what a receipt is for, as far as they are still there, with the inputs from which it was done for
    them; None where nobody has written down which.
    """
    named = receipt.get("environments")
    if not isinstance(named, dict):
        return None
    # What is no path stands for an environment that has none.
    return {one: inputs for one, inputs in named.items() if not os.path.isabs(one) or not footprints.is_missing(one)}


def remove(file: str, check_mode: bool = False) -> bool:
    """Remove the receipt with its role's intent, and the directories that were made for receipts once they are empty."""
    there = [path for path in (_intent(file), file) if os.path.lexists(path)]
    if check_mode or not there:
        return bool(there)
    with _locked(file, os.path.splitext(os.path.basename(file))[0]):
        for path in there:
            safe_tree.unlink(path)
        directory = os.path.dirname(file)
        for place, names in (
            (directory, ("receipts",)),
            (os.path.dirname(directory), ("tensorwright", releases.STORE)),
        ):
            if os.path.basename(place) not in names or os.listdir(place):
                break
            safe_tree.rmdir(place)
    return True


def survey(directory: str, paths: Iterable[str]) -> List[Dict[str, Any]]:
    """Every receipt of the host with what its role's intent adds, and those of the environments at these paths, held against the host.

    What is only intended is no drift by itself: that the role did not come to its end is.
    """
    receipts = _of_host(directory)
    for path in paths:
        own = [location.receipt(path), location.build_receipt(path)] + location.runtime_receipts(path)
        known = [one["file"] for one in receipts]
        read_ones = [(file, read(file)) for file in own if file not in known]
        receipts += [dict(one, file=file, receipt=one, intended=False, strange=[]) for file, one in read_ones if one]
    written = [one["receipt"]["footprint"] for one in receipts if one["receipt"]]
    installed = dpkg.packages(name for footprint in written for name in footprints.package_names(footprint))
    surveyed = []
    for one in receipts:
        facts = {key: one[key] for key in ("role", "inputs", "footprint", "file")}
        wrong = [
            "{0} names {1}, which role {2} cannot have made".format(one["file"], name, one["role"])
            for name in one["strange"]
        ]
        wrong += [CUT_OFF.format(one["role"])] * one["intended"]
        recorded, _strange = rules.within(one["role"], one["file"], (one["receipt"] or {}).get("footprint") or {})
        try:
            facts.update(drift=wrong + drift(recorded, installed), environments=_relying(one))
        except (AttributeError, TypeError):  # a footprint of another shape than record() gives: no receipt of ours
            continue
        surveyed.append(facts)
    return surveyed
