# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a plan's roles have something to do: their receipts held against the plan, on the controller."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import without_logins
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import RUN_ONLY, SHARED_ROLES, part
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import role as registered
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import package_cache
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts.role_code import COLLECTION, code

CACHED_BY = ("package_cache_url", "package_cache_only", "package_cache_origins", "package_cache_registry")
# All users of a host can read receipts, so a hash over a login would let them try passwords. For these roles a login only leads to what
# they fetch, and stands nowhere on the host: a new one is no reason to fetch that anew.
LOGINS_LEAD = ("conda", "tensorflow_pip", "tensorflow_source", "tensorflow_docker")
# These write logins into files of root's alone. Whether they have changed, only a run of the role can tell.
LOGINS_KEPT = ("docker",)
# A role's variables of such names decide nothing of what it does: one asks for one more run of it, others are what a run of it gave.
AGAIN = "_refresh"
NOT_DECISIVE = (AGAIN, "_result", "_results")


def roles(root: Path = COLLECTION) -> list[str]:
    """The names of the collection's roles."""
    return sorted(entry.name for entry in (root / "roles").iterdir() if entry.is_dir())


def plain(value: Any) -> Any:
    """The value as JSON can write it. Ansible passes mappings and lists that make their items when asked for them."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [plain(item) for item in value]
        return sorted(items, key=repr) if isinstance(value, (set, frozenset)) else items
    return str(value)


def _without_logins(value: Any) -> Any:
    """The same data without the logins of URLs."""
    if isinstance(value, str):
        return without_logins(value)
    if isinstance(value, dict):
        return {key: _without_logins(one) for key, one in value.items()}
    return [_without_logins(one) for one in value] if isinstance(value, list) else value


def _own(role: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a role that decide what it does."""
    own = {}
    for name in sorted(str(name) for name in variables):
        if name.startswith(f"{role}_") and name not in RUN_ONLY and not name.endswith(NOT_DECISIVE):
            value = plain(variables[name])
            own[name] = _contents(value) if name.endswith("_files") else value
    return own


def _keeps_a_login(role: str, variables: Mapping[str, Any]) -> bool:
    """Whether the role keeps a login where the look at the host cannot see it."""
    if role not in LOGINS_KEPT:
        return False
    own = _own(role, variables)
    return bool(own != _without_logins(own))


def _contents(value: Any) -> Any:
    """Files of the controller by their content: where they lie does not matter, nor that one is missing so far."""
    if not isinstance(value, list):
        return value if value is None or isinstance(value, Mapping) else _contents([value])
    contents = []
    for name in map(str, value):
        file = Path(name).expanduser()
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
        contents.append([file.name, digest])
    return contents


