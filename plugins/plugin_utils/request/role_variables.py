# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the roles that install, held against the roles' own argument specs before any of them runs.

Ansible checks a role's variables when the role begins. By then the roles before it have changed the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import prefixes

COLLECTION = Path(__file__).resolve().parents[3]
PLANNED = "tensorflow"  # the plan itself checks the request, and says what this host would accept
# Of a prefix that other collections use too, only a near miss is taken for a misspelt name.
OWNED_PREFIXES = prefixes("owned")
SHARED_PREFIXES = prefixes("shared")
NEAR_MISS = 0.92

WORDS = {
    "str": "a text",
    "path": "a path",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0"})


@cache
def options(root: Path = COLLECTION) -> dict[str, dict[str, Any]]:
    """Return name → argument spec of every variable of the roles that install."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        if file.parent.parent.name != PLANNED:
            specs = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)["argument_specs"]
            found.update(specs["main"]["options"])
    return found


def fits(value: Any, kind: str) -> bool:
    """Tell whether a value is of a spec's type, or a text that means one."""
    text = str(value).strip().lower()
    return {
        "str": isinstance(value, (str, int, float)) and not isinstance(value, bool),
        "path": isinstance(value, str),
        "int": isinstance(value, (int, str)) and not isinstance(value, bool) and text.isdecimal(),
        "bool": isinstance(value, bool) or text in _BOOLEANS,
        "list": isinstance(value, list),
        "dict": isinstance(value, Mapping),
    }.get(kind, True)


def _texts(value: Any) -> Iterator[str]:
    """Return all texts of a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key in value:
            yield from (*_texts(key), *_texts(value[key]))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def problems(variables: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]] | None = None) -> list[Problem]:
    """Return what is wrong with the variables of the roles that install; an empty list means that all of them fit."""
    known = options() if known is None else known
    found: list[Problem] = []
    for name in sorted(map(str, variables)):
        if name in known:
            value, spec = variables[name], known[name]  # and no other value: each is a template that may fail
            kind, element = spec.get("type", "str"), spec.get("elements", "raw")
            if not fits(value, kind):
                found.append(_problem(name, f"{name} is {show(value)}, which is not {WORDS[kind]}", WORDS[kind]))
                continue
            # They are written into units, apt's and pip's settings, which take one line for a value and hold none otherwise.
            strange = next((text for text in _texts(value) if CONTROL.search(text)), None)
            if strange is not None:
                message = f"{name} has {show(strange)} with a line break or another control character in it"
                found.append(_problem(name, message, "texts of one line"))
            for item in value if kind == "list" else ():
                if not fits(item, element):
                    message = f"{name} has the item {show(item)}, which is not {WORDS[element]}"
                    found.append(_problem(name, message, f"a list whose items are each {WORDS[element]}"))
        elif name.startswith((*OWNED_PREFIXES, *SHARED_PREFIXES)):
            shared = name.startswith(SHARED_PREFIXES)
            near = get_close_matches(name, known, n=1, cutoff=NEAR_MISS if shared else 0.6)
            if shared and not near:
                continue
            message = f"{name} is set, but no variable has that name"
            found.append(_problem(name, message, near[0] if near else "the names in docs/variables.md"))
    return found


def _problem(about: str, message: str, accepted: str) -> Problem:
    return {"about": about, "message": message, "accepted": accepted}
