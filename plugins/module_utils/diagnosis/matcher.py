# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed step's output means, by the table of known troubles. Pure; used on hosts and on the controller.

An output that no row knows is shown by its last lines and called unknown.
"""

import re
from typing import List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import printable
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.catalog import DOWNLOADS, ROWS, Row

without_logins = printable.without_logins

QUOTED = 4  # more names than these say no more
UNKNOWN = "an unknown failure, whose last words were: "
WRAPPED = re.compile(r"\n {6,}(?=[a-z])")  # how uv goes on with a sentence on its next line
# Lines that follow the one that says what went wrong, and say nothing about it.
NOISE = re.compile(
    r"\[notice\]|WARNING: |W: |hint: (?:See above|This is an issue with the package)|note: This |Note, |"
    r"Consider using|During handling of|The above exception|Traceback \(most recent|\s*[\^~]+$|Some index files failed to download"
)


def claims(output: str) -> List[Row]:
    """Return the rows that claim an output; of known outputs, that is one."""
    found = {row.id: row for row in ROWS if any(re.search(one, output, re.MULTILINE) for one in row.signatures)}
    return [row for row in found.values() if not any(other in found for other in row.behind)]


def diagnose(output: str) -> Optional[Row]:
    """Return the row that explains an output, or None."""
    return next(iter(claims(output)), None)


def quoted(row: Row, output: str) -> str:
    """Return the words of an output that name what is concerned, or nothing."""
    words: List[str] = []
    whole = WRAPPED.sub(" ", output)
    for match in re.finditer(row.quote, whole, re.MULTILINE) if row.quote else ():
        text = " ".join(match.group(0).split())
        if text not in words:
            words.append(text)
    return "; ".join(words[:QUOTED])


def cause(row: Row, output: str = "") -> str:
    """Return a row's cause, with what the output says of who is concerned."""
    names = quoted(row, output)
    return "{} ({})".format(row.cause, names) if names else row.cause


def explain(output: str) -> str:
    """Return cause and remedy in one sentence, or an empty string for an output that no row knows."""
    row = diagnose(output)
    return "{}; {}".format(cause(row, output), row.remedy) if row else ""


def transient(output: str) -> bool:
    """Tell whether trying again may help."""
    row = diagnose(output)
    return row is not None and row.transient


def of_the_network(output: str) -> bool:
    """Tell whether the network may be to blame, or whom it leads to: another place to ask may serve."""
    row = diagnose(output)
    return row is None or row.id in DOWNLOADS


def last_words(output: str, lines: int = 3) -> str:
    """Return the last lines of an output that say something."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in said if not NOISE.match(line)]
    return " / ".join((telling or said)[-lines:])


def unknown(output: str, lines: int = 3) -> str:
    """Return the last lines of an output that no row explains."""
    return UNKNOWN + (last_words(output, lines) or "(nothing)")
