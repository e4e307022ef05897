# SPDX-License-Identifier: GPL-3.0-or-later
"""An explanation as data and as text, of an output of any size."""

import re
from typing import IO, Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher

PAGE = "docs/troubleshooting.md#"
CHUNK = 1 << 20  # bytes that are read at once
HEAD, MIDDLE, TAIL = 64 << 10, 96 << 10, 192 << 10  # bytes that are kept of a long output
AROUND = 2 << 10  # bytes that are kept before and after what looks like a failure
FAILURE = re.compile(
    rb"Traceback \(most|[Ee]rror[:!]|ERROR|FATAL|fatal:|Fatal |CUDA_ERROR|CUDNN_STATUS|NVRM: Xid|\nE: |\n[EF]\d{4} |"
    rb": [EF] \w+/|"
    rb"[Nn]o space left|[Pp]ermission denied|Killed|core dumped|command not found|not a directory|failed to "
)
UNKNOWN = "something failed that is not known"
ADVICE = "search for the line that is quoted; the lines before it may say more"
NOTHING = "Nothing is known to be wrong in this output."


def read(stream: IO[bytes]) -> str:
    """Read an output of any size: both ends of a long one, and what looks like a failure in between."""
    head = stream.read(HEAD + TAIL)
    if len(head) < HEAD + TAIL:
        return decoded(head)
    head, tail = head[:HEAD], head[HEAD:]
    kept, room = [head], MIDDLE
    chunk = stream.read(CHUNK)
    while chunk:
        tail += chunk
        passed, tail = tail[:-TAIL], tail[-TAIL:]
        for match in FAILURE.finditer(passed) if room > 0 else ():
            if room <= 0:
                break
            piece = passed[max(0, match.start() - AROUND) : match.end() + AROUND]
            if piece[:64] not in kept[-1]:
                kept.append(piece)
                room -= len(piece)
        chunk = stream.read(CHUNK)
    return decoded(b"\n".join(kept + [tail]))


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
