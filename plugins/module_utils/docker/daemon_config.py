# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file of the Docker daemon, which its owner, several roles and other programs write: merged, never overwritten.

Each role keeps a record of what it has set, and so knows what it may change or take out again. Everything else is foreign.
"""

import copy
import json
import os
import re
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, safe_tree

FILE = "/etc/docker/daemon.json"
RECORDS = "/var/lib/tensorwright/docker"
# Mappings of which several have an entry each, and lists to which several add.
SHARED = ("runtimes", "features", "log-opts")
UNITED = ("registry-mirrors", "insecure-registries")
# What the daemon takes over from the file while it runs, as long as the file still names it.
LIVE = (
    "debug",
    "default-runtime",
    "insecure-registries",
    "labels",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "registry-mirrors",
    "runtimes",
    "shutdown-timeout",
)
# With these changed, a daemon with live restore finds its running containers again after a restart.
HARMLESS = (
    *LIVE,
    "cdi-spec-dirs",
    "default-cgroupns-mode",
    "default-ulimits",
    "dns",
    "dns-opts",
    "dns-search",
    "features",
    "log-driver",
    "log-level",
    "log-opts",
    "mtu",
    "proxies",
)

Path = Tuple[str, ...]
Settings = Dict[str, Any]
Merge = NamedTuple(
    "Merge",
    [
        ("settings", Settings),  # what the file is to hold
        ("ours", Settings),  # what of it is the role's
        ("was", Settings),  # the foreign values in whose place the role's are
        ("conflicts", List[str]),  # one clause each; with any, nothing is to be changed
        ("told", List[str]),  # one sentence each about foreign values that stay or were replaced
    ],
)


class DaemonJsonError(ValueError):
    """The file is no settings file; the text is one clause that names it, and the line."""


def parse(text: str, path: str = FILE) -> Settings:
    """The settings in a text; an empty one has none. Raises DaemonJsonError."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        why = getattr(error, "msg", str(error))
        raise DaemonJsonError("{0} is not valid JSON: line {1}: {2}".format(path, line, why)) from None
    if not isinstance(found, dict):
        raise DaemonJsonError("{0} is not valid: line 1: it holds no JSON object".format(path))
    strange = [key for key in SHARED if not isinstance(found.get(key, {}), dict)]
    strange += [key for key in UNITED if not _texts(found.get(key, []))]
    if strange:
        kind = "object" if strange[0] in SHARED else "list of texts"
        line = next((number for number, one in enumerate(text.splitlines(), 1) if '"%s"' % strange[0] in one), 1)
        raise DaemonJsonError("{0} is not valid: line {1}: {2} is no {3}".format(path, line, strange[0], kind))
    return found


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def load(path: str = FILE) -> Tuple[str, Settings]:
    """The text and the settings of the file; one that is not there has none. Raises DaemonJsonError, OSError."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
    except FileNotFoundError:
        return "", {}
    except UnicodeDecodeError:
        raise DaemonJsonError("{0} is not valid JSON: line 1: it is no text in UTF-8".format(path)) from None
    return text, parse(text, path)


def render(settings: Settings, before: str = "") -> str:
    """The settings as text, indented as their owner does it."""
    found = re.search(r"^([ \t]+)\S", before, re.MULTILINE)
    return json.dumps(settings, indent=found.group(1) if found else "  ", ensure_ascii=False) + "\n"


# -- settings as leaves -----------------------------------------------------------------------------------------------


def leaves(settings: Mapping[str, Any]) -> Iterator[Tuple[Path, Any]]:
    """Each single setting with its path: an entry of a shared mapping, an item of a united list, or a key."""
    for key, value in settings.items():
        if key in SHARED:
            for name, one in value.items():
                yield (key, name), one
        elif key in UNITED:
            for item in value:
                yield (key, item), True
        else:
            yield (key,), value


def gather(found: Iterable[Tuple[Path, Any]]) -> Settings:
    """The settings that have these leaves."""
    settings: Settings = {}
    for path, value in found:
        if path[0] in SHARED:
            settings.setdefault(path[0], {})[path[1]] = value
        elif path[0] in UNITED:
            settings.setdefault(path[0], []).append(path[1])
        else:
            settings[path[0]] = value
    return settings


def _plain_runtime(value: Any) -> Any:
    """A runtime without what makes no difference: the program's directory and empty lists of arguments."""
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        return value
    kept = {name: one for name, one in value.items() if not (name in ("args", "runtimeArgs") and not one)}
    kept["path"] = os.path.basename(value["path"])
    return kept


def same(path: Path, one: Any, other: Any) -> bool:
    """Whether two values of a setting mean the same to the daemon."""
    if path[0] == "runtimes":
        return bool(_plain_runtime(one) == _plain_runtime(other))
    return type(one) is type(other) and bool(one == other)


