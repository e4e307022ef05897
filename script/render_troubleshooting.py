#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the table of known troubles as docs/troubleshooting.md.

    render_troubleshooting.py [--check]

With --check it writes nothing, tells whether the page is not as the table says, and fails if so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog  # noqa: E402 (the path is set above)

PROVOKED = ROOT / "tests" / "unit" / "module_utils" / "diagnosis" / "outputs" / "provoked"
PAGE = ROOT / "docs" / "troubleshooting.md"
HEAD = """\
# Troubleshooting

When a step of a run fails, Tensorwright holds what was printed against this table, whichever program printed it, and tells the cause
and what to do, once for all hosts that have the same trouble. All that was printed is in a file that the end of the run names. What no
row of the table knows is shown by its last lines, and said to be unknown.

`playbooks/diagnose.yml` does the same on machines that others have installed: it looks at their Pythons, TensorFlow, driver, Docker and
apt sources, and changes nothing.

```sh
ansible-playbook playbooks/diagnose.yml -i inventory/my
```

<!-- Rendered by script/render-troubleshooting from plugins/module_utils/diagnosis/catalog.py. Edit that. -->

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
            yield f"{sentence(row.cause)}{'' if row.id in provoked else ' *(captured)*'}\n"
            yield f"- What to do: {row.remedy}."
            yield (
                f"- More: <{row.reference}>"
                if "://" in row.reference
                else f"- More: [{row.reference}]({row.reference})"
            )
            yield f"- Known by: {', '.join(code(signature) for signature in row.signatures)}\n"


def sentence(text: str) -> str:
    """A cause as a sentence of its own."""
    return f"{text[0].upper()}{text[1:]}."


def code(signature: str) -> str:
    """A regular expression as it is."""
    return f"`` {signature} ``" if "`" in signature else f"`{signature}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
