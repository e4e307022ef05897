#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the table of known troubles as docs/troubleshooting.md.

    render_troubleshooting.py [--check]

With --check it writes nothing, tells whether the page is not as the table says, and fails if so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, enumerations  # noqa: E402 (the path is set above)

PROVOKED = ROOT / "tests" / "unit" / "module_utils" / "diagnosis" / "outputs" / "provoked"
PAGE = ROOT / "docs" / "troubleshooting.md"
HEAD = """\
# Troubleshooting

`script/explain` tells what any output means, a whole log or three lines, and what to do about it. It needs a Python and nothing else:

```sh
script/explain train.log
docker run --gpus all my-image 2>&1 | script/explain
script/explain --format json train.log
```

Where the collection is installed, `ansible-playbook tensorwright.fleet.explain -e explain_file=train.log` does the same. The most
likely cause comes first. Only what failed is told: warnings, notices and optional libraries on a host without a GPU are not. What no
row of the table below knows is looked up by its error code (of CUDA and its libraries, the system, HTTP, TLS, conda, the driver's
Xid) or read by the grammar of the error; what stays unknown is said to be unknown, and its telling line quoted.

When a step of a run fails, Tensorwright holds what was printed against the same table, whichever program printed it, and tells the
cause and what to do, once for all hosts that have the same trouble. All that was printed is in a file that the end of the run names.

`playbooks/diagnose.yml` does the same on machines that others have installed: it looks at their Pythons, TensorFlow, driver, Docker and
apt sources, and changes nothing.

```sh
ansible-playbook playbooks/diagnose.yml -i inventory/my
```

<!-- Rendered by script/render-troubleshooting from plugins/module_utils/diagnosis/rows/. Edit that. -->

Of the {rows} rows, {provoked} are provoked for real by a test (`script/test molecule diagnosis`); the others, marked *captured*, are
tested with what others have published.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or with --check tell whether it is current; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {Path(sys.argv[0]).name} [--check]", file=sys.stderr)
        return 2
    text = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    if arguments:
        print(f"{PAGE.relative_to(ROOT)} is not as the table says; run script/render-troubleshooting.")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written.")
    return 0


def page() -> str:
    """The page."""
    provoked = {path.name.partition(".")[0] for path in PROVOKED.glob("*.txt")}
    head = HEAD.format(rows=len(catalog.ROWS), provoked=len(provoked))
    return "\n".join([head, *(line for part in catalog.PARTS for line in section(part, provoked))])


def section(part: str, provoked: set[str]) -> Iterator[str]:
    """A part's heading and its rows."""
    yield f"## {part}\n"
    for row in catalog.ROWS:
        if row.part == part:
            yield f"### {row.id}\n"
            yield f"{sentence(named(row.cause))}{'' if row.id in provoked else ' *(captured)*'}\n"
            yield f"- What to do: {named(row.remedy)}."
            yield (
                f"- More: <{row.reference}>"
                if "://" in row.reference
                else f"- More: [{row.reference}]({row.reference})"
            )
            yield f"- Known by: {known_by(row)}\n"


def known_by(row: catalog.Row) -> str:
    """What a row is found by: its patterns, and the error codes that mean it."""
    codes = [
        family.label.format(name=entry.name, number=entry.number)
        for family in enumerations.FAMILIES
        for entry in enumerations.entries(family.table)
        if entry.row == row.id
    ]
    found = [code(signature) for signature in row.signatures] + codes
    return ", ".join(found) or "the grammar of the error"


def named(text: str) -> str:
    """A text with capitals for what an output names."""
    return re.sub(r"\{(\w+)\}", lambda match: match.group(1).upper(), text)


def sentence(text: str) -> str:
    """A cause as a sentence of its own."""
    return f"{text[0].upper()}{text[1:]}."


def code(signature: str) -> str:
    """A regular expression as it is."""
    return f"`` {signature} ``" if "`" in signature else f"`{signature}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