def name(path: Path) -> str:
    """A setting's name for a sentence."""
    return ".".join(path)


def show(value: Any) -> str:
    """A value as the file would say it, and never longer than a glance."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


def missing(settings: Mapping[str, Any], ours: Mapping[str, Any]) -> List[str]:
    """The names of those of our settings that the file has no longer, or otherwise."""
    there = dict(leaves(settings))
    return [name(path) for path, value in leaves(ours) if path not in there or not same(path, there[path], value)]


# -- the merge --------------------------------------------------------------------------------------------------------


def merge(
    current: Settings,
    wanted: Settings,
    defaults: Sequence[Settings] = (),
    ours: Optional[Settings] = None,
    was: Optional[Settings] = None,
    replace: bool = False,
) -> Merge:
    """Merge what a role wants into what is there.

    wanted: has to hold; a foreign value in its place is a conflict, or with `replace` is kept in `was`.
    defaults: groups of settings, of which each gives way as a whole to any foreign value for one of its keys.
    ours, was: the role's record of earlier runs.
    """
    there, before = dict(leaves(current)), dict(leaves(ours or {}))
    replaced = dict(leaves(was or {}))
    asked = dict(leaves(wanted))
    told, conflicts = [], []  # type: List[str], List[str]

    def is_ours(path: Path) -> bool:
        return path in before and path in there and same(path, there[path], before[path])

    for group in defaults:
        keys = {path[0] for path, _ in leaves(group)} - {path[0] for path in asked}
        foreign = [path for path in there if path[0] in keys and not is_ours(path)]
        offered = {path: value for path, value in leaves(group) if path[0] in keys}
        if not foreign:
            asked.update(offered)
        elif any(path not in there or not same(path, there[path], value) for path, value in offered.items()):
            told += ["{0} stays {1}.".format(name(path), show(there[path])) for path in foreign]

    result = dict(there)
    kept: Dict[Path, Any] = {}
    for path in before:
        if path not in asked and is_ours(path):
            del result[path]
            if path in replaced:
                result[path] = replaced[path]
    for path, value in asked.items():
        if path in there and same(path, there[path], value):
            if path in before:
                kept[path] = there[path]
            continue
        if path in there and path not in before and not replace:
            conflicts.append("{0} is {1} there, and {2} is wanted".format(name(path), show(there[path]), show(value)))
            continue
        if path in there and not is_ours(path):
            told.append("{0} was {1} and is now {2}.".format(name(path), show(there[path]), show(value)))
            if path not in before:
                replaced[path] = there[path]
        result[path] = value
        kept[path] = value
    # A united list is tried from its beginning: the role's own items come first, in the order in which they are wanted.
    first = [path for path in asked if path[0] in UNITED and path in kept]
    merged = gather(
        [(path, True) for path in first] + [(path, one) for path, one in result.items() if path not in first]
    )
    for key in current:
        if key in (*SHARED, *UNITED) and not current[key]:  # an empty one has no leaves, but an owner
            merged.setdefault(key, current[key])
    ordered = {key: merged[key] for key in [*(key for key in current if key in merged), *merged]}
    replaced = {path: value for path, value in replaced.items() if path in kept}
    return Merge(copy.deepcopy(ordered), gather(kept.items()), gather(replaced.items()), conflicts, told)


def changed(before: Settings, after: Settings) -> List[str]:
    """The keys whose values differ."""
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def needs_restart(before: Settings, after: Settings) -> List[str]:
    """The changed keys that a running daemon does not take over. A key that has gone keeps its value until a restart."""
    return [key for key in changed(before, after) if key not in LIVE or key not in after or _lost(key, before, after)]


def _lost(key: str, before: Settings, after: Settings) -> bool:
    """Whether an entry of a runtime went, which the daemon would go on to offer."""
    return key == "runtimes" and bool(set(before.get(key) or {}) - set(after[key]))


def ends_containers(keys: Iterable[str]) -> List[str]:
    """Those keys with which not even live restore brings running containers through a restart."""
    return [key for key in keys if key not in HARMLESS]


# -- the record -------------------------------------------------------------------------------------------------------


def read_record(role: str, directory: str = RECORDS) -> Settings:
    """What the role has set so far; empty where there is no record."""
    try:
        found = json.loads(files.text(os.path.join(directory, role + ".json")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def write_record(role: str, record: Settings, directory: str = RECORDS) -> None:
    """Note what the role sets, before it does."""
    files.replace(os.path.join(directory, role + ".json"), json.dumps(record, indent=2, sort_keys=True) + "\n", 0o600)


def remove_record(role: str, directory: str = RECORDS) -> None:
    """Forget what the role has set."""
    path = os.path.join(directory, role + ".json")
    if os.path.exists(path):
        safe_tree.unlink(path)
        if not os.listdir(directory):
            safe_tree.rmdir(directory)
