#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the roles' argument specifications as documentation.

    render_variables.py [--check]

Writes docs/variables.md and the table of the most needed variables in README.md. With --check it writes nothing, names the files that
are not as the specifications say, and fails if there are any.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FIRST = "tensorflow"  # its variables are the request; other roles follow by name
# What nobody gets by without; the README shows these and no others.
IN_README = ("version", "device", "method", "python", "path", "environments", "driver_branch", "keep_releases")
BEGIN = "<!-- begin: rendered by script/render-variables -->"
END = "<!-- end: rendered by script/render-variables -->"
HEAD = """\
# Variables

Set them for hosts or groups in an inventory, or for one run with `-e`. Each role's variables begin with the role's name.

<!-- Rendered by script/render-variables from roles/*/meta/argument_specs.yml. Edit those. -->
"""
COMPUTED = "computed"
# The markup of Ansible's documentation: V(value), O(option), C(code), M(module), P(plugin#type).
MARKUP = re.compile(r"\b[VOCMP]\(([^()]*)\)")

Option = Mapping[str, Any]


def main(arguments: list[str]) -> int:
    """Write what is not current, or with --check tell it; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {Path(sys.argv[0]).name} [--check]", file=sys.stderr)
        return 2
    stale = {path: text for path, text in rendered(ROOT).items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if arguments:
            print(f"{path.relative_to(ROOT)} is not as the argument specifications say; run script/render-variables.")
        else:
            path.write_text(text)
            print(f"{path.relative_to(ROOT)} written.")
    return 1 if arguments and stale else 0


def rendered(root: Path) -> dict[Path, str]:
    """Return each file that has rendered parts, with the text that it should have."""
    specifications = read(root)
    readme = root / "README.md"
    request = specifications[FIRST]["options"]
    shown = {f"{FIRST}_{name}": request[f"{FIRST}_{name}"] for name in IN_README}
    return {
        root / "docs" / "variables.md": page(specifications),
        readme: with_section(readme.read_text(), table(shown)),
    }


def read(root: Path) -> dict[str, dict[str, Any]]:
    """Return role → specification of its main entry point, in the order of the page."""
    files = (root / "roles").glob("*/meta/argument_specs.yml")
    found = {file.parent.parent.name: yaml.safe_load(file.read_text())["argument_specs"]["main"] for file in files}
    return {role: found[role] for role in sorted(found, key=lambda role: (role != FIRST, role))}


def page(specifications: Mapping[str, Mapping[str, Any]]) -> str:
    """Return docs/variables.md."""
    return "\n".join([HEAD, *("\n".join(section(role, spec)) for role, spec in specifications.items())])


def section(role: str, specification: Mapping[str, Any]) -> list[str]:
    """Return the lines about one role."""
    about = sentences([f"{specification['short_description']}.", *as_list(specification.get("description", []))])
    return [f"## {role}", "", about, "", *table(specification["options"]), ""]


def table(options: Mapping[str, Option]) -> list[str]:
    """Return the lines of a table of variables, in the order of the specification."""
    rows = [
        (f"`{name}`", default(option), sentences(as_list(option["description"]))) for name, option in options.items()
    ]
    lines = [("variable", "default", "meaning"), ("---", "---", "---"), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


def default(option: Option) -> str:
    """Return a variable's default; one that the specification leaves out is computed, and the description says how."""
    if "default" not in option:
        return COMPUTED
    value = option["default"]
    if value == "":
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def sentences(lines: Iterable[str]) -> str:
    """Return a description as one paragraph of Markdown."""
    return MARKUP.sub(r"`\1`", " ".join(" ".join(line.split()) for line in lines))


def as_list(description: str | list[str]) -> list[str]:
    """Return a description's paragraphs; a single one may stand alone."""
    return [description] if isinstance(description, str) else description


def with_section(text: str, lines: Iterable[str]) -> str:
    """Return a text whose part between the markers is what these lines say."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md has lost its markers: {BEGIN} … {END}")
    return "\n".join([before + begin, *lines, end + after])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