def _of_the_cache(role: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What of the package cache a role's files name. Whether it answers is no matter: what it gives is what the origin has."""
    if registered(role).uses_package_cache:
        return {name: plain(variables[name]) for name in CACHED_BY if variables.get(name)}
    if role == "tensorflow_pip" and package_cache.only(variables):  # users' pip is told of it as well
        return {name: plain(variables.get(name)) for name in CACHED_BY[:2]}
    return {}


def _decided(plan: Mapping[str, Any], role: str) -> Any:
    """What of a plan decides what the role does."""
    # Of a build from source, its key says what it is; the rest is who makes it, and how.
    keys = registered(role).plan_keys
    if keys is None:
        keys = tuple("build.key" if key == "build" else key for key in plan if key != "notes")
    decided = plain({key: part(plan, key) for key in keys})
    # A planned interpreter has no path until it is installed, which must not look like another plan afterwards.
    if isinstance(decided.get("python"), dict) and decided["python"].get("provider") in ("system", "deadsnakes"):
        decided["python"]["path"] = (
            decided["python"].get("path") or f"/usr/bin/python{decided['python'].get('version')}"
        )
    # A nightly build that the host chose has no version until then.
    wanted = decided.get("tensorflow")
    if isinstance(wanted, dict) and wanted.get("channel") == "nightly" and "==" not in str(wanted.get("requirement")):
        wanted["version"] = None
    return decided


def inputs(
    plan: Mapping[str, Any],
    role: str,
    variables: Mapping[str, Any],
    root: Path = COLLECTION,
    plans: Iterable[Mapping[str, Any]] = (),
) -> str:
    """The hash of all that decides what the role does on a host: its code, the plan and the variables that are its own.

    The plan holds what the host variables request; the variables that count beside it are those named after the role.
    Of those whose names end in _files, which name files of the controller, the files' content counts. A login that is a secret on the
    host does not count.
    For a role that serves all environments of a host, `plans` are theirs.
    """
    own = {**_own(role, variables), **_of_the_cache(role, variables)}
    decided: Any = _decided(plan, role)
    if registered(role).all_plans:
        decided = [_decided(one, role) for one in list(plans) or [plan]]
    counted = [code(role, root), decided, own]
    if role in (*LOGINS_LEAD, *LOGINS_KEPT):
        counted = _without_logins(counted)
    text = json.dumps(counted, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _concerns(receipt: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether the receipt is for what the plan is about: of an environment's, the one that lies beside its path."""
    role, file = str(receipt["role"]), str(receipt["file"])
    parent, name = os.path.split(str(plan["path"]["absolute"]))
    store = os.path.join(parent, ".tensorwright")
    python = plan.get("python") or {}
    if role == "python" and python.get("provider") == "standalone":
        return file == os.path.join(store, "runtimes", f"python{python['version']}.json")
    if role == "conda":
        return file == os.path.join(store, "runtimes", "conda.json")
    if role == "tensorflow_source":
        return file == os.path.join(store, "builds", f"{name}.json")
    if not registered(role).receipt_beside:
        return "/.tensorwright/runtimes/" not in file
    return file == os.path.join(store, "receipts", f"{name}.json")


def environment(plan: Mapping[str, Any]) -> str:
    """By what name an environment relies on what roles have put on its host: its path; images have none."""
    return "docker" if plan.get("method") == "docker" else str(plan["path"]["absolute"])


def _inputs_for(receipt: Mapping[str, Any], plan: Mapping[str, Any]) -> str | None:
    """From which inputs the role has done what this environment needs; None where it has not written that down."""
    if receipt["role"] in SHARED_ROLES and "/.tensorwright/" not in str(receipt["file"]):
        return (receipt.get("environments") or {}).get(environment(plan))
    return str(receipt["inputs"])


def unneeded(host: Mapping[str, Any], names: Collection[str], gone: Collection[str] = ()) -> list[str]:
    """Those of the shared roles whose work no other environment than the named ones relies on, in the order of their removal.

    gone: roles whose work has been removed since the host facts were gathered.
    """
    on_host = [one for one in host.get("receipts") or [] if "/.tensorwright/" not in str(one["file"])]
    receipts = {str(one["role"]): one for one in on_host if one["role"] not in gone}
    # Nobody has written down who relies on what an older version has installed, so that stays.
    going = [
        role
        for role in SHARED_ROLES
        if role in receipts and receipts[role].get("environments") is not None
        if not set(receipts[role]["environments"]) - set(names)
    ]
    # Engines and drivers have their packages by the site's proxies, and get their updates by them.
    if set(receipts) - set(SHARED_ROLES) or "python" in set(receipts) - set(going):
        going = [role for role in going if role not in ("package_cache", "ca_certificates")]
    return going


def due(
    plan: Mapping[str, Any],
    host: Mapping[str, Any],
    variables: Mapping[str, Any],
    trust: bool = True,
    root: Path = COLLECTION,
    plans: Collection[Mapping[str, Any]] = (),
) -> list[str]:
    """Those of the plan's roles, in their order, that no receipt of this host shows to have nothing to do.

    plans: those of all environments of the host.
    """
    current = {
        str(receipt["role"]): _inputs_for(receipt, plan)
        for receipt in host.get("receipts") or []
        if not receipt["drift"] and _concerns(receipt, plan)
    }
    if (plan.get("tensorflow") or {}).get("moves"):
        current.pop("tensorflow_pip", None)  # what the index has by now, only a run can tell
    if _is_true(variables.get("tensorflow_rebuild")) or variables.get("tensorflow_validate") == "always":
        current.pop("tensorflow_pip", None)  # which proves the release in use, and builds it anew where that fails
    if (plan.get("build") or {}).get("makes"):  # for itself, or for others although it needs none
        current.pop("tensorflow_source", None)
    names = [str(role) for role in plan.get("roles") or []]
    if not trust:
        return names
    if (plan.get("driver") or {}).get("reboot"):  # all is installed as the receipt says, and not yet in use
        current.pop("nvidia_driver", None)
    return [
        role
        for role in names
        if _asked_again(role, variables)
        or _keeps_a_login(role, variables)
        or role not in current
        or current[role] != inputs(plan, role, variables, root, plans)
    ]


def due_at(
    plans: Iterable[Mapping[str, Any]],
    host: Mapping[str, Any],
    variables: Mapping[str, Any],
    trust: bool = True,
    places: Collection[str] | None = None,
    root: Path = COLLECTION,
) -> dict[str, list[str]]:
    """Role -> the places of the environments for which it has something to do, in the order of the plans.

    places: those that the run is for; without them all.
    """
    all_plans = list(plans)
    found: dict[str, list[str]] = {}
    for plan in all_plans:
        place = str(plan["path"]["given"])
        for role in due(plan, host, variables, trust, root, all_plans) if places is None or place in places else ():
            due_for = found.setdefault(role, [])
            if registered(role).per_environment or not due_for:
                due_for.append(place)
    return found


def _asked_again(role: str, variables: Mapping[str, Any]) -> bool:
    return _is_true(variables.get(f"{role}{AGAIN}"))


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "yes", "on", "1")
