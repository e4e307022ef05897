# SPDX-License-Identifier: GPL-3.0-or-later
"""apt's lists of sources, in both of their formats: which repositories they name, and the same text without one of them."""

import re
from typing import Callable, Dict, List, Tuple

LINE = re.compile(r"^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)(.*)$")
REMOVED = "# Disabled by Tensorwright: "

Source = Tuple[str, str]  # address, what it is signed by


def address(text: str) -> str:
    """A repository's address, written in one way."""
    return re.sub(r"^https?://", "", text).rstrip("/").lower()


def _option(options: str, name: str) -> str:
    found = re.search(r"(?:^|\s)" + name + r"=(\S+)", options or "", re.IGNORECASE)
    return found.group(1) if found else ""


def _of_line(line: str) -> List[Source]:
    found = LINE.match(line)
    return [(address(found.group(3)), _option(found.group(2), "signed-by"))] if found else []


def _fields(stanza: str) -> Dict[str, str]:
    return {
        name.lower(): " ".join(value.split())
        for name, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
    }


def _of_stanza(stanza: str) -> List[Source]:
    fields = _fields(stanza)
    if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
        return []
    return [(address(uri), fields.get("signed-by", "")) for uri in fields.get("uris", "").split()]


def without(text: str, deb822: bool, unwanted: Callable[[str], str]) -> Tuple[str, List[str]]:
    """The text with the sources disabled for which `unwanted` gives a reason, and those reasons.

    `unwanted` gets an address. A source is commented out, so its owner sees what was there and why it went.
    """
    reasons: List[str] = []
    parts = re.split(r"(\n[ \t]*\n)", text) if deb822 else text.splitlines(True)
    kept = []
    for part in parts:
        found = _of_stanza(part) if deb822 else _of_line(part)
        why = next((reason for reason in (unwanted(place) for place, _signed in found) if reason), "")
        if why:
            reasons.append(why)
            part = "".join("# " + line for line in part.splitlines(True))
            part = REMOVED + why + "\n" + part
        kept.append(part)
    return "".join(kept), reasons
