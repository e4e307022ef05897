# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of anybody's made safe to show: terminals obey escape sequences, readers the order of letters, and URLs hold logins. Pure."""

import re
import unicodedata

# What programs colour and terminals obey, in 7 and in 8 bits. No part begins with what another could begin with, so that
# a text of nothing but beginnings takes no longer than any other.
SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, the cursor, what is erased
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x90\x98-\x9f\n]*(?:\x07|\x1b\\\\|\x9c)"  # titles, clipboards, links
    "|\x1b[ -/]*[0-~]"
)
DOUBTFUL = re.compile("[^\n\t -~]+")


def _plain(match: "re.Match[str]") -> str:
    letters = []
    for letter in match.group():
        if letter.isprintable():
            letters.append(letter)
        elif letter in "\x0b\x0c\x85\u2028\u2029":
            letters.append("\n")
        elif unicodedata.category(letter) == "Zs":
            letters.append(" ")
    return "".join(letters)


def printable(text: str) -> str:
    """Return the lines of a text without escape sequences, control characters and what turns the direction of writing.

    A carriage return, with which a text would write over itself, begins a new line; tabs stay.
    """
    if not DOUBTFUL.search(text):
        return text
    text = SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return DOUBTFUL.sub(_plain, text)


def printable_line(text: str) -> str:
    """Return a text in one line, so that it cannot pass for two."""
    return " ".join(printable(text).split())


def printable_bytes(output: bytes) -> bytes:
    """Return what a program printed, for a log that people look at."""
    return printable(output.decode("utf-8", "replace")).encode("utf-8")


def without_logins(text: str) -> str:
    """Return a text without the user and password, or the token, of any URL in it."""
    return re.sub(r"(\w://)[^/?#\s'\"<>]*@", r"\1", text)
