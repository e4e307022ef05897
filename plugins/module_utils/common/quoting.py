# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in the syntax of the file that they are written into, so that they stay one value there. Pure.

No syntax here takes a line break in a value; what holds one is refused before any file is written.
"""

import re


def shell(text: str) -> str:
    """Return a text for a POSIX shell, within double quotes; the same also where a shell matches patterns."""
    return '"{0}"'.format(re.sub(r'([\\"$`])', r"\\\1", text))


def tcl(text: str) -> str:
    """Return a text as one word of Tcl, also within the braces of a script."""
    if not re.search(r"[\\{}\n]", text):
        return "{" + text + "}"
    return re.sub(r'([\\"$\[\]{}; #])', r"\\\1", text).replace("\t", "\\t").replace("\n", "\\n")


def systemd(word: str) -> str:
    """Return a word of a command line in a unit."""
    escaped = specifiers(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"{0}"'.format(escaped) if re.search(r"[\s\"';$\\]", word) else escaped


def specifiers(text: str) -> str:
    """Return a text for a setting of a unit that is no command line."""
    return text.replace("%", "%%")
