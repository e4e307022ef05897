# SPDX-License-Identifier: GPL-3.0-or-later
"""An explanation as data and as text, of an output of any size."""

import itertools
import re
from typing import IO, Dict, List, Set

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher

PAGE = "docs/troubleshooting.md#"
CHUNK = 1 << 20  # bytes that are read at once
HEAD, MIDDLE, TAIL = 64 << 10, 96 << 10, 192 << 10  # bytes that are kept of a long output
AROUND = 2 << 10  # bytes that are kept before and after what looks like a failure
# What looks like a failure, by words that are quickly looked for and by what has to stand around them.
WORDS = (
    *(b"rror", b"ERROR", b"atal", b"FATAL", b"CUDA_ERROR", b"CUDNN_STATUS", b"Xid", b"Traceback", b"space left"),
    *(b"ermission denied", b"Killed", b"core dumped", b"not found", b"ailed", b"\nE: "),
)
FAILURE = re.compile(
    rb"Traceback \(most|[Ee]rror[:!]|ERROR|FATAL|[Ff]atal[: ]|CUDA_ERROR|CUDNN_STATUS|NVRM: Xid|\nE: |\n[EF]\d{4} |: [EF] \w+/|"
    rb"[Nn]o space left|[Pp]ermission denied|Killed|core dumped|command not found|failed to "
)
MOST = 500  # places that are looked at in a chunk
NUMBERS = re.compile(rb"\d+")
UNKNOWN = "something failed that is not known"
ADVICE = "search for the line that is quoted; the lines before it may say more"
NOTHING = "Nothing is known to be wrong in this output."


def read(stream: IO[bytes]) -> str:
    """Read an output of any size: both ends of a long one, and what looks like a failure in between."""
    head = stream.read(HEAD + TAIL)
    if len(head) < HEAD + TAIL:
        return decoded(head)
    head, tail = head[:HEAD], head[HEAD:]
    middle = _Middle()
    chunk = stream.read(CHUNK)
    while chunk:
        tail += chunk
        middle.take(tail[:-TAIL])
        tail = tail[-TAIL:]
        chunk = stream.read(CHUNK)
    return decoded(b"\n".join([head] + middle.pieces + [tail]))


class _Middle(object):
    """What is kept of the middle of a long output: pieces around what looks like failures, each kind of line once."""

    def __init__(self) -> None:
        self.pieces: List[bytes] = []
        self.room = MIDDLE
        self.seen: Set[bytes] = set()

    def take(self, raw: bytes) -> None:
        """Look through a further part."""
        if self.room <= 0 or not any(word in raw for word in WORDS):
            return
        end = 0
        for match in itertools.islice(FAILURE.finditer(raw), MOST):
            if match.start() < end:
                continue
            line = raw[raw.rfind(b"\n", 0, match.start()) + 1 : match.end() + AROUND].split(b"\n", 1)[0]
            kind = NUMBERS.sub(b"", line[:200])
            if kind in self.seen:
                continue
            self.seen.add(kind)
            end = match.end() + AROUND
            self.pieces.append(raw[max(0, match.start() - AROUND) : end])
            self.room -= len(self.pieces[-1])
            if self.room <= 0:
                return


def decoded(raw: bytes) -> str:
    """Return bytes as text, whatever they are."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    if raw[:400].count(b"\x00") > len(raw[:400]) // 3:  # UTF-16 without a mark
        return raw.decode("utf-16-le", "replace")
    return raw.decode("utf-8", "replace")


def explained(output: str) -> List[Dict[str, str]]:
    """Return what is wrong by an output, the most likely cause first; an empty list where nothing is."""
    found = [
        {
            "id": one.row.id,
            "cause": one.cause,
            "remedy": one.remedy,
            "quote": one.quote,
            "variable": one.variable,
        }
        for one in matcher.findings(output)
    ]
    line = "" if found else matcher.failure(output)
    return [{"id": "unknown", "cause": UNKNOWN, "remedy": ADVICE, "quote": line, "variable": ""}] if line else found


def text(found: List[Dict[str, str]]) -> str:
    """Return an explanation for people."""
    if not found:
        return NOTHING
    return "\n\n".join(_paragraph(one) for one in found)


def _paragraph(one: Dict[str, str]) -> str:
    lines = [
        "{0}{1}.".format(one["cause"][:1].upper(), one["cause"][1:]),
        "  it says: {0}".format(one["quote"]),
        "  to do:   {0}".format(one["remedy"]),
    ]
    if one["id"] != "unknown":
        lines.append("  more:    {0}{1}".format(PAGE, one["id"]))
    return "\n".join(lines)
